# SPDX-License-Identifier: BSD-3-Clause
"""Other networks than topology.py's: one arm, four arms, a router on a stick."""

import subprocess

from boxes import Box
from daemon import Usherd
from dot1q import Dot1q
from processes import CORES
from topology import DIRECTOR_INSIDE, VIP, Rig

OUTSIDE, INSIDE = 10, 20  # VLANs
TRUNK = "trunk0"
SECOND_SIDE = "10.0.2.100"  # a server behind int1


class TwoArms(Rig):
    """topology.py's own; here, and in those below, what the file says of it."""

    arms = {"ext0": "external", "int0": "internal"}  # NICs, and the roles of those in the file
    beside = ()  # addresses of servers that are not at the switch

    def config(self, workers):
        """For Usherd.write_config. Where there is one NIC, the workers share it out."""
        return {"cores": CORES[-workers:], "interfaces": self.arms,
                "workers": "spread = true" if workers > len(self.arms) else ""}

    def clients(self):
        return [self.client]


class OneArm(TwoArms):
    """Everybody is on one wire."""

    arms = {"arm0": "both"}

    def build(self):
        self.client, self.director = Box(self, "client"), Box(self, "director")
        self.switch = self.make_switch("switch")
        self.plug_in(self.client, "c0")
        self.set_up_client()
        self.plug_in(self.director, "arm0")
        for address in ("198.51.100.1/24", f"{VIP}/32", f"{DIRECTOR_INSIDE}/24"):
            self.director.ip(f"addr add {address} dev arm0")
        self.make_servers()
        self.usherd = Usherd(self)


class FourArms(TwoArms):
    """The usual network, with a second client at ext1 and a server of its own at int1."""

    arms = {"ext0": "external", "ext1": "external", "int0": "internal", "int1": "internal"}
    beside = (SECOND_SIDE,)

    def build(self):
        super().build()
        self.other_client = Box(self, "client 2")
        self.cable(self.other_client, "c0", self.director, "ext1")
        self.director.ip("addr add 198.51.101.1/24 dev ext1")
        self.other_client.ip("addr add 198.51.101.2/24 dev c0")
        self.other_client.ip("route add default via 198.51.101.1")
        far = Box(self, f"server {len(self.servers) + 1}")
        self.cable(far, "r0", self.director, "int1")
        self.director.ip("addr add 10.0.2.1/24 dev int1")
        far.ip(f"addr add {SECOND_SIDE}/24 dev r0")
        far.ip("route add default via 10.0.2.1")
        for box, interface in ((self.other_client, "c0"), (far, "r0")):
            box.leave_no_work_to_hardware(interface)
        self.servers.append(far)

    def clients(self):
        return [self.client, self.other_client]


class OnAStick(TwoArms):
    """client c0 --- VLAN 10 ---\\
                                 switch --- trunk0 director
    servers r0 ----- VLAN 20 ---/

    Where Linux has VLAN devices, the director's interfaces are such; else a program plays them, and
    the file says what they are (`parent` and `vlan`)."""

    arms = {TRUNK: ""}
    outside = OUTSIDE

    def build(self):
        self.client = Box(self, "client")
        self.director = Box(self, "director")
        self.switch = self.make_switch("switch")  # the servers'
        self.trunk_switch = Box(self, "trunk switch")
        self.cable(self.director, TRUNK, self.trunk_switch, "trunk")
        self.cable(self.client, "c0", self.trunk_switch, "outside")
        self.plug_in(self.trunk_switch, "inside")
        self.set_up_client()
        Dot1q(self.trunk_switch, "trunk", {self.outside: "outside", INSIDE: "inside"})
        self.linux_has_vlans = self.has_vlans()
        self.addresses()
        self.make_servers()
        self.usherd = Usherd(self)

    def has_vlans(self):
        words = f"link add link {TRUNK} name probe type vlan id 99".split()
        done = subprocess.run([str(word) for word in self.director.command(["ip", *words])],
                              capture_output=True)
        if done.returncode == 0:
            self.director.ip("link del probe")
        return done.returncode == 0

    def addresses(self):
        made = {vlan: self.vlan_device(vlan) for vlan in {self.outside, INSIDE} - {0}}
        if not self.linux_has_vlans:
            Dot1q(self.director, TRUNK, made)
        outside = f"{TRUNK}.{self.outside}" if self.outside else TRUNK
        self.director.ip(f"addr add 198.51.100.1/24 dev {outside}")
        self.director.ip(f"addr add {VIP}/32 dev {outside}")
        self.director.ip(f"addr add {DIRECTOR_INSIDE}/24 dev {TRUNK}.{INSIDE}")

    def vlan_device(self, vlan):
        """Of Linux, or played: its other end, then."""
        name = f"{TRUNK}.{vlan}"
        if self.linux_has_vlans:
            self.director.ip(f"link add link {TRUNK} name {name} type vlan id {vlan}")
        else:
            self.director.ip(f"link add {name} address {self.director.mac(TRUNK)} type veth "
                             f"peer name played{vlan}")
            self.director.ip(f"link set played{vlan} up")
        self.director.ip(f"link set {name} up")
        return f"played{vlan}"

    def config(self, workers):
        tables = []
        for vlan, role in ((self.outside, "external"), (INSIDE, "internal")):
            lines = [f'name = "{TRUNK}.{vlan}"' if vlan else f'name = "{TRUNK}"',
                     f'role = "{role}"']
            if vlan and not self.linux_has_vlans:
                lines += [f'parent = "{TRUNK}"', f"vlan = {vlan}"]
            tables.append("\n".join(["[[interface]]", *lines]))
        return {**super().config(workers), "interfaces": {}, "extra": "\n".join(tables)}


class HalfTagged(OnAStick):
    """The client's side of the trunk has no tag."""

    outside = 0
