// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/one_arm.hpp"

#include <fmt/format.h>

namespace usher::bench {

namespace {

Be32 address_of(const char* text) {
    return IpAddress::parse(text)->v4();
}

}  // namespace

Header one_arm_packet(const OneArmTraffic& traffic, std::uint32_t n) {
    const Be32 service = address_of("203.0.113.10"), server = address_of("10.0.0.100");
    const Flow4 forth = client_flow(n / 2, service, Be16::from_host(80));
    const Flow4 back{server, forth.source, forth.destination_port, forth.source_port};
    const bool reply = n % 2 != 0;
    Header header = make_header(reply ? back : forth, {traffic.protocol, kAck});
    std::memcpy(header.bytes.data(), kDirectorMac.bytes.data(), 6);
    std::memcpy(header.bytes.data() + 6, (reply ? kServerMac : kClientMac).bytes.data(), 6);
    return header;
}

std::string one_arm_configuration(const OneArmTraffic& traffic, const OneArm& arm) {
    const std::string queues = arm.queues == 1 ? "" : fmt::format("\nqueues = {}", arm.queues);
    return fmt::format(
        R"([[interface]]
name = "wire0"
attach = "device"
device = "{device}"
packet_buffers = {buffers}{queues}
addresses = ["198.51.100.1/24", "10.0.0.1/24"]

[[neighbour]]
address = "198.51.100.254"
mac = "{client}"
interface = "wire0"

[[neighbour]]
address = "10.0.0.100"
mac = "{server}"
interface = "wire0"

[[route]]
destination = "0.0.0.0/0"
via = "198.51.100.254"
interface = "wire0"

[workers]
cores = [{cores}]

[table]
connection_table_bits = {bits}

[control]
socket = "{socket}"

[log]
level = "error"

# There are no handshakes: the packets come again and again.
[vs]
sloppy_tcp = 1

[[service]]
{protocol} = "203.0.113.10:80"
scheduler = "rr"
servers = [{{ address = "10.0.0.100:80" }}]
)",
        fmt::arg("device", arm.device), fmt::arg("buffers", arm.buffers),
        fmt::arg("queues", queues), fmt::arg("bits", arm.table_bits),
        fmt::arg("client", kClientMac.to_string()), fmt::arg("server", kServerMac.to_string()),
        fmt::arg("cores", fmt::join(arm.cores, ", ")), fmt::arg("socket", arm.socket),
        fmt::arg("protocol", traffic.protocol == 6 ? "tcp" : "udp"));
}

}  // namespace usher::bench
