# SPDX-License-Identifier: BSD-3-Clause
"""Usher, the kernel's nftables, HAProxy and no director at all, in one network of namespaces, in
turn in each round. Run by `tools/bench peers`; docs/performance.md says how to read it."""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/e2e"))  # the tests' network is the benchmark's

import loads  # noqa: E402
from cpu_time import CpuTime  # noqa: E402
from directors import UDP, Haproxy, Nftables, NoDirector, Usher  # noqa: E402
from iperf import start_iperf_server  # noqa: E402
from processes import CORES, Interrupted, clean_up_on_signals  # noqa: E402
from topology import Rig  # noqa: E402

SERVERS = 3
WITH_OFFLOAD = "TCP Gbit/s, 4 streams, segmentation offload"
SINK = ("import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        f"s.bind(('', {UDP})); time.sleep(1e6)")


class Clock:
    """The processor time of everything in the boxes since it was made."""

    def __init__(self, rig, director):
        self.director = director
        self.cpu = CpuTime([rig.client, rig.director, rig.switch, *rig.servers])
        self.before = self.cpu.snapshot()
        self.begin = time.monotonic()
        self.cycles = director.worker_cycles()

    def microseconds_each(self, what, count):
        """{figure: value}: all of it, and without what Usher's worker polled in vain."""
        after = self.cpu.snapshot()
        seconds = self.cpu.between(self.before, after)
        busy, total = (now - then for now, then in
                       zip(self.director.worker_cycles(), self.cycles))
        in_vain = 0
        if total:
            own = self.director.process_id()
            worked = busy / total * (time.monotonic() - self.begin)
            in_vain = max(0, after[0][own] - self.before[0][own] - worked)
        return {f"CPU us a {what}": seconds / max(count, 1) * 1e6,
                f"CPU us a {what}, less idle polling": (seconds - in_vain) / max(count, 1) * 1e6}


def set_offload(rig, state):
    for box, interface in ((rig.client, "c0"), (rig.client, "c1"),
                           *((box, "r0") for box in rig.servers)):
        box.run("ethtool", "-K", interface, "tx", state, "tso", state, "gso", state, "gro", state)


def use_all_cores(rig):
    """The clients and servers, as the directors do."""
    for pid in (0, *CpuTime([rig.client, *rig.servers]).processes()):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, CORES)


def turn(rig, director, seconds, figures):
    """All loads with one director, then bulk TCP with what virtual interfaces can do."""
    director.start()
    try:
        for load in loads.LOADS:
            collect(figures, director, load(rig, director, seconds, Clock(rig, director)))
        if director.name != "usher":
            set_offload(rig, "on")
            (rate,) = loads.bulk(rig, director, seconds, None).values()
            collect(figures, director, {WITH_OFFLOAD: rate})
    finally:
        set_offload(rig, "off")
        director.stop()


def collect(figures, director, values):
    for name, value in values.items():
        figures.setdefault(name, {}).setdefault(director.name, []).append(value)


def rows_of(figures):
    for name, by_director in figures.items():
        usher = statistics.median(by_director.get("usher", [0]))
        for director, values in by_director.items():
            median = statistics.median(values)
            yield {"case": f"peers {name}", "director": director, "median": median,
                   "minimum": min(values), "maximum": max(values), "rounds": len(values),
                   "to_usher": median / usher if usher else None}


def show(rows):
    print(f"{'figure':46} {'director':9} {'median':>10} {'min':>10} {'max':>10} {'/usher':>7}")
    for row in rows:
        ratio = f"{row['to_usher']:.2f}" if row["to_usher"] is not None else "-"
        values = " ".join(f"{row[key]:10.{1 if row[key] < 1000 else 0}f}"
                          for key in ("median", "minimum", "maximum"))
        print(f"{row['case'].removeprefix('peers '):46} {row['director']:9} {values} {ratio:>7}")


def measure(options):
    figures = {}
    with Rig("peers", SERVERS, ROOT / options.build / "tools") as rig:
        for number in range(1, SERVERS + 1):
            rig.start_nginx(number, keepalive=1_000_000_000)
            rig.servers[number - 1].start("python3", "-c", SINK)
        start_iperf_server(rig.servers[0])
        use_all_cores(rig)
        directors = [NoDirector(rig), Usher(rig), Nftables(rig), Haproxy(rig)]
        for number in range(options.rounds):
            for director in directors:
                print(f"round {number + 1} of {options.rounds}: {director.name}", file=sys.stderr)
                turn(rig, director, options.seconds, figures)
    return list(rows_of(figures))


def main():
    parser = argparse.ArgumentParser(prog="tools/bench peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load (default 2)")
    parser.add_argument("--quick", action="store_true", help="one short round, to see it work")
    parser.add_argument("--build", default="build/release", help="where usherd was built")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    clean_up_on_signals()
    try:
        rows = measure(options)
    except Interrupted as signal_name:
        sys.exit(f"ended by {signal_name}")
    show(rows)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
