#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An interface with several receive queues, a tap, that gets another number of them while usherd
runs. What comes by each queue reaches the server, and the answers come back."""

import fcntl
import itertools
import os
import select
import struct
import sys
import time

sys.dont_write_bytecode = True
from checks import expect, wait_until  # noqa: E402
from echo import TcpEcho  # noqa: E402
from frames import TCP, parse, syn_frame  # noqa: E402
from topology import VIP, main, server_address, service  # noqa: E402

PORT = 8
CLIENT, CLIENT_MAC = "192.0.2.2", "02:00:00:00:00:02"
INTERFACES = {"mq0": "external", "int0": "internal"}
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE = 0x400454ca, 0x0002, 0x1000, 0x0100
QUEUES = 3
TIMES = 4  # more often than the packet pool would last if each queue lost its packets
ports = itertools.count(10000)


class Tap:
    """mq0 of a box; it has as many queues as it is open times."""

    def __init__(self, box):
        self.box = box
        self.queues = []
        self.set_queues(QUEUES)
        box.ip("addr add 192.0.2.1/24 dev mq0")
        box.ip("link set mq0 up")
        box.ip(f"neigh add {CLIENT} lladdr {CLIENT_MAC} dev mq0")
        self.ethernet = [bytes.fromhex(mac.replace(":", "")) for mac in (box.mac("mq0"), CLIENT_MAC)]

    def set_queues(self, count):
        while len(self.queues) > count:
            os.close(self.queues.pop())
        while len(self.queues) < count:
            with self.box.inside():
                queue = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE
                fcntl.ioctl(queue, TUNSETIFF, struct.pack("16sH22x", b"mq0", flags))
            self.queues.append(queue)

    def has_answer(self, port, patience=5):
        """A packet of the service to this port of the client's, out of whatever queue."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for queue in select.select(self.queues, [], [], 0.1)[0]:
                packet = parse(os.read(queue, 2000))
                if packet and packet.protocol == TCP and packet.ports == (PORT, port):
                    return True
        return False

    def asks(self, queue):
        port = next(ports)
        os.write(self.queues[queue], syn_frame(self.ethernet, CLIENT, VIP, (port, PORT), 1))
        return self.has_answer(port)


def row(rig):
    (found,) = [each for each in rig.usherd.ask("port.list") if each["name"] == "mq0"]
    return found


def served(rig, tap, count):
    wait_until(lambda: row(rig)["detail"].startswith(f"{count} rx and {count} tx queues, native"),
               f"{count} queues are opened")
    wait_until(lambda: tap.asks(0), "the first queue is served")
    expect(all(tap.asks(queue) for queue in range(count)), f"and all of {count}")


def test(rig):
    TcpEcho(rig.servers[0], PORT)
    tap = Tap(rig.director)
    rig.usherd.start(service([f"{server_address(1)}:{PORT}"], "tcp", PORT), interfaces=INTERFACES)
    served(rig, tap, QUEUES)
    for _ in range(TIMES):
        for count in (QUEUES - 1, QUEUES):
            tap.set_queues(count)
            served(rig, tap, count)
    offset = rig.usherd.log.stat().st_size
    tap.set_queues(QUEUES + 1)
    rig.usherd.await_log(f"ethtool -L mq0 combined {QUEUES}", offset)
    expect(all(tap.asks(queue) for queue in range(QUEUES)), "one more: the others are served")
    tap.asks(QUEUES)
    expect("packets left to Linux" in row(rig)["detail"], "what came by it is counted")


main("queues", test, servers=1)
