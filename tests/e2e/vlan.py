#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A router on a stick: the director has one cable; clients are in VLAN 10 and servers in VLAN 20 of
it. Then clients without a tag, servers in VLAN 20, and two workers that share what comes. HTTP, UDP
in fragments too, and pings to the director itself, whose tagged packets stay with Linux."""

import socket
import subprocess
import sys

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from echo import UdpEcho  # noqa: E402
from http_load import get_once  # noqa: E402
from processes import CORES  # noqa: E402
from rigs import INSIDE, TRUNK, HalfTagged, OnAStick  # noqa: E402
from topology import DIRECTOR_INSIDE, VIP, main, server_address, service  # noqa: E402

PORT = 7
REQUESTS = 200


def expect_ping(box, target, size=56):
    done = subprocess.run([str(word) for word in box.command(
        ["ping", "-c", "3", "-i", "0.2", "-W", "10", "-s", size, target])],
        capture_output=True, text=True)
    expect(" 0% packet loss" in done.stdout, f"{box.name} pings {target} with {size} bytes")


def expect_udp(rig):
    with rig.client.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(20)
    client.connect((VIP, PORT))
    for text in (b"hello", b"f" * 3000):
        client.send(text)
        expect(client.recv(65536).endswith(b": " + text), f"UDP, {len(text)} bytes and back")


def test(rig, workers):
    for number in (1, 2):
        rig.start_nginx(number)
        UdpEcho(rig.servers[number - 1], PORT, f"server {number}")
    rows = [f"{server_address(n)}:80" for n in (1, 2)]
    echoes = [f"{server_address(n)}:{PORT}" for n in (1, 2)]
    rig.usherd.start(
        service(rows, scheduler="rr") + service(echoes, "udp", PORT, "rr"), **rig.config(workers))
    with rig.client.inside():
        answers = [get_once() for _ in range(REQUESTS)]
    expect(answers == [answers[0], answers[1]] * (REQUESTS // 2) and answers[0] != answers[1],
           f"{REQUESTS} requests went to both servers in turn")
    shares = [row["packets"] for row in rig.usherd.ask("worker.list")]
    expect(len(shares) == workers and min(shares) > 100,
           f"{len(shares)} workers had a share each")
    expect_udp(rig)
    expect_ping(rig.client, "198.51.100.1")
    expect_ping(rig.client, VIP, 3000)
    expect_ping(rig.servers[0], DIRECTOR_INSIDE)
    listed = {row["name"]: row for row in rig.usherd.ask("port.list")}
    expect(listed[f"{TRUNK}.{INSIDE}"]["attach"] == "vlan" and
           listed[TRUNK]["role"] == ("external" if rig.outside == 0 else "-"),
           "usher port shows VLANs and what they are on")
    expect(rig.usherd.drops() == {}, "nothing was dropped")
    if rig.outside:
        # Of the file's interfaces only: a saved file with another one could not be read again.
        done = rig.usherd.call(f"mark add 7 --interface {TRUNK}", program="usher")
        expect(done.returncode == 1 and "needs a restart" in done.stderr,
               "no mark rule for the interface below the VLANs")
        rig.usherd.ask("marks.set", marks=[{"mark": 7, "interface": f"{TRUNK}.{INSIDE}"}])
        rig.usherd.ask("config.save")
        rig.usherd.ask("config.reload")
        expect(True, "a file with a mark rule for a VLAN can be read again")


print("clients in VLAN 10, servers in VLAN 20")
main("vlan-stick", lambda rig: test(rig, 1), servers=2, network=OnAStick)
if len(CORES) >= 2:
    print("clients without a tag, servers in VLAN 20, two workers")
    main("vlan-half", lambda rig: test(rig, 2), servers=2, network=HalfTagged)
