#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""BIRD on the director announces the virtual address to a router over the interface that carries
the traffic, by BGP with BFD and by OSPF; the client has no other way there.

    home ---- client (the router, with BIRD) ---- director (BIRD, usherd) ---- server
"""

import signal
import subprocess
import sys

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from http_load import get_once  # noqa: E402
from topology import CLIENT, VIP, main, server_address, service  # noqa: E402

DIRECTOR, ROUTER = "198.51.100.1", CLIENT
HOME_NETWORK = "192.0.2.0/24"

COMMON = """router id {own};
protocol device {{ }}
protocol direct {{ ipv4; interface "{announces}"; }}
protocol kernel {{ ipv4 {{ import none; export where source != RTS_DEVICE; }}; }}
"""
BGP = COMMON + """protocol bfd {{ interface "{interface}" {{ interval 200 ms; multiplier 15; }}; }}
protocol bgp {{
    local {own} as {number};
    neighbor {peer} as {peer_number};
    connect delay time 1;
    bfd on;
    ipv4 {{ import all; export where net = {network}; }};
}}
"""
OSPF = COMMON + """protocol ospf v2 {{
    ipv4 {{ import all; export where net = {network}; }};
    area 0 {{ interface "{interface}" {{ type ptp; hello 1; dead 10; }}; }};
}}
"""


def build(rig):
    home = Box(rig, "home")
    rig.cable(home, "h0", rig.client, "c1")
    for box, interface in ((home, "h0"), (rig.client, "c1")):
        box.leave_no_work_to_hardware(interface)
    rig.client.ip("addr add 192.0.2.1/24 dev c1")
    home.ip("addr add 192.0.2.2/24 dev h0")
    home.ip("route add default via 192.0.2.1")
    rig.client.forward()
    rig.client.ip("route del 203.0.113.0/24")
    return home


def start_bird(rig, box, name, text):
    paths = {ending: rig.folder / f"bird-{name}.{ending}" for ending in ("conf", "ctl", "pid")}
    paths["conf"].write_text(text)
    return box.start("bird", "-f", "-c", paths["conf"], "-s", paths["ctl"], "-P", paths["pid"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_protocol(rig, home, template, name):
    sides = {
        "director": (rig.director, dict(own=DIRECTOR, peer=ROUTER, number=65001, peer_number=65002,
                                        interface="ext0", announces="ext0", network=f"{VIP}/32")),
        "router": (rig.client, dict(own=ROUTER, peer=DIRECTOR, number=65002, peer_number=65001,
                                    interface="c0", announces="c1", network=HOME_NETWORK)),
    }
    birds = {side: start_bird(rig, box, side, template.format(**facts))
             for side, (box, facts) in sides.items()}

    def has_learned(box, network, via):
        return f"via {via} " in box.run("ip", "route", "show", network)
    wait_until(lambda: has_learned(rig.client, VIP, DIRECTOR),
               f"{name}: the router learns of the virtual address", 60)
    wait_until(lambda: has_learned(rig.director, HOME_NETWORK, ROUTER),
               "and the director of the clients' network", 60)
    with home.inside():
        expect({get_once() for _ in range(200)} == {"web-1"}, "requests by that way are answered")
        if template is BGP:  # OSPF takes its time, but nothing else
            rig.director.ip(f"addr del {VIP}/32 dev ext0")
            wait_until(lambda: not has_learned(rig.client, VIP, DIRECTOR),
                       "without the address the director does not announce it")
            rig.director.ip(f"addr add {VIP}/32 dev ext0")
            wait_until(lambda: has_learned(rig.client, VIP, DIRECTOR), "with it, it does", 60)
            expect({get_once() for _ in range(200)} == {"web-1"}, "and requests are answered")
        rig.children.end(birds["director"], signal.SIGKILL)
        wait_until(lambda: not has_learned(rig.client, VIP, DIRECTOR),
                   "killed, it announces nothing", 60)
        try:
            get_once()
            raise AssertionError("somebody answers")
        except OSError as error:
            expect(True, f"and no request comes through ({error.strerror})")
    rig.children.end(birds["router"])
    rig.director.ip("route flush proto bird")


def test(rig):
    home = build(rig)
    rig.start_nginx(1)
    rig.usherd.start(service([f"{server_address(1)}:80"]))
    test_protocol(rig, home, BGP, "BGP with BFD")
    test_protocol(rig, home, OSPF, "OSPF")
    drops = rig.usherd.drops()
    expect(not drops, f"nothing was dropped {drops}")


main("bird", test, servers=1)
