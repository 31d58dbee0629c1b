#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Linux's neighbours are followed: the packet that needs an unknown one is not lost, and a real
server may get another MAC address."""

import socket
import sys

sys.dont_write_bytecode = True
from checks import expect, wait_until  # noqa: E402
from echo import UdpEcho  # noqa: E402
from topology import CLIENT, VIP, main, server_address, service  # noqa: E402

SERVER = server_address(1)
FRESH_MAC = "02:00:00:00:be:ef"


def forget_neighbours(rig):
    rig.director.ip("neigh flush all")
    rig.usherd.catch_up()


def client_socket(rig):
    with rig.client.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((VIP, 7))
    client.settimeout(10)
    return client


def round_trip(client, text):
    """Sends one datagram, once."""
    client.send(text)
    if client.recv(100) != b"1: " + text:
        raise AssertionError("another answer came")


def test(rig):
    echo = UdpEcho(rig.servers[0], 7, "1")
    rig.usherd.start(service([f"{SERVER}:7"], "udp", 7))
    client = client_socket(rig)
    round_trip(client, b"first")
    expect(True, "the first datagram of all arrives")
    for turn in range(5):
        forget_neighbours(rig)
        round_trip(client, b"old flow %d" % turn)
        forget_neighbours(rig)
        round_trip(client_socket(rig), b"new flow %d" % turn)
    expect(len(echo.senders) == 11, "after a flush of the neighbours each datagram arrives, once")

    rig.servers[0].ip("link set r0 down")
    rig.servers[0].ip(f"link set r0 address {FRESH_MAC}")
    rig.servers[0].ip("link set r0 up")
    rig.servers[0].ip("route add default via 10.0.0.1")
    forget_neighbours(rig)
    round_trip(client, b"moved")
    expect(True, "a server with another MAC address, learned anew, is followed")
    rig.servers[0].ip("link set r0 down")
    rig.servers[0].ip("link set r0 address 02:00:00:00:be:01")
    rig.servers[0].ip("link set r0 up")
    rig.servers[0].ip("route add default via 10.0.0.1")
    rig.servers[0].run("ping", "-c1", "-W10", "10.0.0.1")
    wait_until(lambda: answered(client), "one that tells its new MAC address itself, too")

    rig.servers[0].ip("link set r0 down")
    forget_neighbours(rig)
    for _ in range(10):
        client.send(b"nobody hears")
    wait_until(lambda: rig.usherd.drops().get("neighbour-failed", 0) == 10,
               "packets to a server that is gone are dropped and counted")
    expect(CLIENT in echo.senders and len(set(echo.senders)) == 1, "the server saw the client")


def answered(client):
    client.settimeout(0.5)
    try:
        client.send(b"there?")
        return client.recv(100) == b"1: there?"
    except TimeoutError:
        return False


main("neighbours", test, servers=1)
