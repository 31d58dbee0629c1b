# SPDX-License-Identifier: BSD-3-Clause
"""usherd in the director's box, and its clients."""

import json
import os
import signal
import socket
import subprocess
import time

from processes import CORES, WORKER_CORE

TWO_ARMS = {"ext0": "external", "int0": "internal"}  # interfaces and their roles


class Usherd:
    """The daemon in the director's box, and its clients."""

    def __init__(self, rig, box=None, name="usher"):
        self.rig = rig
        self.box = box or rig.director
        self.config = rig.folder / f"{name}.toml"
        self.socket = rig.folder / f"{name}.sock"
        self.log = rig.folder / f"{name}d.log"
        self.process = None
        if len(str(self.socket)) > 100:
            raise RuntimeError(f"the path {self.socket} is too long for a unix socket: "
                               "have the repository in a shorter one")

    def write_config(self, services="", cores=(WORKER_CORE,), extra="", interfaces=TWO_ARMS,
                     workers=""):
        """`workers` are further keys of that section, `extra` comes before all sections."""
        tables = "".join(f'[[interface]]\nname = "{name}"\nrole = "{role}"\n'
                         for name, role in interfaces.items())
        self.config.write_text(f"""{extra}
{tables}
[workers]
cores = {list(cores)}
{workers}
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
            self.process = self.box.start(
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

    def catch_up(self):
        """Returns when what Linux had to tell until now is in force: its control thread does one
        thing after the other."""
        for _ in range(2):
            self.ask("version")

    def servers(self):
        """The real servers of the only service: {address:port: row}."""
        (service,) = self.ask("service.list")["services"]
        return {f"{row['server']['address']}:{row['server']['port']}": row
                for row in service["servers"]}

    def drops(self):
        """The reasons that have counted something."""
        return {reason: count for reason, count in self.ask("drop.list").items() if count}
