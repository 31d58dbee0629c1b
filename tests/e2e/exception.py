#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A NIC that is all usherd's, and Linux's interface in its place: ARP, pings, IPv6, multicast and
programs of the box itself through it, services past it. The NIC is a virtual Ethernet on DPDK's
af_xdp driver with its own program, which leaves Linux nothing of it, as with vfio-pci."""

import json
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from http_load import get_once, start_wrk, wrk_failures  # noqa: E402
from processes import CORES  # noqa: E402
from topology import (  # noqa: E402
    CLIENT, DIRECTOR_INSIDE, VIP, Rig, Usherd, main, server_address, service)

OUTSIDE = "198.51.100.1"
GROUP, GROUP_PORT = "224.0.0.18", 5405
WAN = ('[[interface]]\nname = "wan0"\nrole = "external"\nattach = "device"\nexception = "wan0"\n'
       'device = "net_af_xdp0,iface=nic0,start_queue=0,queue_count=1,busy_budget=0"\n')


class WholeNic(Rig):
    """As in topology.py, but ext0 is nic0, which Linux's stack does not see."""

    def build(self):
        self.client = Box(self, "client")
        self.director = Box(self, "director")
        self.switch = self.make_switch("switch")
        self.cable(self.client, "c0", self.director, "nic0")
        self.set_up_client()
        self.plug_in(self.director, "int0")
        self.director.ip(f"addr add {DIRECTOR_INSIDE}/24 dev int0")
        self.make_servers()
        self.director.ip("tuntap add dev wan0 mode tap")  # so its addresses outlive usherd
        self.director.ip(f"addr add {OUTSIDE}/24 dev wan0")
        self.director.ip(f"addr add {VIP}/32 dev wan0")
        self.usherd = Usherd(self)

    def start_usherd(self, services):
        self.usherd.start(services, extra=WAN, interfaces={"int0": "internal"})


def link(box, name):
    return json.loads(box.run("ip", "-j", "link", "show", name))[0]


def ping(box, address, *more):
    box.run("ping", "-c", "5", "-i", "0.05", "-W", "10", *more, address)


def get_from(box, address, port):
    with box.inside(), socket.create_connection((address, port), 20) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while got := connection.recv(65536):
            answer += got
    return answer.partition(b"\r\n\r\n")[2].decode().strip()


def hear_group(box, interface, heard):
    with box.inside():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("", GROUP_PORT))
    index = link(box, interface)["ifindex"].to_bytes(4, sys.byteorder)
    member = socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0") + index
    with box.inside():
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    listener.settimeout(30)
    threading.Thread(target=lambda: heard.append(listener.recv(100)), daemon=True).start()


def the_box_itself(rig):
    wan, nic = link(rig.director, "wan0"), link(rig.director, "nic0")
    expect(wan["address"] == nic["address"] and wan["mtu"] == nic["mtu"],
           "wan0 has the NIC's MAC address and MTU")
    wait_until(lambda: "LOWER_UP" in link(rig.director, "wan0")["flags"], "and its link")
    ping(rig.client, OUTSIDE)
    ping(rig.client, VIP)
    ping(rig.client, OUTSIDE, "-s", "3000")
    ping(rig.director, CLIENT, "-s", "3000")
    expect(True, "pings to and from the box, in fragments, too")
    seen = rig.client.run("ip", "neigh", "show", OUTSIDE)
    expect(nic["address"] in seen, "ARP is answered with the NIC's address")
    rig.start_web(rig.director, "box", (8080,))
    rig.start_web(rig.client, "client", (8080,))
    expect(get_from(rig.client, VIP, 8080) == "box", "a program of the box answers on the VIP")
    expect(get_from(rig.director, CLIENT, 8080) == "client", "and the box itself connects outside")
    heard = []
    hear_group(rig.director, "wan0", heard)
    with rig.client.inside():
        speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        speaker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(CLIENT))
        speaker.sendto(b"advertisement", (GROUP, GROUP_PORT))
    wait_until(lambda: heard == [b"advertisement"], "multicast reaches a daemon of the box")


def ipv6(rig):
    rig.client.allow_ipv6(("c0", "2001:db8:1::2/64"))
    rig.director.allow_ipv6(("wan0", "2001:db8:1::1/64"))
    ping(rig.client, "2001:db8:1::1")
    rows = json.loads(rig.director.run("ip", "-j", "-6", "addr", "show", "dev", "wan0"))
    (local,) = [each["local"] for row in rows for each in row.get("addr_info", ())
                if each.get("scope") == "link"]
    ping(rig.client, f"{local}%c0")
    expect(True, "IPv6 neighbours and pings, also from link to link")


def services(rig):
    with rig.client.inside():
        answers = {get_once() for _ in range(30)}
    expect(answers == {"web-1", "web-2", "web-3"}, "services are the workers'")
    client = json.loads(rig.director.run("ip", "-j", "neigh", "show", "dev", "wan0"))
    expect(any(row["dst"] == CLIENT for row in client), "with Linux's neighbours of wan0")
    rows = rig.usherd.ask("worker.list")
    expect(sum(row["packets"] for row in rows) > 0, "and are seen by them")


# The answers are for an address of the box, and still the workers'.
def masqueraded(rig):
    ping(rig.servers[0], CLIENT)
    expect(get_from(rig.servers[0], CLIENT, 8080) == "client",
           "servers reach the outside behind the box's address")


# Linux answers each datagram for a port where nobody waits, or would, if it got it.
def a_flood_for_the_box(rig):
    stop = threading.Event()

    def flood():
        with rig.client.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while not stop.is_set():
            for _ in range(100):
                sender.sendto(b"x" * 18, (OUTSIDE, 9))
            time.sleep(0.001)

    thread = threading.Thread(target=flood)
    thread.start()
    report = start_wrk(rig, 3).communicate()[0]
    stop.set()
    thread.join()
    bad = wrk_failures(report)
    expect(not bad, f"a flood for the box breaks no connection of a service {bad}")
    print("dropped meanwhile:", rig.usherd.drops())
    ping(rig.client, OUTSIDE)
    expect(True, "and the box answers after it")


def a_restart(rig):
    rig.usherd.stop()
    wait_until(lambda: "LOWER_UP" not in link(rig.director, "wan0")["flags"],
               "without usherd wan0 has no link")
    rig.usherd.start()
    ping(rig.client, OUTSIDE)
    services(rig)
    expect(True, "after a restart its addresses are there as before")


# It was not noticed.
def set_down_and_deleted(rig):
    offset = rig.usherd.log.stat().st_size
    rig.director.ip("link set wan0 down")
    rig.usherd.await_log("ip link set wan0 up", offset)
    rig.director.ip("link set wan0 up")
    rig.usherd.await_log("wan0: up again", offset)
    rig.director.ip("link del wan0")
    rig.usherd.await_log("wan0: deleted", offset)
    expect(True, "set down, set up and deleted: the log says so, with the remedy")


def refused(rig, interface, sentence):
    rig.usherd.write_config("", extra=interface, interfaces={"int0": "internal"})
    usherd = rig.director.start(rig.tools / "usherd", "--config", rig.usherd.config, cores=CORES,
                                stderr=subprocess.PIPE, text=True)
    said = usherd.communicate(timeout=60)[1]
    expect(usherd.returncode == 1 and sentence in said, f"refused with '{said.strip()}'")


def test(rig):
    refused(rig, '[[interface]]\nname = "wan1"\nattach = "pci"\npci = "0000:ff:1f.7"\n',
            "wan1: there is no PCI device 0000:ff:1f.7: `lspci -D")
    refused(rig, WAN.replace('exception = "wan0"', 'exception = "nic0"'),
            "nic0: Linux has such an interface already")
    for number in (1, 2, 3):
        rig.start_nginx(number)
    rig.start_usherd(service([f"{server_address(n)}:80" for n in (1, 2, 3)], scheduler="rr") +
                     '[[masquerade]]\ninside = ["10.0.0.0/24"]\n')
    the_box_itself(rig)
    ipv6(rig)
    services(rig)
    masqueraded(rig)
    expect("exception-full" not in rig.usherd.drops(), "nothing was too much for the box")
    a_flood_for_the_box(rig)
    a_restart(rig)
    set_down_and_deleted(rig)


main("exception", test, network=WholeNic)
