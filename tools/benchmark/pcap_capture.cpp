// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/pcap_capture.hpp"

#include <fmt/core.h>

#include <fstream>
#include <stdexcept>

#include "tools/benchmark/traffic.hpp"

namespace usher::bench {

namespace {

constexpr std::uint32_t kFrame = 60;
constexpr std::uint32_t kInFlight = 8192;  // buffers beyond those that hold the file

// The two headers of the file format, in the byte order of who writes.
struct FileHeader {
    std::uint32_t magic = 0xa1b2c3d4;
    std::uint16_t major = 2, minor = 4;
    std::uint32_t zone = 0, accuracy = 0;
    std::uint32_t longest = 65535;
    std::uint32_t link = 1;  // Ethernet
};
struct PacketHeader {
    std::uint32_t seconds = 0, microseconds = 0;
    std::uint32_t captured = kFrame, length = kFrame;
};

Be32 address_of(const char* text) {
    return IpAddress::parse(text)->v4();
}

class Writer {
  public:
    explicit Writer(const std::string& path) : file_(path, std::ios::binary) { put(FileHeader{}); }

    void packet(const Flow4& flow, const MacAddress& from, PacketKind kind) {
        Header header = make_header(flow, kind);
        std::memcpy(header.bytes.data(), kPcapDirectorMac.bytes.data(), 6);
        std::memcpy(header.bytes.data() + 6, from.bytes.data(), 6);
        put(PacketHeader{});
        file_.write(reinterpret_cast<const char*>(header.bytes.data()), kFrame);
    }
    bool finish() { return static_cast<bool>(file_.flush()); }

  private:
    template <class T>
    void put(const T& value) {
        file_.write(reinterpret_cast<const char*>(&value), sizeof value);
    }
    std::ofstream file_;
};

}  // namespace

void write_capture(const std::string& path, const PcapTraffic& traffic) {
    const Be32 service = address_of("203.0.113.10");
    const Be32 server = address_of("10.0.0.100");
    Writer writer(path);
    for (std::uint32_t n = 0; n < traffic.flows; ++n) {
        const Flow4 forth = client_flow(n, service, Be16::from_host(80));
        const Flow4 back{server, forth.source, forth.destination_port, forth.source_port};
        writer.packet(forth, kPcapClientMac, {traffic.protocol, kAck});
        writer.packet(back, kPcapServerMac, {traffic.protocol, kAck});
    }
    if (!writer.finish()) throw std::runtime_error("cannot write " + path);
}

std::string pcap_configuration(const PcapTraffic& traffic, const std::string& capture, int core,
                               const std::string& socket) {
    return fmt::format(
        R"([[interface]]
name = "wire0"
attach = "device"
device = "net_pcap0,rx_pcap={capture},infinite_rx=1"
packet_buffers = {buffers}
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
cores = [{core}]

[control]
socket = "{socket}"

[log]
level = "error"

# The capture has no handshakes: it comes again and again.
[vs]
sloppy_tcp = 1

[[service]]
{protocol} = "203.0.113.10:80"
scheduler = "rr"
servers = [{{ address = "10.0.0.100:80" }}]
)",
        fmt::arg("capture", capture), fmt::arg("buffers", traffic.packets() + kInFlight),
        fmt::arg("client", kPcapClientMac.to_string()),
        fmt::arg("server", kPcapServerMac.to_string()), fmt::arg("core", core),
        fmt::arg("socket", socket), fmt::arg("protocol", traffic.protocol == 6 ? "tcp" : "udp"));
}

}  // namespace usher::bench
