#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tcpdump at the client and at a server: every checksum is right, the client sees only the virtual
address, the server sees the client's, and each way costs one of the TTL."""

import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from echo import UdpEcho  # noqa: E402
from frames import ICMP, TCP, UDP, read_capture  # noqa: E402
from http_load import WebConnection, get_once  # noqa: E402
from topology import CLIENT, VIP, main, server_address, service  # noqa: E402

SERVER = server_address(1)
SO_NO_CHECK = 11
TTL = 64


def start_tcpdump(rig, box, interface):
    path = rig.folder / f"{interface}.pcap"
    child = box.start("tcpdump", "-i", interface, "-s0", "-U", "-n", "--immediate-mode",
                      "-Z", "root", "-w", path,
                      "ip and not igmp", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while "listening on" not in (line := child.stderr.readline()):
        if not line:
            raise RuntimeError("tcpdump does not start")
    return path, child


def traffic(rig):
    with rig.client.inside():
        for _ in range(20):
            get_once()
        connection = WebConnection()
        with_checksum, without = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                                  for _ in range(2)]
        refused = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(20):
        connection.get()
    connection.close()
    without.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    for client in (with_checksum, without):
        client.settimeout(20)
        client.connect((VIP, 7))
        for size in (1, 2, 3, 100, 1001, 1400):
            client.send((bytes(range(256)) * 6)[:size])
            client.recv(2000)
    refused.connect((VIP, 9))  # a service without a server
    refused.settimeout(20)
    refused.send(b"anybody?")
    try:
        refused.recv(100)
        raise AssertionError("somebody answers where nobody is")
    except ConnectionRefusedError:
        expect(True, "a service without a server is refused by ICMP")


def let_settle(files):
    """Until tcpdump has written nothing more for a second."""
    sizes, since = None, time.monotonic()
    while time.monotonic() < since + 1:
        now = [path.stat().st_size for path in files]
        if now != sizes:
            sizes, since = now, time.monotonic()
        time.sleep(0.05)


def test(rig):
    rig.start_nginx(1, (8080,))
    UdpEcho(rig.servers[0], 7, "1")
    rig.usherd.start(service([f"{SERVER}:8080"]) + service([f"{SERVER}:7"], "udp", 7)
                     + service([], "udp", 9))
    captures = {"client": start_tcpdump(rig, rig.client, "c0"),
                "server": start_tcpdump(rig, rig.servers[0], "r0")}
    traffic(rig)
    let_settle([path for path, _ in captures.values()])
    packets = {}
    for name, (path, child) in captures.items():
        rig.children.end(child, signal.SIGINT)
        packets[name] = read_capture(path)
        for packet in packets[name]:
            if packet.wrong:
                raise AssertionError(f"at the {name}: {packet}")
        kinds = {packet.protocol for packet in packets[name]}
        expect({TCP, UDP} <= kinds, f"at the {name}: all of {len(packets[name])} IP, TCP, UDP and "
                                    "ICMP checksums are right")
    expect(any(packet.protocol == ICMP for packet in packets["client"]), "ICMP among them")
    ends = {frozenset((packet.source, packet.destination)) for packet in packets["client"]}
    expect(ends == {frozenset((CLIENT, VIP))}, "the client sees only the virtual address")
    ends = {frozenset((packet.source, packet.destination)) for packet in packets["server"]}
    expect(ends == {frozenset((CLIENT, SERVER))},
           f"the server sees the client's address and no other: {[sorted(pair) for pair in ends]}")
    arrived = [packet for name, own in (("client", CLIENT), ("server", SERVER))
               for packet in packets[name]
               if packet.destination == own and packet.protocol != ICMP]
    expect({packet.ttl for packet in arrived} == {TTL - 1}, "each packet has one TTL less")
    plain = [packet for packet in packets["server"] if packet.protocol == UDP
             and packet.payload[6:8] == b"\0\0" and packet.source == CLIENT]
    expect(len(plain) == 6, "UDP without a checksum stays without")


main("wire", test, servers=1)
