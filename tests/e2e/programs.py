#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Programs through virtual services: iperf3 with several streams, both ways, and with datagrams;
100 MB of HTTP down and up; traceroute to the virtual address."""

import hashlib
import os
import sys

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from iperf import IPERF_PORT, iperf, start_iperf_server  # noqa: E402
from topology import VIP, main, server_address, service  # noqa: E402

MEGABYTES = 100
FILES = "location /files/ {{ root {}; dav_methods PUT; client_max_body_size 0; }}"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_iperf(rig):
    for words, what in (((), "up"), (("-R",), "down")):
        end = iperf(rig.client, VIP, "-P", "4", *words)
        received = end["sum_received"]["bytes"]
        rate = end["sum_received"]["bits_per_second"] / 1e9
        expect(received > 1_000_000 and len(end["streams"]) == 4,
               f"iperf3, 4 TCP streams {what}: {received >> 20} MiB, {rate:.2f} Gbit/s")
    for words, what in (((), "up"), (("-R",), "down")):
        end = iperf(rig.client, VIP, "-u", "-b", "20M", "-l", "1200", *words, seconds=1)["sum"]
        # A busy machine's sockets may overflow; that usherd drops none is looked at in the end.
        expect(end["packets"] > 0 and end["lost_packets"] < end["packets"] / 2,
               f"iperf3, UDP {what}: {end['packets']} datagrams, {end['lost_packets']} lost")


def test_bulk_http(rig, folder):
    """One file there, and another one back."""
    down, got, up = folder / "files/down", rig.folder / "got", rig.folder / "up"
    for path in (down, up):
        path.write_bytes(os.urandom(1_000_000) * MEGABYTES)
    curl = ("curl", "-sS", "--fail", "--max-time", "300")
    rig.client.run(*curl, "-o", got, f"http://{VIP}/files/down")
    expect(digest(got) == digest(down), f"{MEGABYTES} MB by HTTP came down whole")
    rig.client.run(*curl, "-T", up, f"http://{VIP}/files/up")
    expect(digest(folder / "files/up") == digest(up), f"and {MEGABYTES} MB went up")


def test_traceroute(rig):
    said = rig.client.run("traceroute", "-n", "-T", "-p", "80", "-q", "1", "-w", "10", VIP)
    hops = [line.split()[1] for line in said.splitlines()[1:]]
    expect(hops == [VIP, VIP], f"traceroute by SYN: the director and, behind it, the server {hops}")
    said = rig.client.run("traceroute", "-n", "-q", "1", "-w", "10", VIP)
    hops = [line.split()[1] for line in said.splitlines()[1:]]
    expect(hops == [VIP], f"traceroute by UDP ends at the box {hops}")


def test(rig):
    folder = rig.folder / "web-1"
    (folder / "files").mkdir(parents=True)
    rig.start_nginx(1, more=FILES.format(folder))
    start_iperf_server(rig.servers[1])
    second = server_address(2)
    rig.usherd.start(service([f"{server_address(1)}:80"])
                     + service([f"{second}:{IPERF_PORT}"], "tcp", IPERF_PORT)
                     + service([f"{second}:{IPERF_PORT}"], "udp", IPERF_PORT))
    test_iperf(rig)
    test_bulk_http(rig, folder)
    test_traceroute(rig)
    drops = rig.usherd.drops()
    expect(set(drops) <= {"ttl-exceeded"}, f"nothing was dropped but what traceroute wants {drops}")


main("programs", test, servers=2)
