#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What does not belong to a virtual service stays with the kernel; what is not for the box at all,
too, if it is said so."""

import contextlib
import socket
import sys

sys.dont_write_bytecode = True
from checks import expect, wait_until  # noqa: E402
from echo import TcpEcho, UdpEcho, ask  # noqa: E402
from http_load import WebConnection, get_once  # noqa: E402
from topology import CLIENT, DIRECTOR_INSIDE, VIP, main, server_address, service  # noqa: E402

EXTERNAL = "198.51.100.1"


def refused(rig, address, port):
    try:
        with rig.client.inside():
            socket.create_connection((address, port), 20).close()
    except ConnectionRefusedError:
        return True
    return False


def test_debug_switch(rig):
    usherd = rig.usherd
    usherd.ipvsadm(f"-A -t {VIP}:99 -s rr")  # without a server: every SYN is dropped
    done = usherd.call("log --debug drop", program="usher")
    expect(done.returncode == 0, f"usher log --debug drop {done.stderr}")
    expect(refused(rig, VIP, 99), "a service without a server refuses")
    wait_until(lambda: " dropped: no-server" in usherd.log.read_text(),
               "and with `usher log --debug drop` the log tells of it")
    usherd.call("log --debug none", program="usher")
    usherd.ipvsadm(f"-D -t {VIP}:99")


def test_new_route(rig):
    """A real server in a network that usherd has not heard of at its start."""
    rig.servers[0].ip("addr add 10.77.0.5/32 dev lo")
    rig.director.ip(f"route add 10.77.0.0/24 via {server_address(1)}")
    rig.usherd.ipvsadm(f"-A -t {VIP}:88 -s rr")
    rig.usherd.ipvsadm(f"-a -t {VIP}:88 -r 10.77.0.5:80 -m")

    def answered():
        try:
            connection = WebConnection(88)
            with contextlib.closing(connection):
                return connection.get(last=True) == "web-1"
        except OSError:
            return False
    with rig.client.inside():
        wait_until(answered, "a server by a route that is newly added is reached")


class Routed:
    """What the box routes for others: between the client and a real server, each by its address."""

    def __init__(self, rig):
        self.rig = rig
        self.outside = UdpEcho(rig.client, 9, "outside")
        TcpEcho(rig.servers[0], 2222)
        rig.director.forward()
        rig.client.ip(f"route add 10.0.0.0/24 via {EXTERNAL}")

    def passes(self, patience=1):
        """Both ways: a datagram from the server, a connection to it."""
        with self.rig.servers[0].inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            with server:
                server.settimeout(patience)
                server.connect((CLIENT, 9))
                server.send(b"out")
                server.recv(100)
            with self.rig.client.inside(), \
                    socket.create_connection((server_address(1), 2222), patience) as client:
                ask(client, b"x" * 50_000)
        except OSError:
            return False
        return True


def test_other(rig):
    """[forwarding] other: what is for nobody here."""
    routed = Routed(rig)
    expect(not routed.passes() and rig.usherd.drops().get("no-service", 0) > 0,
           "the box routes, but what is for nobody here is dropped and counted")
    rig.usherd.call("masquerade other kernel", program="usher")
    wait_until(routed.passes, "other = kernel: Linux forwards it, both ways")
    expect(set(routed.outside.senders) == {server_address(1)}, "with its own addresses")
    dropped = rig.usherd.drops()
    seen = rig.usherd.ask("worker.list")[0]["packets"]
    expect(routed.passes(20) and rig.usherd.ask("worker.list")[0]["packets"] == seen
           and rig.usherd.drops() == dropped, "no worker sees it")
    with rig.client.inside():
        expect(get_once() == "web-1", "the service is the workers' still")
    rig.usherd.call("masquerade other drop", program="usher")
    wait_until(lambda: not routed.passes(), "other = drop: it is over")
    web = service([f"{server_address(1)}:80"])
    rig.usherd.write_config(web, extra='[forwarding]\nother = "kernel"')
    rig.usherd.reload()
    wait_until(routed.passes, "by the file, too")


def test_other_beside_masquerading(rig):
    """Linux lets the client in to a masqueraded host, whose answers only the worker can judge."""
    web = service([f"{server_address(1)}:80"])
    rules = '[[masquerade]]\ninside = ["10.0.0.0/24"]\n[forwarding]\nother = "kernel"'
    rig.usherd.write_config(web, extra=rules)
    rig.usherd.ask("config.reload")  # and is done when it answers
    outside = UdpEcho(rig.client, 10, "outside")

    def masqueraded():
        with rig.servers[0].inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with server:
            server.settimeout(1)
            server.connect((CLIENT, 10))
            try:
                server.send(b"out")
                server.recv(100)
            except OSError:
                return False
        return set(outside.senders) == {EXTERNAL}
    wait_until(masqueraded, "a rule: what a server opens is masqueraded")
    with rig.client.inside(), socket.create_connection((server_address(1), 2222), 20) as client:
        ask(client, b"x" * 50_000)
    expect(True, "and a connection to the server by its own address works, by Linux")
    rig.client.run("ping", "-c1", "-W10", "-s", "4000", server_address(1))
    expect(True, "a ping of it, too, in fragments")
    with rig.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((server_address(1), 9999))
        client.send(b"anybody?")
        try:
            client.recv(100)
            said = "nothing"
        except ConnectionRefusedError:
            said = "refused"
    expect(said == "refused", "and its closed port says so")


def test(rig):
    rig.start_nginx(1)
    rig.usherd.start(service([f"{server_address(1)}:80"]))
    before = rig.usherd.ask("worker.list")[0]["packets"]

    rig.client.ip("neigh flush dev c0")
    rig.client.run("ping", "-c3", "-i0.2", "-W10", VIP)
    mac = rig.director.mac("ext0")
    expect(mac in rig.client.run("ip", "neigh", "show", "198.51.100.1"), "the kernel answers ARP")
    rig.client.run("ping", "-c1", "-W10", "-s", "4000", VIP)
    expect(True, "and ping for the virtual address, also in fragments")
    rig.servers[0].run("ping", "-c1", "-W10", DIRECTOR_INSIDE)
    expect(True, "and ping from a real server")

    for address in (EXTERNAL, VIP):
        TcpEcho(rig.director, 2222, address)
        with rig.client.inside(), socket.create_connection((address, 2222), 20) as connection:
            ask(connection, b"x" * 50_000)
    expect(True, "a listener on another port of the box, or of the virtual address, is reached")
    UdpEcho(rig.director, 80, "box", VIP)  # the service is TCP's
    with rig.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((VIP, 80))
        client.send(b"udp?")
        expect(client.recv(100) == b"box: udp?", "the same port of the other protocol, too")
    expect(refused(rig, VIP, 81), "a port that nobody serves is refused")
    for _ in range(3):
        with rig.director.inside(), socket.create_connection((server_address(1), 80), 20) as own:
            own.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not own.recv(200).startswith(b"HTTP/1.1 200 "):
                raise AssertionError("the box's own connection to a real server's port works")
    expect(True, "the box's own connections to a real server's port work")

    after = rig.usherd.ask("worker.list")[0]["packets"]
    expect(after == before, "no worker saw a packet of all that")
    with rig.client.inside():
        expect(get_once() == "web-1", "and the service works")
    expect(rig.usherd.drops() == {}, "nothing was dropped")
    test_new_route(rig)
    test_debug_switch(rig)
    test_other(rig)
    test_other_beside_masquerading(rig)


main("kernel", test, servers=1)
