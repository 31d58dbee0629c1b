#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every kind of box, with one worker and with two: two arms; one for both sides; two on either side;
VLANs on one cable, clients' and servers' or the servers' alone. wrk and iperf3 through each; under
their load a server is drained and removed, and each interface goes down and comes up.

What a bounce may do: delay. TCP sends wrk's requests and iperf3's streams again, and no connection
breaks. Only who opens one while there is no way to the server is told so, as by any router."""

import contextlib
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
from checks import expect, wait_until  # noqa: E402
from http_load import WebConnection, get_once, start_wrk, wrk_failures  # noqa: E402
from iperf import IPERF_PORT, iperf_result, start_iperf, start_iperf_server  # noqa: E402
from processes import CORES  # noqa: E402
from rigs import FourArms, HalfTagged, OnAStick, OneArm, TwoArms  # noqa: E402
from topology import VIP, main, server_address, service  # noqa: E402

RIGS = {"two arms": TwoArms, "one arm": OneArm, "four arms": FourArms, "VLANs": OnAStick,
        "half tagged": HalfTagged}
STREAM_SECONDS = 6  # long enough for what happens; when it is not, wrk's load still is
WRK_SECONDS = 120  # at most: it is ended when all has happened
DOWN_SECONDS = 0.3
PATIENCE = 30


def start(rig, web, workers):
    """Web servers that often close a connection, so that one with weight 0 soon has none."""
    for number in range(1, len(rig.servers) + 1):
        rig.start_nginx(number, keepalive=20)
    services = service(web, scheduler="rr")
    for at, address in enumerate((server_address(1), *rig.beside)):
        services += service([f"{address}:{IPERF_PORT}"], "tcp", IPERF_PORT + at)
    for server in {rig.servers[0], rig.servers[-1]}:
        start_iperf_server(server)
    rig.usherd.start(services, **rig.config(workers))


def web_table(rig):
    (table,) = [each for each in rig.usherd.ask("service.list")["services"]
                if each["service"]["port"] == 80]
    return table


def remove_last(rig, web):
    leaving = web[-1]
    rig.usherd.ipvsadm(f"-e -t {VIP}:80 -r {leaving} -m -w 0")

    def active():
        return [row["active"] for row in web_table(rig)["servers"]
                if f"{row['server']['address']}:{row['server']['port']}" == leaving]
    wait_until(lambda: active() == [0], f"{leaving} drains under load", PATIENCE)
    rig.usherd.ipvsadm(f"-d -t {VIP}:80 -r {leaving}")


def requests_go_on(rig):
    """wrk opens new connections all the time."""
    before = web_table(rig)["stats"]["conns"]
    return lambda: web_table(rig)["stats"]["conns"] > before + 20


def bounce(rig, interface):
    def has_link():
        return [row["link"] for row in rig.usherd.ask("port.list") if row["name"] == interface][0]
    rig.director.ip(f"link set {interface} down")
    wait_until(lambda: not has_link(), f"{interface} goes down", PATIENCE)
    time.sleep(DOWN_SECONDS)
    rig.director.ip(f"link set {interface} up")
    wait_until(has_link, f"{interface} comes up", PATIENCE)
    wait_until(requests_go_on(rig), "and wrk goes on", PATIENCE)


def keep_connections(rig, name):
    """A connection from each client that is not with the server of that name."""
    kept = []
    for client in rig.clients():
        while len(kept) < len(rig.clients()):
            with client.inside():
                connection = WebConnection()
            if connection.get() != name:
                kept.append(connection)
                break
            connection.close()
    return kept


def end_wrk(rig, wrk):
    wrk.send_signal(signal.SIGINT)
    report = wrk.communicate()[0]
    print(report)
    bad = [line for line in wrk_failures(report) if "Socket errors" not in line]
    errors = {kind: int(count) for kind, count in
              re.findall(r"(connect|read|write|timeout) (\d+)", report)}
    # wrk notices at its first write or read that a connection did not come about.
    refused = errors.pop("write", 0) + errors.pop("read", 0)
    without_way = rig.usherd.drops().get("no-route", 0)
    expect(not bad and not any(errors.values()) and refused <= without_way,
           f"wrk saw no error {bad} but {refused} refusals for want of a way, of {without_way}")


def test(rig, workers):
    web = [f"{address}:80" for address in (server_address(1), *rig.beside, server_address(2))]
    start(rig, web, workers)
    kept = keep_connections(rig, "web-2")
    wrk = start_wrk(rig, WRK_SECONDS, connections=50, timeout=PATIENCE)
    streams = [start_iperf(client, VIP, "-P", "2", "-p", IPERF_PORT + at, seconds=STREAM_SECONDS)
               for at, client in enumerate(rig.clients())]
    wait_until(requests_go_on(rig), "wrk is under way", PATIENCE)
    remove_last(rig, web)
    for interface in rig.arms:
        bounce(rig, interface)
    for client, stream in zip(rig.clients(), streams):
        received = iperf_result(stream)["sum_received"]
        expect(received["bytes"] > 1_000_000,
               f"iperf3 from {client.name}: {received['bits_per_second'] / 1e9:.2f} Gbit/s")
    end_wrk(rig, wrk)
    shares = [worker["packets"] for worker in rig.usherd.ask("worker.list")]
    expect(len(shares) == workers and min(shares) > 100, f"packets of the workers: {shares}")
    for client, connection in zip(rig.clients(), kept):
        with contextlib.closing(connection):
            expect(connection.get() != "web-2", f"a connection of {client.name}'s lives")
        with client.inside():
            answers = {get_once() for _ in range(20)}
        expect(len(answers) == len(web) - 1 and "web-2" not in answers,
               f"{client.name} reaches the servers that are left")


for workers in range(1, min(len(CORES), 2) + 1):
    for name, network in RIGS.items():
        print(f"{name}, {workers} worker{'s' * (workers > 1)}", flush=True)
        main(f"arms-{network.__name__.lower()}-{workers}", lambda rig: test(rig, workers),
             servers=2, network=network)
