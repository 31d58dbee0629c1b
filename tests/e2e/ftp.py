#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""FTP by a service for port 21 alone: vsftpd, curl and lftp; passive (PASV, EPSV) and active (PORT,
EPRT), IPv4 and IPv6, 100 MB down and up, several at once; the data connections in the listing."""

import hashlib
import os
import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from boxes import listening  # noqa: E402
from checks import expect, wait_until  # noqa: E402
from topology import VIP, main, server_address  # noqa: E402

VIP6 = "2001:db8:9::10"
SMALL, LARGE = 1_000_003, 100_000_000
CURL = ("curl", "-sS", "--fail", "--max-time", "300")
MODES = {
    "EPSV": (),
    "PASV": ("--disable-epsv",),
    "EPRT": ("--ftp-port", "-"),
    "PORT": ("--ftp-port", "-", "--disable-eprt"),
}
SERVER = """listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root=/mnt/files
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
secure_chroot_dir=/mnt/empty
connect_from_port_20=YES
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
"""


def server_address6(number):
    return f"2001:db8:b::{99 + number}"


class FtpServer:
    """vsftpd in a box, with files in a memory of the box's own: they must be the user ftp's."""

    def __init__(self, box, contents):
        box.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt")
        self.root = pathlib.Path(f"/proc/{box.holder.pid}/root/mnt")
        for name in ("files", "files/up", "empty"):
            (self.root / name).mkdir()
        (self.root / "files/up").chmod(0o777)
        for name, content in contents.items():
            (self.root / "files" / name).write_bytes(content)
        (self.root / "vsftpd.conf").write_text(SERVER)
        box.start("vsftpd", "/mnt/vsftpd.conf", stdout=subprocess.DEVNULL)
        wait_until(lambda: listening(box, 21), f"vsftpd listens on {box.name}")

    def uploaded(self, name):
        path = self.root / "files/up" / name
        return path.read_bytes() if path.exists() else None


def build(rig):
    rig.client.allow_ipv6(("c0", "2001:db8:a::2/64"))
    rig.director.allow_ipv6(("ext0", "2001:db8:a::1/64"), ("ext0", f"{VIP6}/128"),
                            ("int0", "2001:db8:b::1/64"))
    rig.client.ip("route add 2001:db8:9::/64 via 2001:db8:a::1")
    for number, box in enumerate(rig.servers, 1):
        box.allow_ipv6(("r0", f"{server_address6(number)}/64"))
        box.ip("route add default via 2001:db8:b::1")


def services(count):
    def one(address, servers):
        listed = ", ".join(f'{{ address = "{server}" }}' for server in servers)
        return f'[[service]]\ntcp = "{address}:21"\nscheduler = "rr"\nservers = [{listed}]\n'
    numbers = range(1, count + 1)
    return (one(VIP, [f"{server_address(n)}:21" for n in numbers])
            + one(f"[{VIP6}]", [f"[{server_address6(n)}]:21" for n in numbers]))


class Transfers:
    def __init__(self, rig, servers, contents):
        self.rig, self.servers, self.contents = rig, servers, contents
        self.count = 0

    def fresh(self):
        self.count += 1
        return f"{self.count}"

    def start_down(self, host, mode, name):
        to = self.rig.folder / f"got-{self.fresh()}"
        return to, self.rig.client.start(*CURL, *MODES[mode], "-o", to, f"ftp://{host}/{name}",
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def start_up(self, host, mode, name):
        source = self.rig.folder / name
        to = self.fresh()
        return to, self.rig.client.start(*CURL, *MODES[mode], "-T", source, f"ftp://{host}/up/{to}",
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def check_down(self, started, name):
        path, child = started
        said = child.communicate()[0].decode()
        if child.returncode != 0 or path.read_bytes() != self.contents[name]:
            raise AssertionError(f"{child.args}: {said}")
        path.unlink()

    def check_up(self, started, name):
        remote, child = started
        said = child.communicate()[0].decode()
        arrived = [content for server in self.servers if (content := server.uploaded(remote))]
        if child.returncode != 0 or arrived != [self.contents[name]]:
            raise AssertionError(f"{child.args}: {said}, {len(arrived)} arrived")

    def both_ways(self, host, mode, name):
        begin = time.monotonic()
        self.check_down(self.start_down(host, mode, name), name)
        self.check_up(self.start_up(host, mode, name), name)
        size, took = len(self.contents[name]), time.monotonic() - begin
        expect(True, f"{mode} with {host}: {size} bytes down and up, in {took:.1f} s")

    def several_at_once(self):
        jobs = [(host, mode) for host in (VIP, f"[{VIP6}]") for mode in MODES] * 2
        down = [self.start_down(host, mode, "small") for host, mode in jobs]
        up = [self.start_up(host, mode, "small") for host, mode in jobs]
        for started in down:
            self.check_down(started, "small")
        for started in up:
            self.check_up(started, "small")
        expect(True, f"{2 * len(jobs)} transfers at once, of all kinds")


def test_lftp(rig, transfers, host, passive):
    """Several transfers one after the other, and four at once, on kept control connections."""
    folder = rig.folder / f"lftp-{transfers.fresh()}"
    folder.mkdir()
    names = [transfers.fresh() for _ in range(6)]
    puts = "".join(f"put -O up {rig.folder / 'small'} -o {name}; " for name in names[:3])
    gets = "".join(f"get small -o {folder / name}; " for name in names[:3])
    queued = "".join(f"get small -o {folder / name} & " for name in names[3:])
    rig.client.run("lftp", "--norc", "-c",
                   f"set ftp:passive-mode {passive}; set net:timeout 60; set net:max-retries 1; "
                   f"set ftp:use-mode-z no; set cmd:fail-exit yes; open ftp://{host}; {puts}{gets}"
                   f"{queued}wait all")
    got = [path.read_bytes() for path in sorted(folder.iterdir())]
    expect(len(got) == 6 and set(got) == {transfers.contents["small"]}
           and all(any(server.uploaded(name) == transfers.contents["small"]
                       for server in transfers.servers) for name in names[:3]),
           f"lftp with {host}, passive mode {passive}: 9 transfers on kept connections")


def test_listing(rig, transfers):
    """A transfer that takes its time is seen with its data connection."""
    def lines():
        return [line.split() for line in rig.usherd.ipvsadm("-Lnc").splitlines()
                if " ESTABLISHED " in line]
    for mode, is_data in (("PASV", lambda line: line[4] not in (f"{VIP}:21", f"{VIP}:20")),
                          ("PORT", lambda line: line[4] == f"{VIP}:20")):
        child = rig.client.start(*CURL, *MODES[mode], "--limit-rate", "2M", "-o", os.devnull,
                                 f"ftp://{VIP}/large")

        def both_seen():
            control = [line for line in lines() if line[4] == f"{VIP}:21"]
            data = [line for line in lines() if is_data(line)]
            return control and data and \
                control[0][5].split(":")[0] == data[0][5].split(":")[0]
        wait_until(both_seen, f"{mode}: ipvsadm lists the data connection, with the same server")
        rig.children.end(child)
        wait_until(lambda: not lines(), "and its end")


def test(rig):
    build(rig)
    contents = {"small": os.urandom(SMALL), "large": os.urandom(LARGE)}
    for name, content in contents.items():
        (rig.folder / name).write_bytes(content)
        print(f"  {name}: {hashlib.sha256(content).hexdigest()}")
    servers = [FtpServer(box, contents) for box in rig.servers]
    rig.usherd.start(services(len(servers)))
    transfers = Transfers(rig, servers, contents)
    for host in (VIP, f"[{VIP6}]"):
        for mode in MODES:
            transfers.both_ways(host, mode, "small")
    transfers.both_ways(VIP, "PASV", "large")
    transfers.both_ways(VIP, "PORT", "large")
    transfers.both_ways(f"[{VIP6}]", "EPSV", "large")
    transfers.several_at_once()
    for host in (VIP, f"[{VIP6}]"):
        for passive in ("on", "off"):
            test_lftp(rig, transfers, host, passive)
    test_listing(rig, transfers)
    drops = rig.usherd.drops()
    expect(not drops, f"nothing was dropped {drops}")


main("ftp", test, servers=2)
