# SPDX-License-Identifier: BSD-3-Clause
"""A small network on one machine, for the demo and the end-to-end tests.

    client c0 ---- ext0 director int0 ---- switch (bridge) ---- r0 of each server
    198.51.100.2   .1            10.0.0.1                       10.0.0.100, .101, ...
                   203.0.113.10/32, the virtual address

Each box is a network namespace that lives as long as a process of ours holds it: nothing is
registered in /run/netns, and nothing is left when we die, however that happens. Files are in a
folder below build/boxes, which is removed. The worker polls the last core that we may use;
everything else runs on the others.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from boxes import Box, listening
from daemon import Usherd
from processes import (
    OTHER_CORES, Children, Interrupted, clean_up_on_signals, ignore_signals, run)

ROOT = pathlib.Path(__file__).resolve().parents[2]
VIP = "203.0.113.10"
CLIENT = "198.51.100.2"
DIRECTOR_INSIDE = "10.0.0.1"
SKIPPED = 77  # exit code


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
        if kind is not None and kind not in (Interrupted, SystemExit):
            for log in self.folder.glob("usher*d.log"):
                print(f"The end of {log.name}:", *log.read_text().splitlines()[-20:],
                      sep="\n    ", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def build(self):
        self.client = Box(self, "client")
        self.director = Box(self, "director")
        self.switch = self.make_switch("switch")
        self.cable(self.client, "c0", self.director, "ext0")
        self.director.ip("addr add 198.51.100.1/24 dev ext0")
        self.director.ip(f"addr add {VIP}/32 dev ext0")
        self.set_up_client()
        self.plug_in(self.director, "int0")
        self.director.ip(f"addr add {DIRECTOR_INSIDE}/24 dev int0")
        self.make_servers()
        self.usherd = Usherd(self)

    def make_switch(self, name):
        switch = Box(self, name)
        switch.ip("link add br0 type bridge forward_delay 0 mcast_snooping 0")
        switch.ip("link set br0 up")
        return switch

    def set_up_client(self):
        """Its c0 is cabled."""
        self.client.ip(f"addr add {CLIENT}/24 dev c0")
        self.client.ip("route add 203.0.113.0/24 via 198.51.100.1")
        self.client.write_sysctl("net/ipv4/tcp_tw_reuse", 1)
        self.client.write_sysctl("net/ipv4/ip_local_port_range", "10000 65000")
        self.client.leave_no_work_to_hardware("c0")

    def make_servers(self):
        self.servers = [Box(self, f"server {n}") for n in range(1, self.server_count + 1)]
        for number, server in enumerate(self.servers, 1):
            self.plug_in(server, "r0")
            server.ip(f"addr add {server_address(number)}/24 dev r0")
            server.ip(f"route add default via {DIRECTOR_INSIDE}")
            server.leave_no_work_to_hardware("r0")

    def cable(self, one, interface, other, peer):
        run(["ip", "link", "add", interface, "netns", one.holder.pid, "type", "veth",
             "peer", "name", peer, "netns", other.holder.pid])
        one.ip(f"link set {interface} up")
        other.ip(f"link set {peer} up")

    def plug_in(self, box, interface, switch=None):
        switch = switch or self.switch
        port = f"sw{len(json.loads(switch.run('ip', '-j', 'link')))}"
        self.cable(box, interface, switch, port)
        switch.ip(f"link set {port} master br0")

    def start_nginx(self, number, ports=(80,), name=None, **more):
        """A web server on server 1, 2, ... that answers with its name."""
        return self.start_web(self.servers[number - 1], name or f"web-{number}", ports, **more)

    def start_web(self, box, name, ports=(80,), more="", keepalive=100):
        """As above in any box. `more` is written into nginx's server block, `keepalive` is how many
        requests a connection lives for. Its folder."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        listens = "".join(f"""
    server {{
        listen [::]:{port} ipv6only=off backlog=4096;
        location / {{
            return 200 "{name if port == ports[0] else f'{name}:{port}'}\\n";
        }}
        {more}
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
    keepalive_requests {keepalive};
{paths}{listens}
}}
""")
        box.start(
            "nginx", "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not listening(box, ports[-1]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"nginx does not start: {(folder / 'error.log').read_text()}")
            time.sleep(0.02)
        return folder


def tool_folder():
    """build/release/tools, or that of the build directory that was named."""
    return ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build/release") / "tools"


def main(name, test, servers=3, network=Rig):
    """Runs test(rig); the exit code says how it went."""
    if os.geteuid() != 0:
        print(f"{name}: needs root for network namespaces")
        sys.exit(SKIPPED)
    clean_up_on_signals()
    try:
        with network(name, servers, tool_folder()) as rig:
            test(rig)
    except Interrupted as signal_name:
        sys.exit(f"{name}: ended by {signal_name}")
    print(f"{name}: passed")
