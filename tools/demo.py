# SPDX-License-Identifier: BSD-3-Clause
"""Shows Usher's main job: a director in a network of its own spreads real HTTP requests over real
web servers, operated with ipvsadm's commands. What is shown is checked; the exit code is 1 when it
was not so. Builds into build/; leaves nothing elsewhere. Run by tools/demo."""

import argparse
import collections
import os
import pathlib
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/e2e"))  # the tests' network is the demo's

import http_load  # noqa: E402
import processes  # noqa: E402
import topology  # noqa: E402
from topology import VIP  # noqa: E402

SERVICE = f"{VIP}:80"
EXAMPLE = "conf/examples/demo.toml"
KEPT = ROOT / "build/demo.pid"  # of a demo that was left running
BUILD = ROOT / "build/release"
BUILD_LOG = ROOT / "build/log/demo-build.log"
TARGETS = ["tools/usherd", "tools/usher", "tools/ipvsadm"]

ONE_EACH = 600  # requests with a connection each
KEPT_ALIVE = 60  # connections
REQUESTS_ON_EACH = 5
WRK_SECONDS = 5
DRAIN_SECONDS = 30


class NotSo(Exception):
    """Something that the demo says is not so."""


def bold(text):
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def heading(text):
    print(f"\n{bold('== ' + text + ' ==')}")


def check(holds, sentence):
    if not holds:
        raise NotSo(sentence)
    print(f"  ok: {sentence}")


def build():
    """meson and ninja, quickly done when there is nothing to do."""
    BUILD_LOG.parent.mkdir(parents=True, exist_ok=True)
    commands = [] if (BUILD / "build.ninja").exists() else [["meson", "setup", BUILD, ROOT]]
    commands.append(["ninja", "-C", BUILD, *TARGETS])
    print(f"Building into build/release (log: {BUILD_LOG.relative_to(ROOT)}) ...", flush=True)
    children = processes.Children()
    try:
        with open(BUILD_LOG, "wb") as log:
            for command in commands:
                child = children.start(command, cores=processes.CORES, stdout=log, stderr=log)
                if child.wait() != 0:
                    print(*BUILD_LOG.read_text().splitlines()[-20:], sep="\n")
                    raise NotSo("it builds")
    finally:
        children.end_all()


class Demo:
    def __init__(self, rig):
        self.rig = rig
        self.usherd = rig.usherd

    def type(self, command, lines=None):
        """Runs an operator's command where everybody can see it."""
        print(f"{bold('# ' + command)}", flush=True)
        program, *words = command.split()
        done = self.usherd.call(words, program=program)
        shown = done.stdout.splitlines()
        for line in shown[:lines]:
            print(line)
        if lines is not None and len(shown) > lines:
            print(f"... and {len(shown) - lines} lines more")
        if done.returncode != 0:
            raise NotSo(f"`{command}` works (it says: {done.stderr.strip()})")
        return done.stdout

    def show_network(self):
        heading("A network of its own, in network namespaces")
        print(f"""
  client            director                      three real servers with nginx
  198.51.100.2 ---- ext0  usherd  int0 --switch-- 10.0.0.100  web-1
                    203.0.113.10  10.0.0.1    |-- 10.0.0.101  web-2
                    (the virtual address)     `-- 10.0.0.102  web-3 (on port 8080, too)
""")
        for number in (1, 2, 3):
            self.rig.start_nginx(number, (80, 8080) if number == 3 else (80,))

    def start_director(self):
        heading("usherd, the director")
        text = (ROOT / EXAMPLE).read_text()
        changed = re.sub(r'(?m)^socket = .*', f'socket = "{self.usherd.socket}"', text)
        if processes.WORKER_CORE != 1:
            changed = re.sub(r"(?m)^cores = .*", f"cores = [{processes.WORKER_CORE}]", changed)
        self.usherd.config.write_text(changed)
        print(f"Its file is {EXAMPLE} but for what belongs to this machine (the socket is in\n"
              "build/, so that nothing outside is touched; ipvsadm finds it by $USHER_SOCKET):\n")
        before = text.splitlines()
        print(*("  " + line for line in changed.splitlines() if line not in before), sep="\n")
        config = self.usherd.config.relative_to(ROOT)
        print(f"\n{bold(f'# usherd --config {config}')}", flush=True)
        self.usherd.start()
        print(self.usherd.log.read_text().splitlines()[-1])

    def configure(self):
        heading("A virtual service, as an LVS administrator types it")
        self.type(f"ipvsadm -A -t {SERVICE} -s wlc")
        self.type(f"ipvsadm -a -t {SERVICE} -r 10.0.0.100:80 -m")
        self.type(f"ipvsadm -a -t {SERVICE} -r 10.0.0.101:80 -m -w 2")
        self.type(f"ipvsadm -a -t {SERVICE} -r 10.0.0.102:80 -m -w 3")
        check(len(self.usherd.servers()) == 3, "the director has three real servers")

    def one_connection_each(self):
        heading(f"{ONE_EACH} requests, a connection each")
        with self.rig.client.inside():
            answers = collections.Counter(http_load.get_once() for _ in range(ONE_EACH))
        self.show_answers(answers, ONE_EACH, ONE_EACH * 0.05)

    def kept_alive(self):
        heading(f"{KEPT_ALIVE} connections kept alive, {REQUESTS_ON_EACH} requests on each")
        answers = collections.Counter()
        with self.rig.client.inside():
            connections = [http_load.WebConnection() for _ in range(KEPT_ALIVE)]
        for connection in connections:
            names = {connection.get() for _ in range(REQUESTS_ON_EACH)}
            if len(names) != 1:
                raise NotSo("all answers on one connection come from one server")
            answers[names.pop()] += REQUESTS_ON_EACH
        total = KEPT_ALIVE * REQUESTS_ON_EACH
        self.show_answers(answers, total, total * 0.1)
        return connections

    def show_answers(self, answers, total, tolerance):
        weights = {"web-1": 1, "web-2": 2, "web-3": 3}
        print("  server  weight  answers")
        for name, weight in weights.items():
            print(f"  {name:8}{weight:6}{answers[name]:9}")
        check(sum(answers.values()) == total, f"all {total} were answered")
        even = all(abs(answers[name] - total * weight / 6) <= tolerance
                   for name, weight in weights.items())
        check(even, "in proportion to the weights")

    def listings(self, connections):
        heading("What ipvsadm shows, with those connections still open")
        table = self.type("ipvsadm -Ln")
        active = sum(int(line.split()[4]) for line in table.splitlines() if " Masq " in line)
        check(active == KEPT_ALIVE, f"{KEPT_ALIVE} connections are active")
        print()
        stats = self.type("ipvsadm -Ln --stats")
        row = next(line.split() for line in stats.splitlines() if line.startswith("TCP"))
        made = ONE_EACH + KEPT_ALIVE
        check(row[2] == str(made), f"{made} connections were made")
        print()
        entries = self.type("ipvsadm -Lnc", lines=10)
        held = sum(" ESTABLISHED " in line for line in entries.splitlines())
        check(held == KEPT_ALIVE, f"{KEPT_ALIVE} entries are ESTABLISHED")
        for connection in connections:
            connection.close()

    def changes_under_load(self):
        heading("Changes under load: no request may fail")
        load = http_load.Load(self.rig.client)
        try:
            time.sleep(1)
            print("A fourth real server: another port, so the director changes ports, too.")
            self.type(f"ipvsadm -a -t {SERVICE} -r 10.0.0.102:8080 -m -w 2")
            time.sleep(1)
            print("Other weights.")
            self.type(f"ipvsadm -e -t {SERVICE} -r 10.0.0.100:80 -m -w 4")
            self.type(f"ipvsadm -e -t {SERVICE} -r 10.0.0.102:80 -m -w 1")
            time.sleep(1)
            print("web-2 shall go: weight 0 keeps new connections away, those that it has go on.")
            self.type(f"ipvsadm -e -t {SERVICE} -r 10.0.0.101:80 -m -w 0")
            self.await_drained("10.0.0.101:80")
            self.type(f"ipvsadm -d -t {SERVICE} -r 10.0.0.101:80")
            at_removal = load.answers["web-2"]
            time.sleep(1)
        finally:
            load.stop()
        print()
        self.type("ipvsadm -Ln")
        print("  answers:", ", ".join(f"{name} {count}" for name, count in
                                      sorted(load.answers.items())))
        check(load.answers["web-3:8080"] > 0, "the server that was added has answered")
        check(load.answers["web-2"] - at_removal == 0, "the one that was removed is left alone")
        check(not load.failures, f"none of {sum(load.answers.values())} requests failed"
              + (f" ({len(load.failures)}: {load.failures[0]})" if load.failures else ""))

    def await_drained(self, server):
        deadline = time.monotonic() + DRAIN_SECONDS
        begin = time.monotonic()
        while True:
            active = self.usherd.servers()[server]["active"]
            if active == 0:
                break
            if time.monotonic() > deadline:
                raise NotSo(f"{server} drains within {DRAIN_SECONDS} s")
            time.sleep(0.1)
        print(f"  drained (ActiveConn 0) after {time.monotonic() - begin:.1f} s")

    def wrk(self):
        heading(f"wrk: 100 connections kept alive, for {WRK_SECONDS} s")
        print(bold(f"# wrk -t1 -c100 -d{WRK_SECONDS}s http://{VIP}/"), flush=True)
        report = http_load.start_wrk(self.rig, WRK_SECONDS).communicate()[0]
        print(report.rstrip())
        bad = http_load.wrk_failures(report)
        check(not bad, "wrk saw no error" + (f" ({bad})" if bad else ""))
        print()
        self.type("usher worker")

    def run(self):
        self.show_network()
        self.start_director()
        self.configure()
        self.one_connection_each()
        self.listings(self.kept_alive())
        self.changes_under_load()
        self.wrk()

    def end(self):
        heading("The end")
        code = self.usherd.stop()
        check(code == 0, "usherd ends cleanly on SIGTERM")
        links = self.rig.director.run("ip", "link")
        check("xdp" not in links, "no XDP program is left on its interfaces")

    def print_how_to_play(self):
        folder = self.rig.folder.relative_to(ROOT)
        boxes = {"client": self.rig.client, "director": self.rig.director,
                 **{f"server-{n}": box for n, box in enumerate(self.rig.servers, 1)}}
        for name, box in boxes.items():
            script = self.rig.folder / name
            command = " ".join(map(str, box.command([])))
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)
        heading("It is left running")
        print(f"""
The operator's commands, in {ROOT}:
  export USHER_SOCKET={self.usherd.socket}
  export PATH=$PWD/{self.rig.tools.relative_to(ROOT)}:$PATH
  ipvsadm -Ln
  usher --help
A shell, or a command, in a box of the network:
  {folder}/client curl http://{VIP}/
  {folder}/director ip neighbour
  {folder}/server-1 ss -tn
usherd's log is {folder}/usherd.log, its file {folder}/usher.toml.
To end it all:
  tools/demo --end
""", flush=True)


def demonstrate(when_done):
    build()
    with topology.Rig("demo", tools=BUILD / "tools") as rig:
        demo = Demo(rig)
        demo.run()
        if when_done is not None:
            demo.print_how_to_play()
            when_done()
        demo.end()


def guarded(when_done=None):
    """The demo; its exit code."""
    processes.clean_up_on_signals()
    try:
        demonstrate(when_done)
    except NotSo as what:
        print(f"\nNOT SO: {what}", flush=True)
        return 1
    except processes.Interrupted as name:
        print(f"\nEnded by {name}; everything is taken down.", flush=True)
        return 1
    except (OSError, RuntimeError, ValueError) as error:
        print(f"\nThe demo failed: {error}", flush=True)
        return 1
    print(bold("\nThe demo went well, and nothing of it is left."), flush=True)
    return 0


def stay(ready):
    """Lets the starter go, and keeps everything until a signal comes."""
    KEPT.write_text(f"{os.getpid()}\n")
    os.setsid()
    os.write(ready, b"1")
    os.close(ready)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        while True:
            signal.pause()
    finally:
        KEPT.unlink(missing_ok=True)


def keep():
    """The demo in a child that stays when we go."""
    if kept_process() is not None:
        print("A demo is running already; end it first: tools/demo --end")
        return 1
    done, ready = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(done)
        sys.exit(guarded(lambda: stay(ready)))
    os.close(ready)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: os.kill(child, number))
    signal.signal(signal.SIGINT, lambda *_: os.kill(child, signal.SIGINT))
    if os.read(done, 1):
        return 0
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kept_process():
    try:
        number = int(KEPT.read_text())
        words = pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return number if b"demo.py\0--keep" in words else None


def end_kept():
    process = kept_process()
    if process is None:
        print("No demo is running.")
        return 1
    os.kill(process, signal.SIGTERM)
    while pathlib.Path(f"/proc/{process}").exists():
        time.sleep(0.1)
    print("Ended; nothing of it is left.")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true",
                        help="leave everything running, and say how to play with it")
    parser.add_argument("--end", action="store_true", help="end what --keep has left running")
    options = parser.parse_args()
    if options.end:
        return end_kept()
    return keep() if options.keep else guarded()


if __name__ == "__main__":
    sys.exit(main())
