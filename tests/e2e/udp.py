#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A UDP service with real servers that echo, spread by wrr exactly as IPVS would."""

import math
import socket
import sys

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from echo import UdpEcho  # noqa: E402
from topology import VIP, main, server_address, service  # noqa: E402

PORT = 7
WEIGHTS = [2, 4, 3]  # of servers 1, 2, 3
ROUNDS = 10


def wrr(weights):
    """IPVS's order for servers added one after the other: the list, newest first, again and again,
    under a falling bar that each addition fits to the weights so far."""
    bar = 0
    for count in range(1, len(weights) + 1):
        step = math.gcd(*weights[:count])
        top = max(weights[:count]) - (step - 1)
        if bar == 0 or bar > top:
            bar = top
        elif step > 1:
            bar = bar // step * step + 1
    while True:
        yield from (i for i in reversed(range(len(weights))) if weights[i] >= bar)
        bar = bar - step if bar > step else top


def test(rig):
    for number, server in enumerate(rig.servers, 1):
        UdpEcho(server, PORT, f"server {number}")
    rows = [(f"{server_address(n)}:{PORT}", weight) for n, weight in enumerate(WEIGHTS, 1)]
    rig.usherd.start(service(rows, "udp", PORT, "wrr"))

    count = ROUNDS * sum(WEIGHTS)
    with rig.client.inside():
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    answers = []
    for number, client in enumerate(clients):
        client.settimeout(20)
        client.connect((VIP, PORT))  # takes answers from the virtual address only
        client.send(f"hello {number}".encode())
        name, text = client.recv(2000).decode().split(": ")
        expect_same(text, f"hello {number}")
        answers.append(name)
    order = wrr(WEIGHTS)
    expect(answers == [f"server {next(order) + 1}" for _ in range(count)],
           f"{count} flows went to {' : '.join(map(str, WEIGHTS))}, in IPVS's order")

    for number, client in enumerate(clients):
        client.send(b"again")
        expect_same(client.recv(2000).decode(), f"{answers[number]}: again")
    expect(True, "every flow stays with its server")
    listed = rig.usherd.ipvsadm("-Lnc")
    expect(sum(line.startswith("UDP ") for line in listed.splitlines()) == count,
           "each flow is one entry of the table")
    expect(rig.usherd.drops() == {}, "nothing was dropped")


def expect_same(one, other):
    if one != other:
        raise AssertionError(f"{one!r} is not {other!r}")


main("udp", test)
