#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a real server's own programs reach through masquerading, behind a router: ping, traceroute
in its three kinds, dig by UDP (answers in fragments, too) and TCP, curl; IPv4 and IPv6.

    server ---- director ---- client (a router here) ---- home (web and name server)
"""

import subprocess
import sys

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from topology import CLIENT, DIRECTOR_INSIDE, main, server_address, service  # noqa: E402

HOME, HOME6 = "192.0.2.2", "2001:db8:c::2"
CLIENT6, DIRECTOR_INSIDE6 = "2001:db8:a::2", "2001:db8:b::1"
LONG_TEXT = 250  # bytes in each of the parts of a TXT record
PARTS = 10
RULES = """
[[masquerade]]
inside = ["10.0.0.0/24", "2001:db8:b::/64"]
"""


def build(rig):
    home = Box(rig, "home")
    rig.cable(home, "h0", rig.client, "c1")
    for box, interface in ((home, "h0"), (rig.client, "c1")):
        box.leave_no_work_to_hardware(interface)
    rig.client.ip("addr add 192.0.2.1/24 dev c1")
    home.ip(f"addr add {HOME}/24 dev h0")
    rig.client.allow_ipv6(("c0", f"{CLIENT6}/64"), ("c1", "2001:db8:c::1/64"))
    rig.director.allow_ipv6(("ext0", "2001:db8:a::1/64"), ("int0", f"{DIRECTOR_INSIDE6}/64"))
    rig.servers[0].allow_ipv6(("r0", "2001:db8:b::100/64"))
    home.allow_ipv6(("h0", f"{HOME6}/64"))
    rig.client.forward()
    for box, route in ((home, "default via 192.0.2.1"), (home, "default via 2001:db8:c::1"),
                       (rig.director, f"default via {CLIENT}"),
                       (rig.director, f"default via {CLIENT6}"),
                       (rig.servers[0], f"default via {DIRECTOR_INSIDE6}")):
        box.ip(f"route add {route}")
    return home


def start_dns(rig, home):
    text = ",".join("x" * LONG_TEXT for _ in range(PARTS))
    home.start("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
               "--user=root", "--pid-file=", "--edns-packet-max=4096",
               f"--address=/www.example.test/{HOME}", f"--address=/www.example.test/{HOME6}",
               f"--txt-record=long.example.test,{text}",
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: ":53 " in home.run("ss", "-Huln"), "a name server is there")


def hops(box, *words):
    said = box.run("traceroute", "-n", "-q", "1", "-w", "10", *words)
    return [line.split()[1] for line in said.splitlines()[1:]]


def test_family(server, home, between, number):
    said = server.run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "10", home)
    expect("3 received" in said, f"ping {home}")
    said = server.run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", "-s", "4000", home)
    expect("3 received" in said, f"ping {home} in fragments")
    for kind, words in (("UDP", ()), ("ICMP", ("-I",)), ("TCP", ("-T", "-p", "80"))):
        seen = hops(server, *words, home)
        expect(seen == [*between, home], f"traceroute by {kind}: {' '.join(seen)}")

    def dig(*words):
        return server.run("dig", "+short", "+time=10", "+tries=1", f"@{home}", *words)
    address = dig("www.example.test", "AAAA" if number == 6 else "A").strip()
    expect(address == home, f"dig @{home}")
    expect(dig("+tcp", "www.example.test", "A").strip() == HOME, "and by TCP")
    long = dig("+bufsize=4096", "+ignore", "long.example.test", "TXT")
    expect(long.count("x") == PARTS * LONG_TEXT, "and an answer in fragments")
    url = f"http://[{home}]/" if number == 6 else f"http://{home}/"
    said = server.run("curl", "-sS", "--fail", "--max-time", "60", url)
    expect(said == "home\n", f"curl {url}")


def test(rig):
    home = build(rig)
    start_dns(rig, home)
    rig.start_web(home, "home")
    rig.usherd.start(service([f"{server_address(1)}:80"]) + RULES)
    test_family(rig.servers[0], HOME, [DIRECTOR_INSIDE, CLIENT], 4)
    test_family(rig.servers[0], HOME6, [DIRECTOR_INSIDE6, CLIENT6], 6)
    drops = rig.usherd.drops()
    expect(set(drops) <= {"ttl-exceeded"}, f"nothing was dropped but what traceroute wants {drops}")


main("outward", test, servers=1)
