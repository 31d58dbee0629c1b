# SPDX-License-Identifier: BSD-3-Clause
"""iperf3 between boxes."""

import json
import subprocess
import time

from boxes import listening

IPERF_PORT = 5201


def start_iperf_server(box, address=None):
    bound = ["-B", address] if address else []
    child = box.start("iperf3", "-s", *bound, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not listening(box, IPERF_PORT):
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("iperf3 does not start")
        time.sleep(0.02)
    return child


def start_iperf(box, address, *words, seconds=2, **options):
    return box.start("iperf3", "-c", address, "-J", "-t", seconds, *words,
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def iperf_result(child):
    """What it says at its end; raises when something went wrong."""
    said = json.loads(child.communicate()[0])
    if "error" in said:
        raise RuntimeError(f"iperf3: {said['error']}")
    return said["end"]


def iperf(box, address, *words, seconds=2):
    return iperf_result(start_iperf(box, address, *words, seconds=seconds))
