# SPDX-License-Identifier: BSD-3-Clause
"""A small network on one machine, for the demo and the end-to-end tests.

    client c0 ---- ext0 director int0 ---- switch (bridge) ---- r0 of each server
    198.51.100.2   .1            10.0.0.1                       10.0.0.100, .101, ...
                   203.0.113.10/32, the virtual address

Each box is a network namespace that lives as long as a process of ours holds it: nothing is
registered in /run/netns, and nothing is left when we die, however that happens. Files are in a
folder below build/boxes, which is removed. The worker polls the last core that we may use; everything
else runs on the others.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
VIP = "203.0.113.10"
CLIENT = "198.51.100.2"
DIRECTOR_INSIDE = "10.0.0.1"
SKIPPED = 77  # exit code

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000

CORES = sorted(os.sched_getaffinity(0))
WORKER_CORE = CORES[-1]
OTHER_CORES = CORES[:-1] or CORES


class Interrupted(Exception):
    """A signal asked us to end."""


def clean_up_on_signals():
    """Ctrl-C and its like become an exception, once; what they interrupt is then taken down."""
    def interrupt(number, frame):
        ignore_signals()
        raise Interrupted(signal.Signals(number).name)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def expect(holds, sentence):
    if not holds:
        raise AssertionError(sentence)
    print(f"ok: {sentence}", flush=True)


def wait_until(holds, sentence, patience=10):
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {sentence}")
        time.sleep(0.05)
    print(f"ok: {sentence}", flush=True)


def service(servers, protocol="tcp", port=80, scheduler="wlc"):
    """A [[service]] of the file; servers are addresses with ports, or (address, weight)."""
    rows = [row if isinstance(row, tuple) else (row, 1) for row in servers]
    listed = ", ".join(f'{{ address = "{address}", weight = {weight} }}'
                       for address, weight in rows)
    return (f'[[service]]\n{protocol} = "{VIP}:{port}"\nscheduler = "{scheduler}"\n'
            f"servers = [{listed}]\n")


def server_address(number):
    """Of server 1, 2, ..."""
    return f"10.0.0.{99 + number}"


def run(command, **options):
    """Runs a command to its end; raises with what it said when it fails."""
    done = subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                           f"{done.stdout}")
    return done.stdout


class Children:
    """Processes that are ended with us: in the order given up, each with its whole group."""

    def __init__(self):
        self.started = []

    def start(self, command, cores=OTHER_CORES, **options):
        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.sched_setaffinity(0, cores)
        options.setdefault("stdin", subprocess.DEVNULL)
        # A signal between the start and the note of it would lose the child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK,
                                        {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            child = subprocess.Popen([str(word) for word in command], start_new_session=True,
                                     preexec_fn=prepare, **options)
            self.started.append(child)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child

    def end(self, child, number=signal.SIGTERM, patience=10):
        self.started = [other for other in self.started if other is not child]
        if child.poll() is None:
            child.send_signal(number)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # what it left behind
        return child.returncode

    def end_all(self):
        while self.started:
            self.end(self.started[-1])


class Box:
    """A machine of the network: a network namespace, and a /sys that belongs to it."""

    def __init__(self, rig, name):
        self.rig = rig
        self.name = name
        script = "mount -t sysfs sysfs /sys && ip link set lo up && echo up && exec sleep infinity"
        self.holder = rig.children.start(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = self.holder.stdout.readline()
        if said != "up\n":
            raise RuntimeError(f"cannot make a network namespace: {said}{self.holder.stdout.read()}")
        self.write_sysctl("net/ipv6/conf/all/disable_ipv6", 1)
        self.write_sysctl("net/ipv6/conf/default/disable_ipv6", 1)

    def command(self, words):
        return ["nsenter", "-t", self.holder.pid, "--net", "--mount", f"--wd={os.getcwd()}", *words]

    def run(self, *words, **options):
        return run(self.command(words), **options)

    def start(self, *words, **options):
        return self.rig.children.start(self.command(words), **options)

    def ip(self, words):
        return self.run("ip", *words.split())

    @contextlib.contextmanager
    def inside(self):
        """This thread's new sockets belong to the box, for good."""
        with open("/proc/thread-self/ns/net") as home, \
                open(f"/proc/{self.holder.pid}/ns/net") as box:
            enter(box)
            try:
                yield
            finally:
                enter(home)

    def write_sysctl(self, name, value):
        path = pathlib.Path("/proc/sys") / name
        with self.inside(), contextlib.suppress(FileNotFoundError):
            path.write_text(f"{value}\n")  # opened and written as one of the box

    def mac(self, interface):
        return json.loads(self.run("ip", "-j", "link", "show", interface))[0]["address"]


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Usherd:
    """The daemon in the director's box, and its clients."""

    def __init__(self, rig):
        self.rig = rig
        self.config = rig.folder / "usher.toml"
        self.socket = rig.folder / "usher.sock"
        self.log = rig.folder / "usherd.log"
        self.process = None
        if len(str(self.socket)) > 100:
            raise RuntimeError(f"the path {self.socket} is too long for a unix socket: "
                               "have the repository in a shorter one")

    def write_config(self, services="", cores=(WORKER_CORE,), extra=""):
        self.config.write_text(f"""{extra}
[[interface]]
name = "ext0"
role = "external"
[[interface]]
name = "int0"
role = "internal"
[workers]
cores = {list(cores)}
[control]
socket = "{self.socket}"
{services}
""")

    def start(self, services=None, **config):
        """Returns when it forwards. Without arguments, with the file that is there."""
        if services is not None or config or not self.config.exists():
            self.write_config(services or "", **config)
        offset = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = self.rig.director.start(
                self.rig.tools / "usherd", "--config", self.config, cores=CORES, stderr=log,
                stdout=log)
        self.await_log("forwards", offset)

    def await_log(self, text, offset=0, patience=30):
        deadline = time.monotonic() + patience
        while text not in (said := self.log.read_text()[offset:]):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"usherd does not say '{text}', but:\n{said}")
            time.sleep(0.02)

    def stop(self, number=signal.SIGTERM):
        return self.rig.children.end(self.process, number)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def environment(self):
        return {**os.environ, "USHER_SOCKET": str(self.socket)}

    def call(self, words, text="", program="ipvsadm"):
        """Runs ipvsadm or usher: its exit code, output and errors."""
        words = words.split() if isinstance(words, str) else words
        return subprocess.run([str(self.rig.tools / program), *words], input=text, text=True,
                              capture_output=True, env=self.environment())

    def ipvsadm(self, words, text=""):
        """As call; raises when it fails. Returns what it printed."""
        done = self.call(words, text)
        if done.returncode != 0:
            raise RuntimeError(f"ipvsadm {words}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def ask(self, command, **members):
        """A request to the socket; the result, or an exception with the error."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(json.dumps({"command": command, **members}).encode() + b"\n")
            reply = json.loads(connection.makefile().readline())
        if not reply["ok"]:
            raise RuntimeError(f"{command}: {reply['error']}")
        return reply["result"]

    def servers(self):
        """The real servers of the only service: {address:port: row}."""
        (service,) = self.ask("service.list")["services"]
        return {f"{row['server']['address']}:{row['server']['port']}": row
                for row in service["servers"]}

    def drops(self):
        """The reasons that have counted something."""
        return {reason: count for reason, count in self.ask("drop.list").items() if count}


class Rig:
    """Everything. Used as `with Rig(...) as rig`."""

    def __init__(self, name, servers=3, tools=ROOT / "build/release/tools"):
        self.name = name
        self.server_count = servers
        self.tools = pathlib.Path(tools).resolve()
        self.children = Children()

    def __enter__(self):
        parent = ROOT / "build/boxes"
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=parent))
        os.sched_setaffinity(0, OTHER_CORES)
        try:
            self.build()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        ignore_signals()
        self.children.end_all()
        log = self.folder / "usherd.log"
        if kind is not None and kind not in (Interrupted, SystemExit) and log.exists():
            print("The end of usherd's log:", *log.read_text().splitlines()[-20:], sep="\n    ",
                  file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def build(self):
        self.client = Box(self, "client")
        self.director = Box(self, "director")
        self.switch = Box(self, "switch")
        self.servers = [Box(self, f"server {n}") for n in range(1, self.server_count + 1)]
        self.switch.ip("link add br0 type bridge forward_delay 0")
        self.switch.ip("link set br0 up")

        self.cable(self.client, "c0", self.director, "ext0")
        self.director.ip("addr add 198.51.100.1/24 dev ext0")
        self.director.ip(f"addr add {VIP}/32 dev ext0")
        self.client.ip(f"addr add {CLIENT}/24 dev c0")
        self.client.ip("route add 203.0.113.0/24 via 198.51.100.1")
        self.client.write_sysctl("net/ipv4/tcp_tw_reuse", 1)
        self.client.write_sysctl("net/ipv4/ip_local_port_range", "10000 65000")

        self.plug_in(self.director, "int0")
        self.director.ip(f"addr add {DIRECTOR_INSIDE}/24 dev int0")
        for number, server in enumerate(self.servers, 1):
            self.plug_in(server, "r0")
            server.ip(f"addr add {server_address(number)}/24 dev r0")
            server.ip(f"route add default via {DIRECTOR_INSIDE}")
        # Over veth a partial checksum would travel as it is: endpoints must compute theirs.
        for box, interface in [(self.client, "c0"), *((box, "r0") for box in self.servers)]:
            box.run("ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off",
                    "gro", "off")
        self.usherd = Usherd(self)

    def cable(self, one, interface, other, peer):
        run(["ip", "link", "add", interface, "netns", one.holder.pid, "type", "veth",
             "peer", "name", peer, "netns", other.holder.pid])
        one.ip(f"link set {interface} up")
        other.ip(f"link set {peer} up")

    def plug_in(self, box, interface):
        port = f"sw{len(json.loads(self.switch.run('ip', '-j', 'link')))}"
        self.cable(box, interface, self.switch, port)
        self.switch.ip(f"link set {port} master br0")

    def start_nginx(self, number, ports=(80,), name=None):
        """A web server on server 1, 2, ... that answers with its name."""
        name = name or f"web-{number}"
        folder = self.folder / name
        folder.mkdir()
        listens = "".join(f"""
    server {{
        listen {port} backlog=4096;
        location / {{
            return 200 "{name if port == ports[0] else f'{name}:{port}'}\\n";
        }}
    }}""" for port in ports)
        paths = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""user root;
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type text/plain;
    keepalive_requests 100;
{paths}{listens}
}}
""")
        self.servers[number - 1].start(
            "nginx", "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not listening(self.servers[number - 1], ports[-1]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"nginx does not start: {(folder / 'error.log').read_text()}")
            time.sleep(0.02)


def listening(box, port):
    return bool(box.run("ss", "-Htln", f"sport = :{port}").strip())


def tool_folder():
    """build/release/tools, or that of the build directory that was named."""
    return ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build/release") / "tools"


def main(name, test, servers=3):
    """Runs test(rig); the exit code says how it went."""
    if os.geteuid() != 0:
        print(f"{name}: needs root for network namespaces")
        sys.exit(SKIPPED)
    clean_up_on_signals()
    try:
        with Rig(name, servers, tool_folder()) as rig:
            test(rig)
    except Interrupted as signal_name:
        sys.exit(f"{name}: ended by {signal_name}")
    print(f"{name}: passed")
