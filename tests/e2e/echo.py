# SPDX-License-Identifier: BSD-3-Clause
"""Servers that answer with what they got, in threads; they end with the process."""

import socket
import threading


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def new_socket(address, kind):
    made = socket.socket(family_of(address), kind)
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


class UdpEcho(threading.Thread):
    """Answers each datagram with `name: ` before it; remembers the senders."""

    def __init__(self, box, port, name, address="0.0.0.0"):
        super().__init__(daemon=True)
        with box.inside():
            self.socket = new_socket(address, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.name_sent = name.encode()
        self.senders = []
        self.start()

    def run(self):
        while True:
            data, sender = self.socket.recvfrom(65536)
            self.senders.append(sender[0])
            self.socket.sendto(self.name_sent + b": " + data, sender)


class TcpEcho(threading.Thread):
    """Answers what it gets on any number of connections."""

    def __init__(self, box, port, address="0.0.0.0"):
        super().__init__(daemon=True)
        with box.inside():
            self.socket = new_socket(address, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(1000)
        self.start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    @staticmethod
    def answer(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)


def ask(connection, data=b"hello"):
    """Sends it and takes the echo; raises when it is another."""
    connection.sendall(data)
    got = b""
    while len(got) < len(data):
        if not (more := connection.recv(65536)):
            raise ConnectionError("closed before the whole echo came")
        got += more
    if got != data:
        raise ValueError(f"{got[:40]!r} is not the echo of {data[:40]!r}")
