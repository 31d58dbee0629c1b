#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two workers share out what interfaces with one queue receive: HTTP, order within a flow,
fragments; sleeping and spinning."""

import socket
import sys

sys.dont_write_bytecode = True
from checks import expect, wait_until  # noqa: E402
from echo import UdpEcho  # noqa: E402
from http_load import get_once, start_wrk, wrk_failures  # noqa: E402
from processes import CORES  # noqa: E402
from topology import SKIPPED, VIP, main, server_address, service  # noqa: E402

REQUESTS = 500
DATAGRAMS = 200


def start(rig, idle):
    services = service([f"{server_address(1)}:80"]) + service([f"{server_address(1)}:7"], "udp", 7)
    rig.usherd.start(services, cores=CORES[-2:], workers=f'spread = true\nidle = "{idle}"')


def in_order(rig, size):
    """Many flows, each with several datagrams on their way at once."""
    for _ in range(10):
        with rig.client.inside():
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((VIP, 7))
        client.settimeout(20)
        texts = [b"%d " % number + bytes(size) for number in range(DATAGRAMS // 10)]
        for text in texts:
            client.send(text)
        answers = [client.recv(65536) for _ in texts]
        if answers != [b"1: " + text for text in texts]:
            return False
    return True


def test(rig):
    rig.start_nginx(1)
    UdpEcho(rig.servers[0], 7, "1")
    for idle in ("sleep", "spin"):
        start(rig, idle)
        with rig.client.inside():
            answers = [get_once() for _ in range(REQUESTS)]
        expect(answers == ["web-1"] * REQUESTS, f"{idle}: {REQUESTS} requests: no failure")
        bad = wrk_failures(start_wrk(rig, 2).communicate()[0])
        expect(not bad, f"{idle}: wrk saw no error {bad}")
        expect(in_order(rig, 10), f"{idle}: {DATAGRAMS} datagrams are answered in order")
        expect(in_order(rig, 2500), f"{idle}: as many in fragments")
        workers = rig.usherd.ask("worker.list")
        shares = [worker["packets"] for worker in workers]
        expect(min(shares) > 0.2 * sum(shares), f"{idle}: both workers have a share: {shares}")
        expect(sum(worker["handed_on"] for worker in workers) > REQUESTS,
               f"{idle}: by rings from one to the other")
        drops = rig.usherd.drops()
        expect(not drops, f"{idle}: nothing was dropped {drops}")
        if idle == "sleep":
            wait_until(lambda: all(worker["asleep_now"] > 0.9 for worker in
                                   rig.usherd.ask("worker.list")), "with nothing to do they sleep")
        rig.usherd.stop()


if len(CORES) < 2:
    print("two workers need two cores")
    sys.exit(SKIPPED)
main("spread", test, servers=1)
