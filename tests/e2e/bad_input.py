#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bad files, commands and messages: each has its answer, and the daemon forwards as before."""

import socket
import time
import subprocess
import sys

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from http_load import get_once  # noqa: E402
from topology import VIP, main, server_address, service  # noqa: E402

INTERFACES = '[[interface]]\nname = "ext0"\n[[interface]]\nname = "int0"\n'
SERVICE = '[[service]]\ntcp = "192.0.2.1:80"\n'

# (what the file has, from line 5 on; what usherd says after "FILE:")
FILES = [
    ("[log]\nlevle = 1\n", '6:1: unknown key "levle" in [log]: did you mean "level"?'),
    ("[log]\nlevel =\n", "6:8: Error while parsing key-value pair: expected value, saw '\\n'"),
    ("[workers]\ncores = 1\n", "6:9: cores: expected an array, found an integer"),
    ("[workers]\ncores = [999]\n", "6:10: no core 999 that this process may use; expected one of"),
    ("[table]\nconnection_table_bits = 28\n",
     "6:25: connection_table_bits: expected an integer from 8 to 27, found 28"),
    ("[timeouts]\ntcp = -1\n", "6:7: tcp: expected an integer from 1 to 2678400, found -1"),
    ('[[interface]]\nname = "eth77"\n', "6:8: "),
    ('[[interface]]\nname = "ext0"\n', '6:8: duplicate interface "ext0": first given at line 2'),
    ('[control]\ngroup = "nobody-has-this"\n', "6:9: "),
    (SERVICE + SERVICE, "8:7: duplicate service"),
    ('[[service]]\ntcp = "192.0.2.300:80"\n', "6:7: tcp: expected"),
    (SERVICE + 'scheduler = "lucky"\n', "7:13: "),
    (SERVICE + 'servers = [{ address = "10.0.0" }]\n', "7:24: address: expected"),
    (SERVICE + 'servers = [{ address = "10.0.0.1:80", wieght = 2 }]\n',
     '7:39: unknown key "wieght" in a server: did you mean "weight"?'),
    (SERVICE + "persistence = -1\n", "7:15: persistence: expected"),
    (SERVICE + 'persistence_engine = "sip"\n', "6:7: "),
]

T = f"-t {VIP}:80"
# (words of ipvsadm, exit code, what stderr begins with)
COMMANDS = [
    (f"-A {T}", 255, "Service already exists"),
    ("-A -t 203.0.113.10:81 -s lucky", 255, "Scheduler or persistence engine not found"),
    ("-A -t 203.0.113.300:81", 2, "illegal virtual server address[:port] specified"),
    ("-A -t 203.0.113.10", 2, "Zero port specified for non-persistent service"),
    ("-A -t 203.0.113.10:99999", 2, "illegal virtual server address[:port] specified"),
    ("-D -t 203.0.113.10:81", 255, "No such service"),
    ("-E -t 203.0.113.10:81", 255, "No such service"),
    ("-Z -t 203.0.113.10:81", 255, "No such service"),
    ("-L -t 203.0.113.10:81", 1, "No such service"),
    (f"-a {T} -r 10.0.0.100:80 -m", 255, "Destination already exists"),
    (f"-e {T} -r 10.0.0.199:80 -m", 255, "No such destination"),
    (f"-d {T} -r 10.0.0.199:80", 255, "No such destination"),
    ("-a -t 203.0.113.10:81 -r 10.0.0.199:80 -m", 255, "Service not defined"),
    (f"-a {T} -r 10.0.0.199:80 -m -w -1", 2, "illegal weight specified"),
    (f"-a {T} -r 10.0.0.199:80 -g", 255, "direct routing (-g) is not supported by this version"),
    (f"-a {T}", 2, "You need to supply the 'real-server' option for the 'add-server' command"),
    (f"-A {T} -w 3", 2, "Illegal 'weight' option with the 'add-service' command"),
    ("-f 7 -A", 255, "Try `"),
    ("--bogus", 255, "Try `"),
    ("-L --bogus", 255, "--bogus: unknown option"),
    ("-A", 2, "You need to supply the 'service-address' option for the 'add-service' command"),
    ("-C now", 2, "unexpected argument now"),
]

# (bytes, code of the error)
MESSAGES = [
    (b"\n", "EPROTO"),
    (b"hello\n", "EPROTO"),
    (b"{\n", "EPROTO"),
    (b"[]\n", "EPROTO"),
    (b"\xff\xfe\x00\n", "EPROTO"),
    (b"[" * 100_000 + b"\n", "EPROTO"),
    (b'{"command": 7}\n', "EPROTO"),
    (b'{"command": "reboot"}\n', "EPROTO"),
    (b'{"command": "service.list", "colour": "red"}\n', "EPROTO"),
    (b'{"command": "service.add"}\n', "EPROTO"),
    (b'{"command": "service.delete", "service": {"protocol": "tcp", "address": "192.0.2.9",'
     b' "port": 80}}\n', "ESRCH"),
    (b'{"command": "service.add", "service": {"protocol": "tcp", "address": "192.0.2.9",'
     b' "port": 70000}}\n', "EINVAL"),
    (b'{"command": "log.set", "level": "loud"}\n', "EINVAL"),
    (b'{"command": "config.save", "path": "/nowhere/usher.toml"}\n', "EACCES"),
    (b'{"command": "batch", "commands": [{"command": "service.clear"}, {"command": '
     b'"server.delete", "service": {"protocol": "tcp", "address": "192.0.2.9", "port": 80},'
     b' "server": {"address": "10.0.0.1", "port": 80}}]}\n', "ESRCH"),
]


def check_file(rig, text, said):
    path = rig.folder / "bad.toml"
    path.write_text(INTERFACES + text)
    for words in (["--check"], []):
        done = subprocess.run([str(word) for word in rig.director.command(
            [rig.tools / "usherd", "--config", path, *words])], text=True, capture_output=True)
        answer = done.stderr.removeprefix(f"{path}:")
        if done.returncode != 1 or answer == done.stderr or not answer.startswith(said):
            raise AssertionError(f"of {text!r}: exit code {done.returncode}, {done.stderr!r}")
    print(f"  {answer.rstrip()}")


def test_files(rig):
    for text, said in FILES:
        check_file(rig, text, said)
    expect(True, f"{len(FILES)} bad files are refused with line and column, exit code 1")
    good = rig.usherd.config.read_text()
    before = rig.usherd.ipvsadm("-Sn")
    for text, said in FILES:
        rig.usherd.config.write_text(INTERFACES + text)
        at = rig.usherd.log.stat().st_size
        rig.usherd.reload()
        rig.usherd.await_log("goes on as it was", at)
        if f"usher.toml:{said}" not in rig.usherd.log.read_text()[at:]:
            raise AssertionError(f"at reload, of {text!r}: {rig.usherd.log.read_text()[at:]}")
    rig.usherd.config.write_text(good)
    expect(rig.usherd.ipvsadm("-Sn") == before, "a reload of each of them changes nothing")
    missing = rig.folder / "missing.toml"
    done = subprocess.run([str(rig.tools / "usherd"), "--config", str(missing)], text=True,
                          capture_output=True)
    expect(done.returncode == 1 and str(missing) in done.stderr, "so is a file that is not there")


def test_too_large_a_table(rig):
    path = rig.folder / "large.toml"
    path.write_text('[[interface]]\nname = "sink"\nattach = "device"\ndevice = "net_null0"\n'
                    '[table]\nconnection_table_bits = 27\n'
                    f'[control]\nsocket = "{rig.folder}/large.sock"\n')
    done = subprocess.run(["prlimit", f"--as={4 << 30}", str(rig.tools / "usherd"), "--config",
                           str(path)], text=True, capture_output=True)
    said = "usherd: no memory; is connection_table_bits too high for this machine?"
    expect(done.returncode == 1 and said in done.stderr, "a table without memory is told, too")


def test_commands(rig):
    before = rig.usherd.ipvsadm("-Sn")
    for words, code, text in COMMANDS:
        done = rig.usherd.call(words)
        if (done.returncode, done.stderr[:len(text)]) != (code, text):
            raise AssertionError(f"ipvsadm {words}: exit code {done.returncode}, {done.stderr!r}")
    expect(rig.usherd.ipvsadm("-Sn") == before,
           f"{len(COMMANDS)} bad commands have ipvsadm's message and exit code, and no effect")
    done = rig.usherd.call("-R", f"-A -t {VIP}:82\n-A {T}\n")
    expect(done.returncode == 255 and "already exists" in done.stderr, "a bad line of -R is told")
    expect(rig.usherd.ipvsadm("-Sn") == before, "and nothing of the rest is done")


def test_messages(rig):
    before = rig.usherd.ipvsadm("-Sn")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(rig.usherd.socket))
        answers = client.makefile()
        for message, code in MESSAGES:
            client.sendall(message)
            answer = answers.readline()
            if f'"code":"{code}"' not in answer.replace(": ", ":"):
                raise AssertionError(f"of {message[:80]!r}: {answer}")
        client.sendall(b'{"command": "version"}\n')
        expect('"ok":true' in answers.readline().replace(": ", ":"),
               f"{len(MESSAGES)} bad messages are answered, and the client may go on")
    for cut in (b"", b"{", b'{"command": "service.cl', b'{"command": "service.clear"}'):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(rig.usherd.socket))
            client.sendall(cut)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(rig.usherd.socket))
        client.settimeout(20)
        try:
            for _ in range(40):
                client.sendall(b"x" * (1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass
    expect(rig.usherd.ipvsadm("-Sn") == before, "cut and endless messages have no effect")
    crowd = []
    for _ in range(80):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(rig.usherd.socket))
        crowd.append(client)
    for client in crowd:
        client.close()
    # The daemon notices one after the other that they have gone.
    deadline = time.monotonic() + 30
    while rig.usherd.call("-Sn").returncode != 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    expect(rig.usherd.ipvsadm("-Sn") == before, "nor has a crowd of clients")


def test(rig):
    rig.start_nginx(1)
    rig.usherd.start(service([f"{server_address(1)}:80"]))
    for part in (test_files, test_too_large_a_table, test_commands, test_messages):
        part(rig)
        with rig.client.inside():
            expect({get_once() for _ in range(20)} == {"web-1"}, "the daemon forwards as before")


main("bad_input", test, servers=1)
