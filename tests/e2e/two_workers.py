#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two workers on two cores: the directions of a connection meet in one table."""

import sys

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from http_load import get_once, start_wrk, wrk_failures  # noqa: E402
from processes import CORES  # noqa: E402
from topology import SKIPPED, main, server_address, service  # noqa: E402

REQUESTS = 2000


def test(rig):
    for number in (1, 2, 3):
        rig.start_nginx(number)
    servers = [(f"{server_address(n)}:80", n) for n in (1, 2, 3)]
    rig.usherd.start(service(servers, scheduler="wrr"), cores=CORES[-2:])
    with rig.client.inside():
        answers = [get_once() for _ in range(REQUESTS)]
    shares = [answers.count(f"web-{n}") for n in (1, 2, 3)]
    expect(sum(shares) == REQUESTS, f"{REQUESTS} requests one after the other: no failure")
    expect(all(abs(share - REQUESTS * n / 6) <= n for n, share in enumerate(shares, 1)),
           f"shared out by weight: {shares}")
    report = start_wrk(rig, 5).communicate()[0]
    print(report)
    bad = wrk_failures(report)
    expect(not bad, f"wrk saw no error {bad}")
    workers = rig.usherd.ask("worker.list")
    expect(len(workers) == 2 and all(worker["packets"] > REQUESTS for worker in workers),
           "both workers carried packets")
    drops = rig.usherd.drops()
    expect(not drops, f"nothing was dropped {drops}")


if len(CORES) < 2:
    print("two workers need two cores")
    sys.exit(SKIPPED)
main("two_workers", test)
