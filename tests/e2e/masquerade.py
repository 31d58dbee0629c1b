#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Servers reach the outside: TCP, UDP and ping behind the director's own address or a pool; a server
calls its own service; without a rule nothing passes. On one wire with its servers, a client."""

import socket
import sys

sys.dont_write_bytecode = True
from boxes import Box  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from echo import TcpEcho, UdpEcho, ask  # noqa: E402
from http_load import get_once  # noqa: E402
from rigs import OneArm  # noqa: E402
from topology import CLIENT, DIRECTOR_INSIDE, VIP, main, server_address, service  # noqa: E402

OWN, POOL = "198.51.100.1", "203.0.113.20"
PORT = 7
NEAR = "10.0.0.50"  # a client in the servers' subnet
OWN_FIRST = 61000  # of the ports that the box lends of its own address


class TcpWitness(TcpEcho):
    """Remembers who called."""

    def __init__(self, box, port):
        self.callers = []
        super().__init__(box, port)

    def answer(self, connection):
        self.callers.append(connection.getpeername())
        TcpEcho.answer(connection)


def call(box, kind, timeout=20):
    """The echo of a word from the client's box, from a new socket of `box`."""
    with box.inside():
        made = socket.socket(socket.AF_INET, kind)
    with made:
        made.settimeout(timeout)
        made.connect((CLIENT, PORT))
        if kind == socket.SOCK_STREAM:
            ask(made)
        else:
            made.send(b"hello")
            made.recv(100)


def reaches(box, kind):
    try:
        call(box, kind, timeout=0.5)
        return True
    except (TimeoutError, OSError):
        return False


def rule(outside=""):
    return f'[[masquerade]]\ninside = ["10.0.0.0/24"]\n{outside}\n'


def test(rig):
    tcp, udp = TcpWitness(rig.client, PORT), UdpEcho(rig.client, PORT, "outside")
    rig.start_nginx(1)
    web = service([f"{server_address(1)}:80"])
    server, other = rig.servers
    rig.usherd.start(web)
    expect(not reaches(server, socket.SOCK_DGRAM) and not reaches(server, socket.SOCK_STREAM),
           "without a rule a server does not reach the outside")
    expect(rig.usherd.drops().get("no-service", 0) > 0, "and that is counted")

    for outside, address in (("", OWN), (f'outside = ["{POOL}"]', POOL)):
        rig.usherd.write_config(web + rule(outside))
        rig.usherd.reload()
        wait_until(lambda: reaches(server, socket.SOCK_DGRAM) and udp.senders[-1] == address,
                   f"a server reaches it behind {address}")
        tcp.callers.clear()
        udp.senders.clear()
        for _ in range(20):
            call(server, socket.SOCK_STREAM)
            call(other, socket.SOCK_STREAM)
            call(server, socket.SOCK_DGRAM)
        expect({host for host, _ in tcp.callers} == {address} and len(tcp.callers) == 40,
               f"40 TCP connections come from {address}")
        if address == OWN:
            expect(all(port >= OWN_FIRST for _, port in tcp.callers),
                   "from ports that Linux does not use")
        expect(set(udp.senders) == {address}, f"and the datagrams from {address}")
        said = server.run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "10", CLIENT)
        expect("3 received" in said, "ping gets its answers")
    used = rig.usherd.ask("masquerade.list")["addresses"]
    expect(any(row["address"] == POOL and row["used"] > 0 for row in used), "the ports are counted")

    with other.inside():
        expect({get_once() for _ in range(20)} == {"web-1"}, "a server calls the service")
    with server.inside():
        expect({get_once() for _ in range(20)} == {"web-1"}, "even the one that it is sent to")
    rig.usherd.write_config(web)
    rig.usherd.reload()
    wait_until(lambda: not reaches(server, socket.SOCK_DGRAM), "without the rule it is over")
    with rig.client.inside():
        expect(get_once() == "web-1", "the service goes on")


class WebWitness(TcpWitness):
    """A web server that remembers who called."""

    def answer(self, connection):
        self.callers.append(connection.getpeername())
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nweb")


def client_beside(rig):
    near = Box(rig, "near")
    rig.plug_in(near, "c0")
    near.ip(f"addr add {NEAR}/24 dev c0")
    near.ip(f"route add {VIP}/32 via {DIRECTOR_INSIDE}")
    near.leave_no_work_to_hardware("c0")
    return near


def is_served(box, timeout):
    with box.inside():
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with made:
        made.settimeout(timeout)
        try:
            made.connect((VIP, 80))
            made.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return made.recv(1000).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False


def test_one_wire(rig):
    """As docs/operations.md says."""
    near, server = client_beside(rig), rig.servers[0]
    witness = WebWitness(server, 80)
    web = service([f"{server_address(1)}:80"])
    rig.usherd.start(web, **rig.config(1))
    expect(not is_served(near, 1), "a client beside the servers is answered past the director")
    server.ip(f"route add {NEAR}/32 via {DIRECTOR_INSIDE}")
    wait_until(lambda: is_served(near, 20), "with a route back it is served")
    expect(witness.callers[-1][0] == NEAR, "and the server sees its address")
    server.ip(f"route del {NEAR}/32 via {DIRECTOR_INSIDE}")
    rig.usherd.write_config(web + rule(), **rig.config(1))
    rig.usherd.reload()
    wait_until(lambda: is_served(near, 2), "with a rule, too")
    expect(witness.callers[-1][0] == DIRECTOR_INSIDE, "the server sees the director's address then")
    expect(is_served(server, 20), "a server calls the service that it is part of")
    expect(is_served(rig.client, 20) and witness.callers[-1][0] == CLIENT,
           "clients from elsewhere keep theirs")
    outside = UdpEcho(rig.client, PORT, "outside")
    call(server, socket.SOCK_DGRAM)
    expect(outside.senders == [OWN], "what servers open is masqueraded")
    rig.usherd.write_config(web + rule(f'outside = ["{POOL}"]'), **rig.config(1))
    rig.usherd.reload()
    wait_until(lambda: reaches(server, socket.SOCK_DGRAM) and outside.senders[-1] == POOL,
               "behind whichever address the rule names")
    expect(is_served(near, 20) and witness.callers[-1][0] == DIRECTOR_INSIDE,
           "servers and their neighbours meet as before")


main("masquerade", test, servers=2)
main("masquerade-one-wire", test_one_wire, servers=1, network=OneArm)
