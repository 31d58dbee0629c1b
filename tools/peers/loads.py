# SPDX-License-Identifier: BSD-3-Clause
"""What is asked of a director: each load says {figure: value}."""

import ctypes
import json
import re
import socket
import subprocess
import time

from directors import UDP
from iperf import iperf_result, start_iperf
from processes import CORES, LIBC

FLOWS = 16
BATCH = 64
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}


def wrk(rig, director, seconds, *words, connections):
    child = rig.client.start(
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "--latency", *words,
        f"http://{director.host}/", cores=CORES, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    said = child.communicate()[0]
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", said, re.MULTILINE)
    count = re.search(r"^\s+(\d+) requests in ", said, re.MULTILINE)
    if rate is None or count is None or "Non-2xx" in said or re.search(
            r"connect [1-9]|read [1-9]|write [1-9]|timeout [1-9]", said):
        raise RuntimeError(f"{director.name}: wrk says {said}")
    return said, float(rate[1]), int(count[1])


def percentile(said, which):
    """In microseconds."""
    value, unit = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s)$", said, re.MULTILINE).groups()
    return float(value) * UNITS[unit]


def connections(rig, director, seconds, clock):
    _, rate, count = wrk(rig, director, seconds, "-H", "Connection: close", connections=64)
    return {"new connections/s": rate, **clock.microseconds_each("connection", count)}


def requests(rig, director, seconds, clock):
    _, rate, count = wrk(rig, director, seconds, connections=64)
    return {"requests/s kept alive": rate, **clock.microseconds_each("request", count)}


def latency(rig, director, seconds, _):
    """One request at a time, on a connection that is kept."""
    said, _, _ = wrk(rig, director, seconds, connections=1)
    return {"latency p50 us": percentile(said, 50), "latency p99 us": percentile(said, 99)}


def bulk(rig, director, seconds, _):
    child = start_iperf(rig.client, director.host, "-P", "4", seconds=seconds,
                        cores=CORES)
    received = iperf_result(child)["sum_received"]
    return {"TCP Gbit/s, 4 streams": received["bits_per_second"] / 1e9}


class Message(ctypes.Structure):
    """struct mmsghdr of a datagram on a connected socket."""
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
                ("parts", ctypes.c_void_p), ("part_count", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]


class Part(ctypes.Structure):
    """struct iovec."""
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


def received(rig):
    """By all servers' interfaces."""
    total = 0
    for box in rig.servers:
        (link,) = json.loads(box.run("ip", "-j", "-s", "link", "show", "r0"))
        total += link["stats64"]["rx"]["packets"]
    return total


def datagrams(rig, director, seconds, clock):
    """As many small ones as a sender can send; what reaches the servers counts."""
    if not director.carries_udp:
        return {}
    with rig.client.inside():
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOWS)]
    for each in sockets:
        each.connect((director.host, UDP))
        each.send(b"first")  # makes its connection
    part = Part(b"x" * 18, 18)
    messages = (Message * BATCH)(*[Message(None, 0, ctypes.addressof(part), 1) for _ in
                                   range(BATCH)])
    time.sleep(0.1)
    had, sent = received(rig), 0
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        for each in sockets:
            sent += max(0, LIBC.sendmmsg(each.fileno(), messages, BATCH, 0))
    took = time.monotonic() - begin
    time.sleep(0.1)
    got = received(rig) - had
    for each in sockets:
        each.close()
    return {"UDP sent/s": sent / took, "UDP delivered/s": got / took,
            **clock.microseconds_each("packet", got)}


LOADS = [connections, requests, latency, datagrams, bulk]
