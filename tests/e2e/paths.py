#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""IPv4 and IPv6 over a path with a small MTU on either side of the director: no stall, no black
hole; datagrams in fragments; what a server refuses; HTTP over IPv6.

    home ---- client ---- director ---- server 1 ---- far
        1300 for home                     1300 for far
"""

import http.client
import socket
import sys
import time

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from echo import TcpEcho, UdpEcho, ask, family_of  # noqa: E402
from topology import VIP, main  # noqa: E402

VIP6 = "2001:db8:9::10"
FAR, FAR6 = "10.0.1.2", "2001:db8:d::2"
SMALL = 1300
ECHO, NOBODY = 7, 9
BULK = bytes(range(256)) * 8192  # 2 MiB


def build(rig):
    server = rig.servers[0]
    home, far = Box(rig, "home"), Box(rig, "far")
    rig.cable(home, "h0", rig.client, "c1")
    rig.cable(far, "f0", server, "r1")
    for box, interface in ((home, "h0"), (rig.client, "c1"), (far, "f0"), (server, "r1")):
        box.leave_no_work_to_hardware(interface)
    rig.client.allow_ipv6(("c0", "2001:db8:a::2/64"), ("c1", "2001:db8:c::1/64"))
    rig.director.allow_ipv6(("ext0", "2001:db8:a::1/64"), ("ext0", f"{VIP6}/128"),
                            ("int0", "2001:db8:b::1/64"))
    server.allow_ipv6(("r0", "2001:db8:b::100/64"), ("r1", "2001:db8:d::1/64"))
    rig.servers[1].allow_ipv6(("r0", "2001:db8:b::101/64"))
    home.allow_ipv6(("h0", "2001:db8:c::2/64"))
    far.allow_ipv6(("f0", f"{FAR6}/64"))
    rig.client.ip("addr add 192.0.2.1/24 dev c1")
    home.ip("addr add 192.0.2.2/24 dev h0")
    server.ip("addr add 10.0.1.1/24 dev r1")
    far.ip(f"addr add {FAR}/24 dev f0")
    rig.client.forward()
    server.forward()
    for box, route in (
            (home, "default via 192.0.2.1"), (home, "default via 2001:db8:c::1"),
            (far, "default via 10.0.1.1"), (far, "default via 2001:db8:d::1"),
            (server, "default via 2001:db8:b::1"), (rig.servers[1], "default via 2001:db8:b::1"),
            (rig.client, "2001:db8:9::/64 via 2001:db8:a::1"),
            (rig.director, "192.0.2.0/24 via 198.51.100.2"),
            (rig.director, "2001:db8:c::/64 via 2001:db8:a::2"),
            (rig.director, "10.0.1.0/24 via 10.0.0.100"),
            (rig.director, "2001:db8:d::/64 via 2001:db8:b::100"),
            (rig.client, f"192.0.2.2/32 dev c1 mtu lock {SMALL}"),
            (rig.client, f"2001:db8:c::2/128 dev c1 mtu lock {SMALL}"),
            (server, f"{FAR}/32 dev r1 mtu lock {SMALL}"),
            (server, f"{FAR6}/128 dev r1 mtu lock {SMALL}")):
        box.ip(f"route add {route}")
    return home, far


def service(protocol, address, port, server):
    def end(host, number):
        return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
    return (f'[[service]]\n{protocol} = "{end(address, port)}"\n'
            f'servers = [{{ address = "{end(server, port)}" }}]\n')


def client_socket(home, address, kind):
    with home.inside():
        made = socket.socket(family_of(address), kind)
    made.settimeout(30)
    return made


def test_bulk(home, address):
    with client_socket(home, address, socket.SOCK_STREAM) as client:
        client.connect((address, ECHO))
        begin = time.monotonic()
        for at in range(0, len(BULK), 65536):
            ask(client, BULK[at:at + 65536])
        took = time.monotonic() - begin
    expect(True, f"TCP to {address}: {len(BULK) >> 20} MiB there and back in {took:.1f} s")


def comes_back(client, data):
    """Whether it does in time; answers to what was asked before are passed over."""
    try:
        while client.recv(65536) != data:
            pass
    except TimeoutError:
        return False
    return True


def test_datagrams(home, address):
    with client_socket(home, address, socket.SOCK_DGRAM) as client:
        client.connect((address, ECHO))
        client.settimeout(1)
        for size in (100, 1400, 3000, 20000):
            data = bytes(size)
            # The first may meet the small MTU, and be lost for that.
            for _ in range(20):
                client.send(data)
                if comes_back(client, b"far: " + data):
                    break
            else:
                raise AssertionError(f"{size} bytes to {address} do not come back")
    expect(True, f"UDP to {address}: datagrams of up to 20,000 bytes there and back")


def test_refusal(home, address):
    with client_socket(home, address, socket.SOCK_DGRAM) as client:
        client.connect((address, NOBODY))
        client.send(b"anybody?")
        try:
            client.recv(100)
            raise AssertionError("somebody answers where nobody is")
        except ConnectionRefusedError:
            expect(True, f"UDP to {address}: the server's port unreachable reaches the client")


def get_over_ipv6(home):
    with client_socket(home, VIP6, socket.SOCK_STREAM) as client:
        client.connect((VIP6, 80))
        connection = http.client.HTTPConnection(VIP6)
        connection.sock = client
        connection.request("GET", "/")
        return connection.getresponse().read()


def test(rig):
    home, far = build(rig)
    for address in ("0.0.0.0", "::"):
        TcpEcho(far, ECHO, address)
        UdpEcho(far, ECHO, "far", address)
    rig.start_nginx(2)
    rig.usherd.start("".join(
        service(protocol, address, port, server)
        for address, server in ((VIP, FAR), (VIP6, FAR6))
        for protocol, port in (("tcp", ECHO), ("udp", ECHO), ("udp", NOBODY)))
        + service("tcp", VIP6, 80, "2001:db8:b::101"))
    for address in (VIP, VIP6):
        test_bulk(home, address)
        test_datagrams(home, address)
        test_refusal(home, address)
    for box, peer in ((home, VIP), (home, VIP6), (far, "192.0.2.2"), (far, "2001:db8:c::2")):
        expect(f"mtu {SMALL}" in box.run("ip", "route", "get", peer),
               f"{box.name} has learnt of the small MTU on the way to {peer}")
    expect(all(get_over_ipv6(home) == b"web-2\n" for _ in range(50)), "HTTP over IPv6")
    listed = rig.usherd.ipvsadm("-Lnc")
    wait_until(lambda: f"[{VIP6}]:80" in rig.usherd.ipvsadm("-Ln"), "ipvsadm lists IPv6")
    expect("[2001:db8:c::2]" in listed, "and the connections of IPv6 clients")
    print(f"  drops: {rig.usherd.drops()}")


main("paths", test, servers=2)
