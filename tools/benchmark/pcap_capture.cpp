// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/pcap_capture.hpp"

#include <fstream>
#include <stdexcept>

namespace usher::bench {

namespace {

constexpr std::uint32_t kFrame = 60;

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

class Writer {
  public:
    explicit Writer(const std::string& path) : file_(path, std::ios::binary) { put(FileHeader{}); }

    void packet(const Header& header) {
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

void write_capture(const std::string& path, const OneArmTraffic& traffic) {
    Writer writer(path);
    for (std::uint32_t n = 0; n < traffic.packets(); ++n)
        writer.packet(one_arm_packet(traffic, n));
    if (!writer.finish()) throw std::runtime_error("cannot write " + path);
}

}  // namespace usher::bench
