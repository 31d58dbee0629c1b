#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usherd is killed: meanwhile the interfaces are ordinary ones, and its restart needs no clean-up.
usherd is ended: nothing is left on the interfaces."""

import os
import signal
import socket
import sys

sys.dont_write_bytecode = True
from checks import expect, wait_until  # noqa: E402
from echo import TcpEcho, ask  # noqa: E402
from http_load import get_once  # noqa: E402
from processes import CORES  # noqa: E402
from topology import DIRECTOR_INSIDE, VIP, main, server_address, service  # noqa: E402

EXTERNAL = "198.51.100.1"


def kernel_works(rig, when):
    """The box as such: ARP and ping on both sides, TCP to and from it."""
    rig.client.ip("neigh flush dev c0")
    for box, address in ((rig.client, VIP), (rig.client, EXTERNAL),
                         (rig.servers[0], DIRECTOR_INSIDE)):
        box.run("ping", "-c1", "-W10", address)
    with rig.client.inside(), socket.create_connection((EXTERNAL, 22), 20) as connection:
        ask(connection)
    with rig.director.inside(), socket.create_connection((server_address(1), 80), 20) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        if not connection.recv(100).startswith(b"HTTP/1.1 200 "):
            raise AssertionError("the box reaches its real server")
    expect(True, f"{when}: ping, ARP, TCP to the box and from it work")


def forwards(rig, when):
    with rig.client.inside():
        answers = {get_once() for _ in range(20)}
    expect(answers == {"web-1", "web-2"}, f"{when}: HTTP to the virtual address works")


def programs(rig):
    return [name for name in ("ext0", "int0") if "xdp" in rig.director.run("ip", "link", "show",
                                                                           name)]


def outlives_its_reader(rig):
    """The log goes to a pipe, and who reads it ends."""
    usherd = rig.usherd
    reader, writer = os.pipe()
    usherd.process = usherd.box.start(rig.tools / "usherd", "--config", usherd.config, cores=CORES,
                                      stderr=writer, stdout=writer)
    os.close(writer)
    with os.fdopen(reader) as log:
        said = next(line for line in log if " forwards" in line)
    expect(" 2 interfaces, 1 worker, " in said and " 1 virtual service;" in said,
           "it counts what it has")
    usherd.reload()
    usherd.catch_up()
    forwards(rig, "nobody reads the log")
    expect(usherd.stop() == 0, "and it ends as ever")


def test(rig):
    for number in (1, 2):
        rig.start_nginx(number)
    TcpEcho(rig.director, 22, EXTERNAL)
    usherd = rig.usherd
    usherd.start(service([f"{server_address(n)}:80" for n in (1, 2)]))
    expect(programs(rig) == ["ext0", "int0"], "our XDP program is on both interfaces")
    forwards(rig, "running")
    kernel_works(rig, "running")
    for turn in ("killed", "killed again"):
        usherd.stop(signal.SIGKILL)
        kernel_works(rig, turn)
        with rig.client.inside():
            try:
                get_once()
                raise AssertionError("nobody forwards, but somebody answers")
            except ConnectionRefusedError:
                expect(True, f"{turn}: the kernel refuses connections to the virtual address")
        done = usherd.call("-Ln")
        expect(done.returncode != 0 and "Is it running?" in done.stderr,
               f"{turn}: ipvsadm says that usherd is not there")
        usherd.start()
        forwards(rig, "started again")
        kernel_works(rig, "started again")
    expect(usherd.stop() == 0, "SIGTERM: exit code 0")
    expect(programs(rig) == [], "no XDP program is left")
    expect(not usherd.socket.exists(), "the socket is gone")
    kernel_works(rig, "ended")
    wait_until(lambda: usherd.process.poll() is not None, "the process is gone")
    outlives_its_reader(rig)


main("kill", test, servers=2)
