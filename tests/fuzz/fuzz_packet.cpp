// SPDX-License-Identifier: BSD-3-Clause
// Whole packets through the real worker, from both sides, with connections in the table. The input
// is a list of packets: a byte that says what to start from and where it comes in, then bytes that
// are laid over it. Whatever is sent must have right lengths and, if it came in with right
// checksums, right checksums; nothing may leak.
#include <cstdlib>

#include "tests/packets/in_process.hpp"

namespace {

using usher::test::Frame;

usher::test::InProcess& box() {
    static usher::test::InProcess the_box(8);
    static const bool ready = [] {
        for (
            const char* line :
            {R"({"command":"service.add","service":{"protocol":"tcp","address":"203.0.113.10","port":80},"options":{"scheduler":"rr"}})",
             R"({"command":"service.add","service":{"protocol":"udp","address":"203.0.113.10","port":53},"options":{}})",
             R"({"command":"server.add","service":{"protocol":"tcp","address":"203.0.113.10","port":80},"server":{"address":"10.0.0.100","port":8080},"options":{}})",
             R"({"command":"server.add","service":{"protocol":"udp","address":"203.0.113.10","port":53},"server":{"address":"10.0.0.101","port":53},"options":{}})"})
            the_box.request(line);
        return true;
    }();
    static_cast<void>(ready);
    return the_box;
}

constexpr const char* kStarts[] = {
    "tcp 198.51.100.2:40001 > 203.0.113.10:80 S seq=1",
    "tcp 198.51.100.2:40001 > 203.0.113.10:80 A seq=2 ack=1 len=9",
    "tcp 198.51.100.2:40001 > 203.0.113.10:80 FA seq=2 ack=1",
    "tcp 10.0.0.100:8080 > 198.51.100.2:40001 SA seq=1 ack=2",
    "tcp 10.0.0.100:8080 > 198.51.100.2:40001 R seq=1",
    "udp 198.51.100.2:4001 > 203.0.113.10:53 len=20",
    "udp 10.0.0.101:53 > 198.51.100.2:4001 len=3 nosum",
    "icmp 198.51.100.2 > 203.0.113.10 3/4 mtu=900 { tcp 203.0.113.10:80 > 198.51.100.2:40001 A }",
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<Frame> starts = [] {
        std::vector<Frame> frames;
        for (const char* text : kStarts)
            frames.push_back(*usher::test::frame_of(text));
        return frames;
    }();
    std::size_t at = 0;
    while (at + 3 <= size) {
        const std::uint8_t kind = data[at];
        Frame frame = starts[kind % 8];
        // Up to 15 changes of one byte each, and a new length.
        const std::size_t changes = data[at + 1] & 0x0f;
        const bool cut = data[at + 1] & 0x10;
        const std::uint8_t length = data[at + 2];
        at += 3;
        bool touched = false;
        for (std::size_t i = 0; i < changes && at + 2 <= size; ++i, at += 2, touched = true)
            frame[data[at] % frame.size()] = data[at + 1];
        if (cut) frame.resize(length);
        const usher::PortIndex port = (kind >> 3) & 1;
        for (const auto& sent : box().pass(port, {frame}, 1)) {
            const std::string text = usher::test::describe(sent.frame);
            // Whole, and when nothing was laid over it, right in every sum.
            if (text.find(" > ") == std::string::npos) std::abort();
            if (!touched && !usher::test::is_sound(sent.frame)) std::abort();
        }
        if (kind & 0x80) box().wait(kind & 0x7f);
    }
    if (box().packets_in_use() > usher::NeighbourQueue::kRoom) std::abort();
    return 0;
}
