#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""10,000 requests one after the other, some by curl, and wrk with 100 kept-alive connections for 20 s, while
weights change, servers come and, drained, go, and the file is reloaded, ten times a second where
the machine is fast enough."""

import random
import re
import sys
import threading
import time

sys.dont_write_bytecode = True
from checks import expect, wait_until  # noqa: E402
from http_load import get_once, start_wrk, wrk_failures  # noqa: E402
from topology import VIP, main, server_address, service  # noqa: E402

REQUESTS = 10_000
WRK_SECONDS = 20
CURL_REQUESTS = 50
CHANGES = 30  # at least
PATIENCE = 60
SERVERS = [f"{server_address(n)}:80" for n in (1, 2, 3)] + [f"{server_address(3)}:8080"]


class Churn(threading.Thread):
    """One change and one reload every tenth of a second."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.usherd = rig.usherd
        self.stopping = threading.Event()
        self.random = random.Random(1)
        self.draining = set()
        self.done = {"weight": 0, "zero": 0, "add": 0, "remove": 0, "reload": 0, "file": 0}
        self.error = None

    def run(self):
        next_step = time.monotonic()
        try:
            while not self.stopping.is_set():
                self.step()
                next_step += 0.1
                time.sleep(max(0, next_step - time.monotonic()))
        except Exception as error:  # told by the main thread
            self.error = error

    def step(self):
        rows = self.usherd.servers()
        serving = [name for name in rows if name not in self.draining]
        absent = [name for name in SERVERS if name not in rows]
        drained = [name for name in self.draining if rows[name]["active"] == 0]
        if drained:
            self.command("-d", drained[0])
            self.draining.remove(drained[0])
            self.done["remove"] += 1
        elif absent and self.random.random() < 0.5:
            self.command("-a", absent[0], self.random.randint(1, 5))
            self.done["add"] += 1
        elif len(serving) > 1 and self.random.random() < 0.3:
            name = self.random.choice(serving)
            self.command("-e", name, 0)
            self.draining.add(name)
            self.done["zero"] += 1
        else:
            self.command("-e", self.random.choice(serving), self.random.randint(1, 5))
            self.done["weight"] += 1
        self.reload()

    def command(self, verb, server, weight=None):
        more = "" if weight is None else f" -m -w {weight}"
        self.usherd.ipvsadm(f"{verb} -t {VIP}:80 -r {server}{more}")

    def reload(self):
        """Of the file as it is saved, every other time with a weight changed in it."""
        self.usherd.ask("config.save")
        if self.done["reload"] % 2:
            text = self.usherd.config.read_text()
            changed = re.sub(r"weight = [1-5]\b", f"weight = {self.random.randint(1, 5)}", text, 1)
            self.done["file"] += changed != text
            self.usherd.config.write_text(changed)
        self.usherd.ask("config.reload") if self.random.random() < 0.5 else self.usherd.reload()
        self.done["reload"] += 1


def test(rig):
    for number in (1, 2, 3):
        rig.start_nginx(number, (80, 8080) if number == 3 else (80,))
    rig.usherd.start(service(SERVERS))
    churn = Churn(rig)
    begin = time.monotonic()
    churn.start()
    wrk = start_wrk(rig, WRK_SECONDS)
    with rig.client.inside():
        failures = []
        for _ in range(REQUESTS):
            try:
                get_once()
            except (OSError, ValueError) as error:
                failures.append(repr(error))
    answers = [rig.client.run("curl", "-sS", "--fail", "--max-time", "10", f"http://{VIP}/")
               for _ in range(CURL_REQUESTS)]
    report = wrk.communicate()[0]
    wait_until(lambda: churn.error or (all(churn.done.values()) and churn.done["reload"] >= CHANGES),
               f"there were {CHANGES} changes and reloads at least, of every kind", PATIENCE)
    churn.stopping.set()
    churn.join()
    elapsed = time.monotonic() - begin
    print(report, churn.done, rig.usherd.drops())
    if churn.error:
        raise churn.error
    expect(not failures, f"none of {REQUESTS} requests failed {failures[:3]}")
    bad = wrk_failures(report)
    expect(not bad, f"wrk saw no error {bad}")
    expect(all(answer.startswith("web-") for answer in answers), "curl had its answers")
    print(f"{churn.done['reload'] / elapsed:.1f} changes and reloads were made a second")


main("http", test)
