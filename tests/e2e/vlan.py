#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A router on a stick: the director has one cable; clients are in VLAN 10 and servers in VLAN 20 of
it. Then clients without a tag, servers in VLAN 20, and two workers that share what comes. HTTP, UDP in fragments too, and pings to the
director itself, whose tagged packets stay with Linux.

Where Linux has VLAN devices, the director's interfaces are such; else a program plays them, and the
file says what they are (`parent` and `vlan`)."""

import socket
import subprocess
import sys

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect  # noqa: E402
from daemon import Usherd  # noqa: E402
from dot1q import Dot1q  # noqa: E402
from echo import UdpEcho  # noqa: E402
from http_load import get_once  # noqa: E402
from processes import CORES, WORKER_CORE  # noqa: E402
from topology import (  # noqa: E402
    CLIENT, DIRECTOR_INSIDE, VIP, Rig, main, server_address, service)

OUTSIDE, INSIDE = 10, 20  # VLANs
TRUNK = "trunk0"
PORT = 7
REQUESTS = 200


class OnAStick(Rig):
    """client c0 --- VLAN 10 ---\\
                                 switch --- trunk0 director
    servers r0 ----- VLAN 20 ---/"""

    outside = OUTSIDE

    def build(self):
        self.client = Box(self, "client")
        self.director = Box(self, "director")
        self.switch = self.make_switch("switch")  # the servers'
        self.trunk_switch = Box(self, "trunk switch")
        self.cable(self.director, TRUNK, self.trunk_switch, "trunk")
        self.cable(self.client, "c0", self.trunk_switch, "outside")
        self.plug_in(self.trunk_switch, "inside")
        self.set_up_client()
        Dot1q(self.trunk_switch, "trunk", {self.outside: "outside", INSIDE: "inside"})
        self.linux_has_vlans = self.has_vlans()
        self.addresses()
        self.make_servers()
        self.usherd = Usherd(self)

    def has_vlans(self):
        words = f"link add link {TRUNK} name probe type vlan id 99".split()
        done = subprocess.run([str(word) for word in self.director.command(["ip", *words])],
                              capture_output=True)
        if done.returncode == 0:
            self.director.ip("link del probe")
        return done.returncode == 0

    def addresses(self):
        made = {vlan: self.vlan_device(vlan) for vlan in {self.outside, INSIDE} - {0}}
        if not self.linux_has_vlans:
            Dot1q(self.director, TRUNK, made)
        outside = f"{TRUNK}.{self.outside}" if self.outside else TRUNK
        self.director.ip(f"addr add 198.51.100.1/24 dev {outside}")
        self.director.ip(f"addr add {VIP}/32 dev {outside}")
        self.director.ip(f"addr add {DIRECTOR_INSIDE}/24 dev {TRUNK}.{INSIDE}")

    def vlan_device(self, vlan):
        """Of Linux, or played: its other end, then."""
        name = f"{TRUNK}.{vlan}"
        if self.linux_has_vlans:
            self.director.ip(f"link add link {TRUNK} name {name} type vlan id {vlan}")
        else:
            self.director.ip(f"link add {name} address {self.director.mac(TRUNK)} type veth "
                             f"peer name played{vlan}")
            self.director.ip(f"link set played{vlan} up")
        self.director.ip(f"link set {name} up")
        return f"played{vlan}"

    def workers(self):
        """Their cores, and what else the file says of them."""
        return (WORKER_CORE,), ""

    def interfaces(self):
        """Of the file."""
        tables = []
        for vlan, role in ((self.outside, "external"), (INSIDE, "internal")):
            lines = [f'name = "{TRUNK}.{vlan}"' if vlan else f'name = "{TRUNK}"',
                     f'role = "{role}"']
            if vlan and not self.linux_has_vlans:
                lines += [f'parent = "{TRUNK}"', f"vlan = {vlan}"]
            tables.append("\n".join(["[[interface]]", *lines]))
        return "\n".join(tables)


class HalfTagged(OnAStick):
    """The client's side of the trunk has no tag. The trunk has one queue and there are two workers:
    the second one's packets go out by the first."""

    outside = 0

    def workers(self):
        return CORES[-2:], "spread = true\n"


def expect_ping(box, target, size=56):
    done = subprocess.run([str(word) for word in box.command(
        ["ping", "-c", "3", "-i", "0.2", "-W", "2", "-s", size, target])],
        capture_output=True, text=True)
    expect(" 0% packet loss" in done.stdout, f"{box.name} pings {target} with {size} bytes")


def expect_udp(rig):
    with rig.client.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.connect((VIP, PORT))
    for text in (b"hello", b"f" * 3000):
        client.send(text)
        expect(client.recv(65536).endswith(b": " + text), f"UDP, {len(text)} bytes and back")


def test(rig):
    for number in (1, 2):
        rig.start_nginx(number)
        UdpEcho(rig.servers[number - 1], PORT, f"server {number}")
    rows = [f"{server_address(n)}:80" for n in (1, 2)]
    echoes = [f"{server_address(n)}:{PORT}" for n in (1, 2)]
    cores, more = rig.workers()
    rig.usherd.write_config(
        service(rows, scheduler="rr") + service(echoes, "udp", PORT, "rr"), cores=cores,
        interfaces={}, extra=rig.interfaces())
    rig.usherd.config.write_text(
        rig.usherd.config.read_text().replace("[workers]\n", f"[workers]\n{more}"))
    rig.usherd.start()
    with rig.client.inside():
        answers = [get_once() for _ in range(REQUESTS)]
    expect(answers == [answers[0], answers[1]] * (REQUESTS // 2) and answers[0] != answers[1],
           f"{REQUESTS} requests went to both servers in turn")
    shares = [row["packets"] for row in rig.usherd.ask("worker.list")]
    expect(len(shares) == len(rig.workers()[0]) and min(shares) > 100,
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


print("clients in VLAN 10, servers in VLAN 20")
main("vlan-stick", test, servers=2, network=OnAStick)
print("clients without a tag, servers in VLAN 20")
main("vlan-half", test, servers=2, network=HalfTagged)
