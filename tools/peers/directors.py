# SPDX-License-Identifier: BSD-3-Clause
"""Who brings the client's packets to the servers: one of these at a time, in one network."""

import subprocess
import time

from boxes import listening
from processes import CORES
from topology import VIP, server_address, service
from iperf import IPERF_PORT

WEB, UDP = 80, 9
DIRECT = "10.0.0.250"  # the client's address beside the servers


def addresses(rig):
    return [server_address(number) for number in range(1, len(rig.servers) + 1)]


class Director:
    host = VIP
    carries_udp = True

    def __init__(self, rig):
        self.rig = rig

    def start(self):
        pass

    def stop(self):
        pass

    def worker_cycles(self):
        """Of who polls, since its start: (with packets, all)."""
        return 0, 0


class NoDirector(Director):
    """The floor: the client talks to one of the servers over the switch."""
    name = "none"

    def __init__(self, rig):
        super().__init__(rig)
        self.host = addresses(rig)[0]
        rig.plug_in(rig.client, "c1")
        rig.client.ip(f"addr add {DIRECT}/24 dev c1")
        rig.client.leave_no_work_to_hardware("c1")


class Usher(Director):
    """One worker, which sleeps when nothing comes; others may use its core then."""
    name = "usher"

    def start(self):
        servers = addresses(self.rig)
        self.rig.usherd.start(
            service([f"{each}:{WEB}" for each in servers], scheduler="rr")
            + service([f"{each}:{UDP}" for each in servers], "udp", UDP, "rr")
            + service([f"{servers[0]}:{IPERF_PORT}"], "tcp", IPERF_PORT))

    def stop(self):
        self.rig.usherd.stop()

    def process_id(self):
        return self.rig.usherd.process.pid

    def worker_cycles(self):
        (worker,) = self.rig.usherd.ask("worker.list")
        busy = worker["packets"] * worker["cycles_per_packet"]
        return busy, busy / worker["busy"] if worker["busy"] else 0


class Nftables(Director):
    """The kernel's DNAT in turn, its connection tracking turning answers back."""
    name = "nftables"

    def start(self):
        servers = addresses(self.rig)
        turn = f"numgen inc mod {len(servers)} map {{ " + ", ".join(
            f"{at} : {each}" for at, each in enumerate(servers)) + " }"
        self.rig.director.write_sysctl("net/ipv4/ip_forward", 1)
        self.rig.director.run("nft", f"""table ip balancer {{
    chain incoming {{
        type nat hook prerouting priority dstnat;
        ip daddr {VIP} tcp dport {WEB} dnat to {turn};
        ip daddr {VIP} udp dport {UDP} dnat to {turn};
        ip daddr {VIP} tcp dport {IPERF_PORT} dnat to {servers[0]};
    }}
    chain outgoing {{
        type nat hook postrouting priority srcnat;
        ip saddr 10.0.0.0/24 oifname "ext0" masquerade;
    }}
}}""")

    def stop(self):
        self.rig.director.run("nft", "flush", "ruleset")
        self.rig.director.write_sysctl("net/ipv4/ip_forward", 0)


class Haproxy(Director):
    """TCP mode: a connection from the client, and one of its own to the server."""
    name = "haproxy"
    carries_udp = False

    def __init__(self, rig):
        super().__init__(rig)
        self.process = None

    def start(self):
        config = self.rig.folder / "haproxy.cfg"
        web = "".join(f"    server s{at} {each}:{WEB}\n"
                      for at, each in enumerate(addresses(self.rig)))
        config.write_text(f"""global
    maxconn 4000
    nbthread {len(CORES)}
defaults
    mode tcp
    balance roundrobin
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen web
    bind {VIP}:{WEB} backlog 8192
{web}
listen bulk
    bind {VIP}:{IPERF_PORT}
    server s0 {addresses(self.rig)[0]}:{IPERF_PORT}
""")
        self.rig.director.write_sysctl("net/ipv4/ip_local_port_range", "10000 65000")
        self.rig.director.write_sysctl("net/ipv4/tcp_tw_reuse", 1)
        self.process = self.rig.director.start("haproxy", "-db", "-f", config, cores=CORES,
                                               stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not listening(self.rig.director, IPERF_PORT):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("HAProxy does not start")
            time.sleep(0.02)

    def stop(self):
        self.rig.children.end(self.process)
