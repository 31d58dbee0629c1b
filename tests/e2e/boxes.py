# SPDX-License-Identifier: BSD-3-Clause
"""A machine of the test's network: a network namespace that lives as long as a process holds it."""

import contextlib
import ctypes
import json
import os
import pathlib
import subprocess

from processes import LIBC, run

CLONE_NEWNET = 0x40000000


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
            said += self.holder.stdout.read()
            raise RuntimeError(f"cannot make a network namespace: {said}")
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

    def allow_ipv6(self, *addresses):
        """On these: (interface, address with length)."""
        for name in ("all", "default", *(interface for interface, _ in addresses)):
            self.write_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 0)
        for interface, address in addresses:
            self.ip(f"addr add {address} dev {interface} nodad")

    def forward(self):
        """Makes it a router."""
        self.write_sysctl("net/ipv4/ip_forward", 1)
        self.write_sysctl("net/ipv6/conf/all/forwarding", 1)

    def leave_no_work_to_hardware(self, interface):
        """Over veth a partial checksum would travel as it is: endpoints must compute theirs."""
        self.run("ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", "gro", "off")

    def mac(self, interface):
        return json.loads(self.run("ip", "-j", "link", "show", interface))[0]["address"]


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def listening(box, port):
    return bool(box.run("ss", "-Htln", f"sport = :{port}").strip())
