# SPDX-License-Identifier: BSD-3-Clause
"""VLANs on kernels that have none (CONFIG_VLAN_8021Q): a program that does what a switch, or Linux's
VLAN devices, would. One thread, raw sockets."""

import selectors
import socket
import struct
import threading

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_AUXDATA = 263, 8
TAG_VALID = 1 << 4  # TP_STATUS_VLAN_VALID
AUXDATA = struct.Struct("=IIIHHHH")
TAG_TYPE = 0x8100


class Dot1q(threading.Thread):
    """Between `trunk` and the interfaces of `access` ({VLAN: interface}; VLAN 0: untagged) of a
    box: what comes in by one leaves by the other, with the tag put on or taken off."""

    def __init__(self, box, trunk, access):
        super().__init__(daemon=True)
        with box.inside():
            self.trunk = raw_socket(trunk)
            self.access = {vlan: raw_socket(name) for vlan, name in access.items()}
        self.vlans = {port: vlan for vlan, port in self.access.items()}
        self.start()

    def run(self):
        selector = selectors.DefaultSelector()
        for port in (self.trunk, *self.vlans):
            selector.register(port, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                self.pass_on(key.fileobj)

    def pass_on(self, port):
        try:
            frame, ancillary, _, sender = port.recvmsg(65536, 256)
            if sender[2] == PACKET_OUTGOING:
                return
            if port is self.trunk:
                vlan, frame = tag_of(frame, ancillary)
                out = self.access.get(vlan)
                if out is not None:
                    out.send(frame)
            else:
                self.trunk.send(tagged(frame, self.vlans[port]))
        except OSError:
            pass  # an interface that is down, or gone: lost like on any wire


def raw_socket(interface):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    made.bind((interface, ETH_P_ALL))
    made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return made


def tag_of(frame, ancillary):
    """The VLAN, and the frame without the tag: the kernel has put it beside the frame."""
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, *_, control, _ = AUXDATA.unpack_from(data)
            if status & TAG_VALID:
                return control & 0xfff, frame
    if frame[12:14] == struct.pack(">H", TAG_TYPE):
        return struct.unpack(">H", frame[14:16])[0] & 0xfff, frame[:12] + frame[16:]
    return 0, frame


def tagged(frame, vlan):
    return frame if vlan == 0 else frame[:12] + struct.pack(">HH", TAG_TYPE, vlan) + frame[12:]
