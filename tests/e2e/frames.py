# SPDX-License-Identifier: BSD-3-Clause
"""Ethernet frames with IPv4: out of tcpdump's files, with every checksum looked at, and made by
hand."""

import dataclasses
import socket
import struct

TCP, UDP, ICMP = 6, 17, 1
PROTOCOL_CHECKSUM = {TCP: 16, UDP: 6, ICMP: 2}  # where it is


def checksum(data):
    """RFC 1071: 0 over data with a right checksum in it."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


@dataclasses.dataclass
class Packet:
    source: str
    destination: str
    ttl: int
    protocol: int
    payload: bytes  # of IP
    wrong: list  # sentences about what is wrong with it

    @property
    def ports(self):
        return struct.unpack(">HH", self.payload[:4])


def parse(frame):
    """None when it is not IPv4."""
    if frame[12:14] != b"\x08\x00":
        return None
    ip = frame[14:]
    header = ip[:(ip[0] & 15) * 4]
    length = struct.unpack(">H", ip[2:4])[0]
    payload = ip[len(header):length]
    packet = Packet(socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20]), ip[8], ip[9], payload,
                    [])
    if checksum(header) != 0:
        packet.wrong.append("IP checksum")
    if len(ip) < length:
        packet.wrong.append("shorter than it says")
    elif packet.protocol in PROTOCOL_CHECKSUM:
        pseudo = b"" if packet.protocol == ICMP else \
            ip[12:20] + struct.pack(">BBH", 0, packet.protocol, len(payload))
        none = packet.protocol == UDP and payload[6:8] == b"\0\0"
        if not none and checksum(pseudo + payload) != 0:
            packet.wrong.append("transport checksum")
    return packet


def read_capture(path):
    """The IPv4 packets of a file of tcpdump's."""
    data = path.read_bytes()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at, packets = 24, []
    while at + 16 <= len(data):
        length, original = struct.unpack(order + "8x2I", data[at:at + 16])
        if length != original:
            raise ValueError("tcpdump cut a packet")
        packet = parse(data[at + 16:at + 16 + length])
        if packet:
            packets.append(packet)
        at += 16 + length
    return packets


def syn_frame(ethernet, source, destination, ports, sequence):
    """A SYN; `ethernet` is (destination, source) as bytes."""
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence, 0, 5 << 4, 2, 65535, 0, 0)
    sum_tcp = checksum(addresses + struct.pack(">BBH", 0, TCP, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", sum_tcp) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, TCP, 0) + addresses
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return b"".join(ethernet) + b"\x08\x00" + ip + tcp
