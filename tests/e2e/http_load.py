# SPDX-License-Identifier: BSD-3-Clause
"""Web clients that look at every answer."""

import collections
import re
import socket
import subprocess
import threading
import time

from topology import VIP

REQUEST = b"GET / HTTP/1.1\r\nHost: demo\r\n%s\r\n"
CLOSE = b"Connection: close\r\n"
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
PATIENCE = 20  # seconds for an answer
PAUSE = 0.03  # seconds between requests on a kept connection


class WebConnection:
    """A connection from the box of `thread's namespace` to the service."""

    def __init__(self, port=80):
        self.socket = socket.create_connection((VIP, port), PATIENCE)
        self.buffer = b""

    def get(self, last=False):
        """Who answered. Raises when anything about the answer is wrong."""
        self.socket.sendall(REQUEST % (CLOSE if last else b""))
        head = self.take(self.read_until(b"\r\n\r\n"))
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ValueError(f"answer {head[:60]!r}")
        length = int(LENGTH.search(head).group(1))
        while len(self.buffer) < length:
            self.fill()
        self.closing = b"\r\nConnection: close\r\n" in head
        return self.take(length).decode().strip()

    def read_until(self, end):
        while (at := self.buffer.find(end)) < 0:
            self.fill()
        return at + len(end)

    def fill(self):
        if not (got := self.socket.recv(65536)):
            raise ConnectionError("the connection was closed in an answer")
        self.buffer += got

    def take(self, length):
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def close(self):
        self.socket.close()


def get_once():
    connection = WebConnection()
    try:
        return connection.get(last=True)
    finally:
        connection.close()


class Load:
    """Threads that send requests until stop(): half of them one a connection, half 50, slowly."""

    def __init__(self, box, threads=6):
        self.box = box
        self.answers = collections.Counter()
        self.failures = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(50 if n % 2 else 1,), daemon=True)
                        for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def work(self, requests_per_connection):
        with self.box.inside():
            while not self.stopping.is_set():
                try:
                    self.one_connection(requests_per_connection)
                except (OSError, ValueError, AttributeError) as error:
                    with self.lock:
                        self.failures.append(repr(error))

    def one_connection(self, requests):
        connection = WebConnection()
        try:
            for left in range(requests, 0, -1):
                name = connection.get(last=left == 1)
                with self.lock:
                    self.answers[name] += 1
                if requests > 1:
                    time.sleep(PAUSE)
        finally:
            connection.close()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def start_wrk(rig, seconds, connections=100, timeout=10):
    return rig.client.start("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout",
                            f"{timeout}s", "--latency", f"http://{VIP}/", stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def wrk_failures(report):
    """The lines in which wrk tells of errors; it has none when all went well."""
    bad = [line.strip() for line in report.splitlines()
           if "Socket errors" in line or "Non-2xx" in line or "unable" in line]
    if not re.search(r"^\s+[1-9]\d* requests in ", report, re.MULTILINE):
        bad.append("no requests")
    return bad
