#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Interfaces that go and come while usherd runs: set down, given another MTU, renamed, deleted and
made again, moved away and back, without their XDP program or with another one, with more queues.
Meanwhile another client is served through another interface, and
connections go on when the interface is back."""

import json
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from echo import TcpEcho, UdpEcho, ask  # noqa: E402
from processes import run  # noqa: E402
from topology import CLIENT, VIP, main, server_address, service  # noqa: E402

SERVER = server_address(1)
INTERFACES = {"ext0": "external", "ext1": "external", "int0": "internal"}
FOREIGN = """
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int somebody_else(struct xdp_md *c) { return XDP_PASS; }
"""
TIMES = 12  # deleted and made again: more often than the packet pool would last if each lost some


class Asker(threading.Thread):
    """Asks on one UDP flow all the time, through the interface that nothing happens to."""

    def __init__(self, box):
        super().__init__(daemon=True)
        with box.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((VIP, 7))
        self.socket.settimeout(5)  # only what is lost takes so long
        self.answered = self.lost = 0
        self.start()

    def run(self):
        number = 0
        while True:
            number += 1
            try:
                self.socket.send(b"%d" % number)
                while self.socket.recv(100) != b"1: %d" % number:
                    pass
                self.answered += 1
            except OSError:
                self.lost += 1
            time.sleep(0.005)


def add_second_client(rig):
    other = Box(rig, "other client")
    rig.cable(other, "c1", rig.director, "ext1")
    rig.director.ip("addr add 192.0.2.1/24 dev ext1")
    other.ip("addr add 192.0.2.2/24 dev c1")
    other.ip("route add 203.0.113.0/24 via 192.0.2.1")
    other.leave_no_work_to_hardware("c1")
    return other


def port(rig, name="ext0"):
    (row,) = [row for row in rig.usherd.ask("port.list") if row["name"] == name]
    return row


def give_addresses(rig):
    rig.director.ip("addr add 198.51.100.1/24 dev ext0")
    rig.director.ip(f"addr add {VIP}/32 dev ext0")


def make_again(rig):
    """The cable between the client and the director, as Rig.build does it."""
    rig.cable(rig.client, "c0", rig.director, "ext0")
    give_addresses(rig)
    rig.client.ip(f"addr add {CLIENT}/24 dev c0")
    rig.client.ip("route add 203.0.113.0/24 via 198.51.100.1")
    rig.client.leave_no_work_to_hardware("c0")


class Flows:
    """A connection and a UDP flow of the client's, which go on for the whole test."""

    def __init__(self, rig):
        with rig.client.inside():
            self.tcp = socket.create_connection((VIP, 8), 20)
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp.settimeout(60)  # TCP backs off while nothing comes through
        self.udp.connect((VIP, 7))
        self.udp.settimeout(0.3)

    def udp_answers(self):
        try:
            self.udp.send(b"there?")
            return self.udp.recv(100) == b"1: there?"
        except OSError:
            return False

    def go_on(self, when):
        wait_until(self.udp_answers, f"{when}: the old UDP flow is answered")
        ask(self.tcp)
        expect(True, f"{when}: the old TCP connection lives")


def set_down(rig, flows):
    rig.director.ip("link set ext0 down")
    wait_until(lambda: not port(rig)["link"], "set down: usher port shows it")
    rig.director.ip("link set ext0 up")
    flows.go_on("up again")


def change_mtu(rig, flows):
    rig.director.ip("link set ext0 mtu 1400")
    wait_until(lambda: port(rig)["mtu"] == 1400, "another MTU is seen")
    flows.go_on("with an MTU of 1400")
    offset = rig.usherd.log.stat().st_size
    rig.director.ip("link set ext0 mtu 3000")
    rig.usherd.await_log("ip link set ext0 mtu 1500", offset)
    expect(True, "an MTU that is too large is warned of, with the remedy")
    rig.director.ip("link set ext0 mtu 1500")
    flows.go_on("with an MTU of 1500 again")


def rename(rig, flows):
    for old, new in (("ext0", "wan0"), ("wan0", "ext0")):
        rig.director.ip(f"link set {old} down")
        rig.director.ip(f"link set {old} name {new}")
        rig.director.ip(f"link set {new} up")
        flows.go_on(f"renamed {new}")


def delete(rig, flows):
    rig.director.ip("link del ext0")
    wait_until(lambda: "gone" in port(rig)["detail"], "deleted: usher port says that it is gone")
    expect(not port(rig)["link"], "and that its link is down")
    time.sleep(0.5)
    make_again(rig)
    wait_until(lambda: port(rig)["link"], "made again: it is opened again")
    flows.go_on("made again")
    for _ in range(TIMES):
        rig.director.ip("link del ext0")
        wait_until(lambda: "gone" in port(rig)["detail"], "deleted")
        make_again(rig)
        wait_until(lambda: port(rig)["link"], "made again")
    flows.go_on(f"deleted and made again {TIMES} times more")


def move(rig, flows):
    rig.director.ip(f"link set ext0 netns {rig.switch.holder.pid}")
    wait_until(lambda: "gone" in port(rig)["detail"], "moved to another box: it is gone")
    rig.switch.ip(f"link set ext0 netns {rig.director.holder.pid}")
    rig.director.ip("link set ext0 up")
    give_addresses(rig)
    wait_until(lambda: port(rig)["link"], "moved back: it is opened again")
    flows.go_on("moved back")


def program(rig):
    """The XDP program that ext0 has now; None: none."""
    (row,) = json.loads(rig.director.run("ip", "-j", "link", "show", "ext0"))
    return row.get("xdp", {}).get("prog", {}).get("id")


def take_program_off(rig, flows):
    for _ in range(TIMES):
        before = program(rig)
        rig.director.ip("link set ext0 xdp off")
        wait_until(lambda: program(rig) not in (None, before), "its program is put on again")
    flows.go_on(f"with its XDP program taken off {TIMES} times")


def replace_program(rig, flows):
    source, built = rig.folder / "foreign.c", rig.folder / "foreign.o"
    source.write_text(FOREIGN)
    multiarch = run(["gcc", "-print-multiarch"]).strip()
    run(["clang", "-target", "bpf", "-O2", "-idirafter", f"/usr/include/{multiarch}", "-c", source,
         "-o", built])
    offset = rig.usherd.log.stat().st_size
    # Not in the box's own view of /sys, where ip misses a file system for BPF.
    run(["nsenter", "-t", rig.director.holder.pid, "--net", "ip", "-force", "link", "set", "dev",
         "ext0", "xdp", "obj", built, "sec", "xdp"])
    foreign = program(rig)
    rig.usherd.await_log(f"which is not ours (id {foreign}", offset)
    rig.usherd.await_log("ip link set ext0 xdp off", offset)
    wait_until(lambda: "not open" in port(rig)["detail"], "a foreign program: usher port says so")
    time.sleep(1.5)
    expect(program(rig) == foreign, "it is named, with the remedy, and left alone")
    rig.director.ip("link set ext0 xdp off")
    flows.go_on("after the foreign program has gone")


def change_queues(rig, flows):
    offset = rig.usherd.log.stat().st_size
    rig.director.run("ethtool", "-L", "ext0", "rx", "2", "tx", "2")
    rig.usherd.await_log("ethtool -L ext0 rx 1", offset)
    expect(True, "more queues than it was started with are warned of, with the remedy")
    flows.go_on("with one more receive queue")
    rig.director.run("ethtool", "-L", "ext0", "rx", "1", "tx", "1")
    rig.usherd.await_log("it receives by 1 queues again", offset)
    flows.go_on("with one queue again")


def test(rig):
    UdpEcho(rig.servers[0], 7, "1")
    TcpEcho(rig.servers[0], 8)
    other = add_second_client(rig)
    rig.usherd.start(service([f"{SERVER}:7"], "udp", 7) + service([f"{SERVER}:8"], "tcp", 8) +
                     service(["10.99.0.1:9"], "udp", 9), interfaces=INTERFACES)
    rig.usherd.await_log("Linux has no route to real server 10.99.0.1")
    flows = Flows(rig)
    flows.go_on("at first")
    asker = Asker(other)
    before = port(rig)["rx_packets"]
    for happens in (set_down, change_mtu, rename, delete, move, take_program_off,
                    replace_program, change_queues):
        answered = asker.answered
        happens(rig, flows)
        expect(asker.lost == 0 and asker.answered > answered,
               f"meanwhile the other interface lost nothing of {asker.answered - answered}")
    expect(port(rig)["rx_packets"] > before, "the packets of before it went are still counted")
    stood = [int(line.rsplit(None, 2)[1]) for line in rig.usherd.log.read_text().splitlines()
             if "stood still for" in line]
    expect(stood, f"the workers stood still {len(stood)} times, {max(stood)} us at most")


main("interfaces", test, servers=1)
