#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A box with one interface for both sides, and one with two on either side and two workers: wrk and
iperf3 through each, while a server is drained and removed, and interfaces go down and come up."""

import sys
import time

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from daemon import Usherd  # noqa: E402
from http_load import get_once, start_wrk, wrk_failures  # noqa: E402
from iperf import IPERF_PORT, iperf, iperf_result, start_iperf, start_iperf_server  # noqa: E402
from processes import CORES  # noqa: E402
from topology import DIRECTOR_INSIDE, VIP, Rig, main, server_address, service  # noqa: E402

SECONDS = 4
SECOND_SIDE = "10.0.2.100"  # a server behind int1


class OneArm(Rig):
    """Everybody is on one wire."""

    def build(self):
        self.client, self.director = Box(self, "client"), Box(self, "director")
        self.switch = self.make_switch("switch")
        self.plug_in(self.client, "c0")
        self.set_up_client()
        self.plug_in(self.director, "arm0")
        for address in ("198.51.100.1/24", f"{VIP}/32", f"{DIRECTOR_INSIDE}/24"):
            self.director.ip(f"addr add {address} dev arm0")
        self.make_servers()
        self.usherd = Usherd(self)


class FourArms(Rig):
    """The usual network, with a second client at ext1 and a server of its own at int1."""

    def build(self):
        super().build()
        self.other_client = Box(self, "client 2")
        self.cable(self.other_client, "c0", self.director, "ext1")
        self.director.ip("addr add 198.51.101.1/24 dev ext1")
        self.other_client.ip("addr add 198.51.101.2/24 dev c0")
        self.other_client.ip("route add default via 198.51.101.1")
        far = Box(self, f"server {len(self.servers) + 1}")
        self.cable(far, "r0", self.director, "int1")
        self.director.ip("addr add 10.0.2.1/24 dev int1")
        far.ip(f"addr add {SECOND_SIDE}/24 dev r0")
        far.ip("route add default via 10.0.2.1")
        for box, interface in ((self.other_client, "c0"), (far, "r0")):
            box.leave_no_work_to_hardware(interface)
        self.servers.append(far)


def load_while_server_goes(rig, web, clients):
    """Keeps wrk and iperf3 busy; the last web server is drained meanwhile."""
    wrk = start_wrk(rig, SECONDS, connections=50)
    streams = [start_iperf(client, VIP, "-P", "2", "-p", IPERF_PORT + at, seconds=SECONDS)
               for at, client in enumerate(clients)]
    time.sleep(SECONDS / 3)
    rig.usherd.ipvsadm(f"-e -t {VIP}:80 -r {web[-1]} -m -w 0")
    leaving = web[-1]

    def active():
        (row,) = [row for table in rig.usherd.ask("service.list")["services"]
                  for row in table["servers"]
                  if f"{row['server']['address']}:{row['server']['port']}" == leaving]
        return row["active"]
    wait_until(lambda: active() == 0, f"{leaving} drains under load")
    rig.usherd.ipvsadm(f"-d -t {VIP}:80 -r {leaving}")
    bad = wrk_failures(wrk.communicate()[0])
    expect(not bad, f"wrk saw no error {bad}")
    for client, stream in zip(clients, streams):
        received = iperf_result(stream)["sum_received"]
        expect(received["bytes"] > 1_000_000,
               f"iperf3 from {client.name}: {received['bits_per_second'] / 1e9:.2f} Gbit/s")


def bounce(rig, interface, client):
    rig.director.ip(f"link set {interface} down")
    time.sleep(0.3)
    rig.director.ip(f"link set {interface} up")

    def answered():
        try:
            return get_once().startswith("web-")
        except OSError:
            return False
    with client.inside():
        wait_until(answered, f"{interface} was down; {client.name} is answered again", 20)


def start(rig, web, iperf_servers, **config):
    for number in range(1, len(rig.servers) + 1):
        rig.start_nginx(number)
    services = service(web, scheduler="rr")
    for at, address in enumerate(iperf_servers):
        services += service([f"{address}:{IPERF_PORT}"], "tcp", IPERF_PORT + at)
    for server in {rig.servers[0], rig.servers[-1]}:
        start_iperf_server(server)
    rig.usherd.start(services, **config)


def test_one_arm(rig):
    web = [f"{server_address(n)}:80" for n in (1, 2)]
    start(rig, web, [server_address(1)], interfaces={"arm0": "both"})
    load_while_server_goes(rig, web, [rig.client])
    bounce(rig, "arm0", rig.client)


def test_four_arms(rig):
    web = [f"{server_address(1)}:80", f"{SECOND_SIDE}:80", f"{server_address(2)}:80"]
    start(rig, web, [server_address(1), SECOND_SIDE], cores=CORES[-2:],
          interfaces={"ext0": "external", "ext1": "external", "int0": "internal",
                      "int1": "internal"})
    load_while_server_goes(rig, web, [rig.client, rig.other_client])
    for client in (rig.client, rig.other_client):
        with client.inside():
            expect({get_once() for _ in range(20)} == {"web-1", "web-3"},
                   f"{client.name} reaches servers behind both inner interfaces")
    bounce(rig, "ext1", rig.other_client)
    bounce(rig, "int1", rig.client)
    end = iperf(rig.client, VIP, "-p", str(IPERF_PORT + 1), seconds=1)
    expect(end["sum_received"]["bytes"] > 1_000_000, "and iperf3 to the server behind it works")


main("one_arm", test_one_arm, servers=2, network=OneArm)
main("four_arms", test_four_arms, servers=2, network=FourArms)
