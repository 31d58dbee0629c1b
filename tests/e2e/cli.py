#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ipvsadm and usher against a running daemon: output byte for byte, round trips, permissions."""

import json
import os
import re
import signal
import socket
import stat
import sys

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from echo import UdpEcho  # noqa: E402
from http_load import WebConnection, get_once  # noqa: E402
from processes import WORKER_CORE  # noqa: E402
from topology import CLIENT, DIRECTOR_INSIDE, ROOT, VIP, main, server_address  # noqa: E402

TITLE = """IP Virtual Server version 1.2.1 (size=1048576)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
"""
STATS_TITLE = """IP Virtual Server version 1.2.1 (size=1048576)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
"""
CONNECTIONS_TITLE = """IPVS connection entries
pro expire state       source             virtual            destination
"""
COMMANDS = f"""-A -t {VIP}:80 -s wlc
-a -t {VIP}:80 -r 10.0.0.100:80 -m -w 1
-a -t {VIP}:80 -r 10.0.0.100:8080 -m -w 2
-A -t {VIP}:443 -s rr
-A -u {VIP}:53 -s wrr
-a -u {VIP}:53 -r 10.0.0.100:53 -m -w 7
"""
JSON_COMMANDS = ["service list", "server list", "connection list", "worker list", "port list",
                 "drop list", "table show", "config show", "timeout get", "log", "version"]


def same(got, wanted, sentence):
    if got != wanted:
        raise AssertionError(f"{sentence}:\n{got}is not\n{wanted}")
    print(f"ok: {sentence}", flush=True)


def row(server, forward, weight, active, inactive):
    return f"  -> {server:28} {forward:7} {weight:<6} {active:<10} {inactive:<10}\n"


def stats(name, *numbers):
    return f"{name:33}" + "".join(f" {number:8}" for number in numbers) + "\n"


def test_commands(rig):
    usherd = rig.usherd
    same(usherd.ipvsadm("-Ln"), TITLE, "-Ln of nothing")
    for words in (f"-A -t {VIP}:80", f"-a -t {VIP}:80 -r 10.0.0.100 -m",
                  f"-a -t {VIP}:80 -r 10.0.0.100:8080 -m -w 9",
                  f"-e -t {VIP}:80 -r 10.0.0.100:8080 -m -w 2",
                  f"-A -t {VIP}:443 -s wrr", f"-E -t {VIP}:443 -s rr",
                  f"--add-service --udp-service {VIP}:53 --scheduler wrr",
                  f"-a -u {VIP}:53 -r 10.0.0.100 -m -w 7", f"-A -t {VIP}:99 -s rr",
                  f"-a -t {VIP}:99 -r 10.0.0.100 -m", f"-d -t {VIP}:99 -r 10.0.0.100",
                  f"-D -t {VIP}:99"):
        same(usherd.ipvsadm(words), "", words)
    same(usherd.ipvsadm("-Sn"), COMMANDS, "-Sn")
    same(usherd.ipvsadm("-Ln"), TITLE + f"TCP  {VIP}:80 wlc\n"
         + row("10.0.0.100:80", "Masq", 1, 0, 0) + row("10.0.0.100:8080", "Masq", 2, 0, 0)
         + f"TCP  {VIP}:443 rr\nUDP  {VIP}:53 wrr\n" + row("10.0.0.100:53", "Masq", 7, 0, 0),
         "-Ln")
    same(usherd.ipvsadm(f"-Ln -u {VIP}:53"), TITLE.split("\n", 1)[1] + f"UDP  {VIP}:53 wrr\n"
         + row("10.0.0.100:53", "Masq", 7, 0, 0), "-Ln of one service")
    same(usherd.ipvsadm("-L --timeout"), "Timeout (tcp tcpfin udp): 900 120 300\n", "-L --timeout")
    same(usherd.ipvsadm("--set 0 60 33"), "", "--set")
    same(usherd.ipvsadm("-L --timeout"), "Timeout (tcp tcpfin udp): 900 60 33\n", "takes effect")


def test_counts(rig):
    """One UDP datagram of 5 bytes there, 8 back; the sizes are those of the IP datagrams."""
    usherd = rig.usherd
    import socket
    with rig.client.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(20)
    client.connect((VIP, 53))
    client.send(b"hello")
    same(client.recv(100).decode() + "\n", "1: hello\n", "a datagram goes and comes")
    counted = (stats(f"UDP  {VIP}:53", 1, 1, 1, 33, 36)
               + stats("  -> 10.0.0.100:53", 1, 1, 1, 33, 36))
    same(usherd.ipvsadm(f"-Ln --stats -u {VIP}:53"), STATS_TITLE.split("\n", 1)[1] + counted,
         "--stats counts it")
    port = client.getsockname()[1]
    (line,) = usherd.ipvsadm("-Lnc").removeprefix(CONNECTIONS_TITLE).splitlines()
    wanted = f"UDP XX:XX  {'UDP':11} {f'{CLIENT}:{port}':18} {VIP}:53    10.0.0.100:53"
    same(line[:4] + "XX:XX" + line[9:] + "\n", wanted + "\n", "-Lnc has it")
    same(usherd.ipvsadm(f"-Z -u {VIP}:53"), "", "-Z")
    same(usherd.ipvsadm(f"-Ln --stats -u {VIP}:53"), STATS_TITLE.split("\n", 1)[1]
         + counted.replace("       1        1        1       33       36",
                           "       0        0        0        0        0"), "zeroes the counters")
    with rig.client.inside():
        connection = WebConnection()
    connection.get()
    listed = usherd.ipvsadm(f"-Ln -t {VIP}:80")
    expect(sum(int(line.split()[4]) for line in listed.splitlines() if " Masq " in line) == 1,
           "an open connection is active")
    connection.close()


def test_round_trips(rig):
    usherd = rig.usherd
    saved = usherd.ipvsadm("-Sn")
    usherd.ipvsadm("-C")
    same(usherd.ipvsadm("-Sn"), "", "-C leaves nothing")
    usherd.ipvsadm("-R", saved)
    same(usherd.ipvsadm("-Sn"), saved, "-S and -R bring all back")
    usherd.ipvsadm("-C")
    usherd.ipvsadm("-R", "# by hand\n" + "".join("ipvsadm " + line + "\n"
                                                 for line in saved.splitlines()))
    same(usherd.ipvsadm("-Sn"), saved, "also with comments and the program's name")

    done = usherd.call("config save", program="usher")
    same(done.stdout, f"saved to {usherd.config}\n", "usher config save")
    beside = os.path.relpath(usherd.config.with_name("kept.toml"))
    same(usherd.call(["config", "save", beside], program="usher").stdout,
         f"saved to {usherd.config.with_name('kept.toml')}\n", "to a relative path, too")
    usherd.stop()
    usherd.start()
    same(usherd.ipvsadm("-Sn"), saved, "a restart brings the same services")
    same(usherd.ipvsadm("-L --timeout"), "Timeout (tcp tcpfin udp): 900 60 33\n", "and timeouts")
    with rig.client.inside():
        expect(get_once() in ("web-1", "web-1:8080"), "which work")


def test_usher(rig):
    usherd = rig.usherd
    for words in JSON_COMMANDS:
        done = usherd.call(f"{words} --json", program="usher")
        if done.returncode != 0 or json.loads(done.stdout) is None:
            raise AssertionError(f"usher {words} --json: {done}")
        done = usherd.call(words, program="usher")
        if done.returncode != 0 or not done.stdout.strip():
            raise AssertionError(f"usher {words}: {done}")
    expect(True, f"{len(JSON_COMMANDS)} subcommands of usher speak to people and, in JSON, to "
                 "programs")
    for words in (f"service add tcp {VIP}:8443 --scheduler rr",
                  f"server add tcp {VIP}:8443 10.0.0.100:80 --weight 3",
                  f"server edit tcp {VIP}:8443 10.0.0.100:80 --weight 0",
                  f"server delete tcp {VIP}:8443 10.0.0.100:80",
                  f"service delete tcp {VIP}:8443"):
        done = usherd.call(words, program="usher")
        if done.returncode != 0:
            raise AssertionError(f"usher {words}: {done}")
    expect(True, "services and servers are changed by usher, too")


def test_own_servers(rig):
    """Servers on the box itself: refused, and named when the address comes later."""
    usherd, late = rig.usherd, "10.0.0.222"
    usherd.ipvsadm(f"-A -t {VIP}:8443 -s rr")
    done = usherd.call(f"-a -t {VIP}:8443 -r {DIRECTOR_INSIDE}:80 -m")
    same(done.stderr, f"{DIRECTOR_INSIDE} is an address of the box itself; servers there are not "
         "supported by this version of Usher\n", "a server on the box is refused")
    usherd.ipvsadm(f"-a -t {VIP}:8443 -r {late}:80 -m")
    rig.director.ip(f"addr add {late}/32 dev int0")
    usherd.await_log(f"{late}, a real server's address, is now the box's own")
    same(usherd.ipvsadm(f"-e -t {VIP}:8443 -r {late}:80 -m -w 0"), "", "it can be drained")
    rig.director.ip(f"addr del {late}/32 dev int0")
    usherd.ipvsadm(f"-D -t {VIP}:8443")


def test_access(rig):
    def mode():
        return stat.S_IMODE(rig.usherd.socket.stat().st_mode)
    expect(mode() == 0o600, "the socket's mode is 0600")
    rig.usherd.stop()
    text = rig.usherd.config.read_text().replace("[control]", '[control]\ngroup = "adm"')
    rig.usherd.config.write_text(text)
    rig.usherd.start()
    expect(mode() == 0o660 and rig.usherd.socket.group() == "adm", "0660 with a group's name")
    rig.usherd.stop()
    for program, words in (("ipvsadm", "-Ln"), ("usher", "service list")):
        done = rig.usherd.call(words, program=program)
        expect(done.returncode != 0 and "Is it running? Start it with: usherd" in done.stderr,
               f"without a daemon {program} says how to start it (exit code {done.returncode})")
    rig.usherd.start()
    rig.usherd.stop(signal.SIGKILL)
    expect(rig.usherd.call("-Ln").returncode != 0, "also over a dead daemon's socket")


def test_full_example(rig):
    """With this machine's interfaces, core and socket."""
    text = (ROOT / "conf/examples/full.toml").read_text()
    text = text.replace('"eth0"', '"ext0"').replace('"eth1"', '"int0"')
    text = re.sub(r"(?m)^cores = \S+", f"cores = [{WORKER_CORE}]", text)
    text = re.sub(r"(?m)^socket = \S+", f'socket = "{rig.usherd.socket}"', text)
    rig.usherd.config.write_text(text)
    rig.usherd.start()
    expect(len(rig.usherd.ask("service.list")["services"]) == 7, "conf/examples/full.toml loads")
    expect(len(rig.usherd.ask("marks.list")) == 2, "with its marks")
    rig.usherd.stop()


def test(rig):
    rig.start_nginx(1, (80, 8080), name="web-1")
    UdpEcho(rig.servers[0], 53, "1")
    expect(server_address(1) == "10.0.0.100", "the server")
    rig.usherd.start()
    for part in (test_commands, test_counts, test_round_trips, test_usher, test_own_servers,
                 test_access, test_full_example):
        part(rig)


main("cli", test, servers=1)
