#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two routers between the director and the clients. A route with both as next hops uses both; one
that stops answering is not used until it is back. Then two routes with metrics."""

import contextlib
import json
import socket
import sys
import time

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect  # noqa: E402
from daemon import Usherd  # noqa: E402
from echo import UdpEcho  # noqa: E402
from topology import DIRECTOR_INSIDE, VIP, Rig, main, server_address, service  # noqa: E402

PORT = 7
ROUTERS = {"left": "198.51.100.3", "right": "198.51.100.4"}
CLIENTS = [f"192.0.2.{n}" for n in range(10, 42)]


class TwoWays(Rig):
    """clients c0 --- switch --- left, right --- switch --- ext0 director int0 --- servers"""

    def build(self):
        self.director = Box(self, "director")
        self.client = Box(self, "client")
        self.switch = self.make_switch("switch")
        near, far = self.make_switch("near"), self.make_switch("far")
        self.plug_in(self.director, "ext0", near)
        self.director.ip("addr add 198.51.100.1/24 dev ext0")
        self.director.ip(f"addr add {VIP}/32 dev ext0")
        self.plug_in(self.client, "c0", far)
        for address in CLIENTS:
            self.client.ip(f"addr add {address}/24 dev c0")
        self.client.ip("route add 203.0.113.0/24 via 192.0.2.3")
        self.client.leave_no_work_to_hardware("c0")
        self.routers = {name: self.make_router(name, near, far) for name in ROUTERS}
        self.plug_in(self.director, "int0")
        self.director.ip(f"addr add {DIRECTOR_INSIDE}/24 dev int0")
        self.make_servers()
        self.be_impatient()
        self.usherd = Usherd(self)

    def make_router(self, name, near, far):
        router = Box(self, name)
        self.plug_in(router, "near0", near)
        self.plug_in(router, "far0", far)
        router.ip(f"addr add {ROUTERS[name]}/24 dev near0")
        router.ip(f"addr add 192.0.2.{ROUTERS[name].split('.')[-1]}/24 dev far0")
        router.ip("route add 203.0.113.0/24 via 198.51.100.1")
        router.forward()
        return router

    def be_impatient(self):
        """Linux asks a silent neighbour again after about a second, not half a minute."""
        for name, value in (("base_reachable_time_ms", 1000), ("delay_first_probe_time", 1),
                            ("retrans_time_ms", 200)):
            self.director.write_sysctl(f"net/ipv4/neigh/ext0/{name}", value)

    def taken(self, name):
        """Packets that the router got from the director's side."""
        link = self.routers[name].run("ip", "-j", "-s", "link", "show", "near0")
        return json.loads(link)[0]["stats64"]["rx"]["packets"]


def ask_all(rig):
    """Each client asks until it gets its answer; the routers that carried answers."""
    before = {name: rig.taken(name) for name in ROUTERS}
    for address in CLIENTS:
        with rig.client.inside():
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client:
            client.settimeout(1)
            client.bind((address, 0))
            client.connect((VIP, PORT))
            ask(client)
    return {name for name in ROUTERS if rig.taken(name) - before[name] >= len(CLIENTS) / 5}


def ask(client):
    for attempt in range(10):
        client.send(b"hello")
        with contextlib.suppress(TimeoutError):
            return client.recv(100)
    raise TimeoutError("no answer")


def await_log(rig, text, since):
    rig.usherd.await_log(text, since, patience=60)
    rig.usherd.catch_up()


def fail_and_return(rig, name, others, all_of_them):
    start = rig.usherd.log.stat().st_size
    rig.routers[name].ip("link set near0 down")
    await_log(rig, f"{ROUTERS[name]} on ext0 does not answer", start)
    expect(ask_all(rig) == others, f"without {name}, answers go by {' and '.join(sorted(others))}")
    time.sleep(4)  # Linux asks for it all the time, and it must not be taken for back
    expect(ask_all(rig) == others, "and go on so")
    start = rig.usherd.log.stat().st_size
    rig.routers[name].ip("link set near0 up")
    rig.routers[name].ip("route replace 203.0.113.0/24 via 198.51.100.1")
    await_log(rig, f"{ROUTERS[name]} on ext0 answers again", start)
    expect(ask_all(rig) == all_of_them, f"{name} is back and used again")


def test(rig):
    left, right = ROUTERS.values()
    rig.director.ip(f"route add 192.0.2.0/24 nexthop via {left} nexthop via {right}")
    for number, server in enumerate(rig.servers, 1):
        UdpEcho(server, PORT, f"server {number}")
    rows = [f"{server_address(n)}:{PORT}" for n in (1, 2)]
    rig.usherd.start(service(rows, "udp", PORT, "rr"))
    expect(ask_all(rig) == {"left", "right"}, "answers go by both routers")
    # The clients' way in is by the left one, so the right one may go.
    fail_and_return(rig, "right", {"left"}, {"left", "right"})

    rig.director.ip("route del 192.0.2.0/24")
    rig.director.ip(f"route add 192.0.2.0/24 via {right} metric 10")
    rig.director.ip(f"route add 192.0.2.0/24 via {left} metric 20")
    rig.usherd.catch_up()
    expect(ask_all(rig) == {"right"}, "of two metrics the lower one counts")
    fail_and_return(rig, "right", {"left"}, {"right"})


main("next-hops", test, servers=2, network=TwoWays)
