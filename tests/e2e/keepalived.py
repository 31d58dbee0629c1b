#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two directors, each with usherd, and keepalived's VRRP between them. The virtual address, the
clients' next hop and the servers' gateway move together; traffic follows.

                        +-- director 1 --+
    client --- outside -+                +- switch --- servers
                        +-- director 2 --+
"""

import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from daemon import Usherd  # noqa: E402
from echo import UdpEcho  # noqa: E402
from http_load import get_once  # noqa: E402
from topology import DIRECTOR_INSIDE, VIP, Rig, main, server_address, service  # noqa: E402

PORT = 7
EVERY = 0.005  # seconds between questions
MOST_SILENCE = 1.0  # seconds from the address's move
PATIENCE = 20  # seconds for the move itself, and for what is measured to have ended
ADVERTISEMENTS = 0.1  # seconds


class Pair(Rig):
    def build(self):
        self.client = Box(self, "client")
        self.outside, self.switch = self.make_switch("outside"), self.make_switch("switch")
        self.plug_in(self.client, "c0", self.outside)
        self.set_up_client()
        self.directors = [Director(self, number) for number in (1, 2)]
        self.make_servers()


class Director:
    def __init__(self, rig, number):
        self.rig, self.number = rig, number
        self.box = Box(rig, f"director {number}")
        rig.plug_in(self.box, "ext0", rig.outside)
        rig.plug_in(self.box, "int0")
        self.box.ip(f"addr add 198.51.100.1{number}/24 dev ext0")
        self.box.ip(f"addr add 10.0.0.1{number}/24 dev int0")
        self.usherd = Usherd(rig, self.box, f"usher-{number}")
        self.keepalived = None

    def start_keepalived(self):
        name = f"keepalived-{self.number}"
        config = self.rig.folder / f"{name}.conf"
        config.write_text(f"""vrrp_instance director {{
    interface ext0
    virtual_router_id 7
    version 3
    priority {200 - self.number}
    advert_int {ADVERTISEMENTS}
    virtual_ipaddress {{
        {VIP}/32 dev ext0
        198.51.100.1/24 dev ext0
        {DIRECTOR_INSIDE}/24 dev int0
    }}
}}
""")
        with open(self.rig.folder / f"{name}.log", "ab") as log:
            self.keepalived = self.box.start(
                "keepalived", "--vrrp", "--dont-fork", "--log-console", "--no-syslog",
                "-f", config, "-p", self.rig.folder / f"{name}.pid",
                "-r", self.rig.folder / f"{name}-vrrp.pid", stdout=log, stderr=subprocess.STDOUT)

    def end_keepalived(self):
        self.rig.children.end(self.keepalived)

    def has_address(self):
        return f" {VIP}/32 " in self.box.run("ip", "addr", "show", "ext0")

    def packets(self):
        return sum(worker["packets"] for worker in self.usherd.ask("worker.list"))


class Questions(threading.Thread):
    """Asks again and again on one flow; keeps the times of the answers."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.answers = [time.monotonic()]
        with rig.client.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(EVERY)
        self.start()

    def run(self):
        while True:
            try:
                self.socket.sendto(b"?", (VIP, PORT))
                self.socket.recv(100)
                self.answers.append(time.monotonic())
                time.sleep(EVERY)
            except TimeoutError:
                pass

    def silence_since(self, begin):
        """The longest time without an answer, until now."""
        times = [begin, *(each for each in list(self.answers) if each > begin), time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:]))


def when_moved(to, what):
    """The time, or a moment before: of the last look that found the address there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        asked = time.monotonic()
        if to.has_address():
            return asked
        if asked > deadline:
            raise AssertionError(f"{what}: the address does not move")
        time.sleep(0.005)


def test_move(rig, questions, act, to, what):
    """`act` makes the address move to the director `to`."""
    other = next(each for each in rig.directors if each is not to)
    act()
    moved = when_moved(to, what)
    begin = to.packets()
    wait_until(lambda: to.packets() >= begin + 20, f"{what}: director {to.number} has traffic",
               PATIENCE)
    with rig.client.inside():
        expect({get_once() for _ in range(20)} == {"web-1"}, "and new connections")
    still = other.packets()
    time.sleep(0.1)
    expect(other.packets() - still < 5, f"director {other.number} carries none")
    silence = questions.silence_since(moved)
    expect(silence < MOST_SILENCE,
           f"since the move at most {silence * 1000:.0f} ms without an answer")


def pull_cables(rig, director, state):
    """At the switches: the director itself sees its carriers go."""
    number = director.number
    rig.outside.ip(f"link set sw{number + 2} {state}")
    rig.switch.ip(f"link set sw{number + 1} {state}")


def test(rig):
    UdpEcho(rig.servers[0], PORT, "1")
    rig.start_nginx(1)
    first, second = rig.directors
    services = (service([f"{server_address(1)}:{PORT}"], "udp", PORT)
                + service([f"{server_address(1)}:80"]))
    for director in rig.directors:
        director.usherd.start(services)
    expect(not first.has_address() and not second.has_address(),
           "both directors serve an address that they do not have yet")
    first.start_keepalived()
    wait_until(first.has_address, "keepalived gives it to the first")
    second.start_keepalived()
    questions = Questions(rig)
    wait_until(lambda: len(questions.answers) > 20, "the client is answered")
    test_move(rig, questions, first.end_keepalived, second, "the first one's keepalived ends")
    test_move(rig, questions, first.start_keepalived, first, "it comes back")
    test_move(rig, questions, lambda: pull_cables(rig, first, "down"), second,
              "its cables are pulled")
    test_move(rig, questions, lambda: pull_cables(rig, first, "up"), first, "they are put back")


main("keepalived", test, servers=1, network=Pair)
