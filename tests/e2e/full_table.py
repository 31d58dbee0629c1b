#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A SYN flood fills a table of 256 connections: those that are established go on, and the
half-open ones give way to new clients."""

import itertools
import random
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from echo import TcpEcho, ask  # noqa: E402
from frames import syn_frame  # noqa: E402
from topology import VIP, main, server_address, service  # noqa: E402

ESTABLISHED = 50
SECONDS = 5  # at least
PATIENCE = 60
SYNS = 1000  # at least
SIZE = 256  # of the table
MANY = 4 * SIZE  # more than fit, and half-open ones stay for a minute


class Flood(threading.Thread):
    """SYNs from addresses that nobody has, which will never answer."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.stopping = threading.Event()
        self.sent = 0
        self.ethernet = tuple(bytes.fromhex(mac.replace(":", "")) for mac in
                              (rig.director.mac("ext0"), rig.client.mac("c0")))
        with rig.client.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind(("c0", 0))
        self.start()

    def run(self):
        some = random.Random(1)
        for sequence in itertools.count():
            if self.stopping.is_set():
                return
            source = f"192.0.2.{some.randrange(1, 255)}"
            ports = (some.randrange(1024, 65536), 80)
            self.socket.send(syn_frame(self.ethernet, source, VIP, ports, sequence))
            self.sent += 1
            if self.sent % 10 == 0:
                time.sleep(0.001)


def connect(rig):
    with rig.client.inside():
        return socket.create_connection((VIP, 80), 20)


def admitted(rig):
    (flooded,) = rig.usherd.ask("service.list")["services"]
    return flooded["stats"]["conns"]


def test(rig):
    TcpEcho(rig.servers[0], 80)
    # The flood's answers end at the director: it has no way to those addresses but a black hole.
    rig.director.ip("route add blackhole 192.0.2.0/24")
    rig.usherd.start(service([f"{server_address(1)}:80"]),
                     extra="[table]\nconnection_table_bits = 8")
    expect(rig.usherd.ask("table.show")["size"] == SIZE, f"the table has room for {SIZE}")
    connections = [connect(rig) for _ in range(ESTABLISHED)]
    flood = Flood(rig)
    begin, rounds, late = time.monotonic(), 0, 0
    while time.monotonic() < begin + SECONDS or not (
            late > 0 and flood.sent > SYNS and admitted(rig) > MANY):
        if time.monotonic() > begin + PATIENCE:
            break
        for connection in connections:
            ask(connection, b"round %d" % rounds)
        rounds += 1
        if rounds % 20 == 0:
            with connect(rig) as fresh:
                ask(fresh)
            late += 1
    flood.stopping.set()
    flood.join()
    table = rig.usherd.ask("table.show")
    drops = rig.usherd.drops()
    print(flood.sent, "SYNs,", table, drops)
    expect(flood.sent > SYNS, f"{flood.sent} SYNs came")
    expect(admitted(rig) > MANY, f"{admitted(rig)} connections were admitted to the table of {SIZE}")
    expect(rounds > 0, f"{ESTABLISHED} established connections carried {rounds} rounds meanwhile")
    expect(late > 0, f"{late} new clients came through")


main("full_table", test, servers=1)
