#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Ports on veth pairs in namespaces: attached, killed, started again, closed; and what refuses.

    client c0 -- d0 director d1 -- s0 server

Argument: the port_driver program. Exit 77: not root."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

DRIVER = sys.argv.pop(1) if len(sys.argv) > 1 else ""
DIRECTOR, CLIENT, SERVER = (f"attach-{os.getpid()}-{end}" for end in "dcs")
VIP = "203.0.113.10"
CORE = str(max(os.sched_getaffinity(0)))
RUNTIME = pathlib.Path("/var/run/dpdk")
# DPDK's af_xdp driver never frees what it read the XDP program with: not a leak of ours.
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")
FOREIGN = """
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int somebody_else(struct xdp_md *c) { return XDP_PASS; }
"""
UDP_ECHO = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{VIP}", 80))
print("up", flush=True)
data, peer = s.recvfrom(100)
s.sendto(data, peer)
"""
UDP_ASK = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.sendto(b"hello", ("{VIP}", 80))
print(s.recv(100).decode())
"""
TCP_SERVE = """
import socket
s = socket.create_server(("10.9.0.1", 8000))
print("up", flush=True)
s.accept()[0].sendall(b"served")
"""
TCP_ASK = """
import socket
print(socket.create_connection(("10.9.0.1", 8000), 2).recv(100).decode())
"""


def run(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True)


def inside(namespace, *words):
    return ["ip", "netns", "exec", namespace, *words]


def make_network():
    for namespace in (DIRECTOR, CLIENT, SERVER):
        run("ip", "netns", "add", namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
    for near, far, other, net in (("d0", "c0", CLIENT, "10.9.0"), ("d1", "s0", SERVER, "10.9.1")):
        run("ip", "link", "add", near, "netns", DIRECTOR, "type", "veth", "peer", "name", far,
            "netns", other)
        for namespace, name, last in ((DIRECTOR, near, 1), (other, far, 2)):
            run("ip", "-n", namespace, "addr", "add", f"{net}.{last}/24", "dev", name)
            run("ip", "-n", namespace, "link", "set", name, "up")
        run(*inside(other, "ethtool", "-K", far, "tx", "off"))
    run("ip", "-n", DIRECTOR, "addr", "add", f"{VIP}/32", "dev", "d0")
    run("ip", "-n", CLIENT, "route", "add", VIP, "via", "10.9.0.1")


def remove_network():
    for namespace in (DIRECTOR, CLIENT, SERVER):
        run("ip", "netns", "del", namespace, check=False)


def programs():
    """Names of the director's interfaces that have an XDP program."""
    links = json.loads(run("ip", "-n", DIRECTOR, "-j", "link").stdout)
    return {link["ifname"] for link in links if "xdp" in link}


class Driver:
    """port_driver in the director, up and polling."""

    def __init__(self, *interfaces):
        self.process = subprocess.Popen(inside(DIRECTOR, DRIVER, CORE, *interfaces),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line == "ready\n":
                return
        raise RuntimeError(self.process.stderr.read())

    def end(self, how):
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


class PortsTest(unittest.TestCase):
    def setUp(self):
        self.had_runtime = RUNTIME.exists()
        self.addCleanup(remove_network)
        make_network()

    def starts(self, *interfaces):
        driver = Driver(*interfaces)
        self.addCleanup(driver.process.communicate)
        self.addCleanup(driver.process.kill)
        return driver

    def refuses(self, *interfaces, core=CORE):
        done = run(*inside(DIRECTOR, DRIVER, core, *interfaces), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def serves(self, served, asked, answer):
        """A program in the director answers one in the client, through the kernel."""
        server = subprocess.Popen(inside(DIRECTOR, sys.executable, "-c", served),
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        self.assertEqual(server.stdout.readline(), "up\n")
        done = run(*inside(CLIENT, sys.executable, "-c", asked), check=False)
        server.kill()
        server.wait()
        return done.stdout.strip() == answer

    def works_as_an_ordinary_interface(self):
        run("ip", "-n", CLIENT, "neigh", "flush", "dev", "c0")
        run(*inside(CLIENT, "ping", "-c", "1", "-W", "2", VIP))
        self.assertTrue(self.serves(TCP_SERVE, TCP_ASK, "served"))

    def test_two_interfaces_from_start_to_clean_end(self):
        driver = self.starts("d0", "d1")
        self.assertEqual(programs(), {"d0", "d1"})
        self.works_as_an_ordinary_interface()
        self.assertFalse(self.serves(UDP_ECHO, UDP_ASK, "hello"))  # that is a worker's
        code, out, err = driver.end(signal.SIGTERM)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("d0 rx 1 tx 0 missed 0 queues 1/1 link 1 mtu 1500", out)
        self.assertIn("d1 rx 0 tx 1 missed 0", out)
        self.assertEqual(programs(), set())
        self.assertEqual(RUNTIME.exists(), self.had_runtime)

    def test_killed_it_leaves_an_ordinary_interface_and_starts_again(self):
        driver = self.starts("d0", "d1")
        driver.end(signal.SIGKILL)
        self.assertEqual(programs(), {"d0", "d1"})
        self.works_as_an_ordinary_interface()
        self.assertTrue(self.serves(UDP_ECHO, UDP_ASK, "hello"))  # the kernel's, with no worker
        self.assertEqual(RUNTIME.exists(), self.had_runtime)
        again = self.starts("d0", "d1")
        self.assertIn("d0: took off the XDP program that an earlier usherd left", again.lines)
        self.assertFalse(self.serves(UDP_ECHO, UDP_ASK, "hello"))
        self.assertEqual(again.end(signal.SIGTERM)[0], 0)
        self.assertEqual(programs(), set())

    def test_a_device_without_a_kernel_interface(self):
        driver = self.starts("d0", "wire=net_ring0", "sink=net_null0,no-rx=1")
        code, out, err = driver.end(signal.SIGTERM)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, "wire rx 0 tx 0 missed 0 queues 1/2 link 1")
        self.assertIn("net_nothing0", self.refuses("wire=net_nothing0"))
        self.assertIn("two: device net_null0 is in use already; name each device in one",
                      self.refuses("one=net_null0", "two=net_null0"))
        self.assertIn("one: device crypto_null0 is not a network device",
                      self.refuses("one=crypto_null0"))

    def modes(self, *interfaces):
        """How they are attached, when it works, that is carries a packet, and ends well."""
        driver = self.starts(*interfaces)
        self.assertFalse(self.serves(UDP_ECHO, UDP_ASK, "hello"))
        self.works_as_an_ordinary_interface()
        attached = json.loads(run("ip", "-n", DIRECTOR, "-j", "link", "show", "d0").stdout)
        code, out, err = driver.end(signal.SIGTERM)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("d0 rx 1 tx 0", out)
        self.assertEqual(programs(), set())
        return attached[0]["xdp"]["mode"], out

    def test_native_xdp_by_itself_and_forced(self):
        native = 1  # IFLA_XDP_ATTACHED: XDP_ATTACHED_DRV, _SKB
        for interface in ("d0", "native@d0", "copy@d0"):
            mode, out = self.modes(interface, "d1")
            self.assertEqual(mode, native, interface)
            self.assertIn("native XDP, copying", out)

    def test_generic_xdp_forced_and_where_there_is_no_other(self):
        generic = 2
        mode, out = self.modes("generic@d0", "d1")
        self.assertEqual(mode, generic)
        self.assertIn("generic XDP, copying", out)
        run("ip", "-n", DIRECTOR, "link", "add", "x0", "type", "bridge")
        run("ip", "-n", DIRECTOR, "link", "set", "x0", "up")
        code, out, _ = self.starts("x0").end(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertIn("generic XDP, copying", out)
        self.assertIn("the file says xdp = \"native\"", self.refuses("native@x0"))
        self.assertEqual(programs(), set())

    def test_generic_xdp_where_the_driver_refuses_the_program(self):
        run("ip", "-n", CLIENT, "link", "set", "c0", "mtu", "9000")
        why = "Peer MTU is too large to set XDP"
        for interface in ("d0", "copy@d0", "generic@d0"):
            mode, out = self.modes(interface, "d1")
            self.assertEqual(mode, 2, interface)
            self.assertIn("generic XDP, copying", out)
        driver = self.starts("d0", "d1")
        self.assertTrue([line for line in driver.lines if why in line and "generic path" in line],
                        driver.lines)
        self.assertEqual(driver.end(signal.SIGTERM)[0], 0)
        message = self.refuses("native@d0")
        self.assertIn(why, message)
        self.assertIn("\"auto\" takes the kernel's generic one", message)
        self.assertEqual(programs(), set())

    def test_zero_copy_is_refused_where_the_driver_copies(self):
        self.assertIn("has to copy, and the file says zero_copy = \"on\"", self.refuses("zero@d0"))
        self.assertEqual(programs(), set())

    def test_queues(self):
        driver = self.starts("d0", "queues4@wire=net_null0,no-rx=1")
        code, out, err = driver.end(signal.SIGTERM)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, "wire .* queues 4/2 .*net_null")
        message = self.refuses("queues9999@wire=net_null0")
        self.assertRegex(message, r"queues = 9999, but the device has at most \d+")
        message = self.refuses("queues2@d0")
        self.assertIn("ethtool -L d0 rx 1", message)
        self.assertIn("the file says queues = 2", message)
        run("ip", "link", "add", "d2", "netns", DIRECTOR, "numrxqueues", "2", "numtxqueues", "2",
            "type", "veth", "peer", "name", "p2", "netns", DIRECTOR)
        run("ip", "-n", DIRECTOR, "link", "set", "d2", "up")
        run(*inside(DIRECTOR, "ethtool", "-L", "d2", "rx", "2", "tx", "2"), check=False)
        self.assertIn("ethtool -L d2 rx 1", self.refuses("d2"))

    def test_a_second_daemon_is_refused(self):
        driver = self.starts("d0")
        self.assertIn("d0 is in use by another usherd, process", self.refuses("d0"))
        self.assertEqual(driver.end(signal.SIGTERM)[0], 0)

    def test_a_foreign_program_is_named_and_left_alone(self):
        with tempfile.TemporaryDirectory() as directory:
            source = pathlib.Path(directory, "foreign.c")
            source.write_text(FOREIGN)
            multiarch = run("gcc", "-print-multiarch").stdout.strip()
            run("clang", "-target", "bpf", "-O2", "-idirafter", f"/usr/include/{multiarch}", "-c",
                str(source), "-o", f"{directory}/foreign.o")
            run("ip", "-n", DIRECTOR, "link", "set", "d1", "xdp", "obj", f"{directory}/foreign.o",
                "sec", "xdp")
        message = self.refuses("d0", "d1")
        self.assertRegex(message, r"d1 already has an XDP program, somebody_else \(id \d+\)")
        self.assertIn("ip link set d1 xdp off", message)

    def test_refusals_say_what_to_do(self):
        self.assertIn("there is no interface d7", self.refuses("d7"))
        self.assertIn("core 999 does not exist", self.refuses("d0", core="999"))
        message = self.refuses("d0", core=f"{CORE}:1000000000")
        self.assertIn("no memory for 1000000000 packet buffers", message)
        self.assertIn("have fewer, or more memory", message)
        run("ip", "-n", DIRECTOR, "tuntap", "add", "t0", "mode", "tun")
        self.assertIn("t0 is not an Ethernet interface; name another", self.refuses("t0"))
        run("ip", "-n", DIRECTOR, "link", "set", "d0", "mtu", "3000")
        self.assertIn("ip link set d0 mtu 1500", self.refuses("d0"))
        run("ip", "-n", DIRECTOR, "link", "set", "d0", "down", "mtu", "1500")
        self.assertIn("ip link set d0 up", self.refuses("d0"))
        nobody = run(*inside(DIRECTOR, "setpriv", "--reuid", "65534", "--clear-groups",
                             "--inh-caps=-all", DRIVER, CORE, "d1"), check=False)
        self.assertEqual(nobody.stderr, "AF_XDP is not permitted; run as root\n")
        self.assertEqual(programs(), set())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    unittest.main(verbosity=2)
