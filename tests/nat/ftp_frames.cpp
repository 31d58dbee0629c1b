// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nat/ftp_frames.hpp"

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher::test {
namespace {

constexpr std::uint8_t kTcp = 6;

template <Family F>
constexpr std::size_t kIpHeader = F == Family::ipv4 ? ipv4::kMinHeader : ipv6::kHeader;

// NOP, SACK of one block, NOP: the numbers at odd places, as no rule forbids.
std::vector<std::uint8_t> options_of(const Segment& segment) {
    if (!segment.sack) return {};
    std::vector<std::uint8_t> options(12, 1);
    options[1] = 5;
    options[2] = 10;
    store(&options[3], Be32::from_host(segment.sack->first));
    store(&options[7], Be32::from_host(segment.sack->second));
    return options;
}

template <Family F>
std::uint32_t tcp_sum(const std::uint8_t* ip, std::size_t size) {
    const std::size_t addresses = F == Family::ipv4 ? 8 : 32;
    std::uint32_t sum =
        sum_words({ip + IpLayout<F>::kSource, addresses}, Be16::from_host(kTcp).raw());
    sum += Be16::from_host(static_cast<std::uint16_t>(size)).raw();
    return sum_words({ip + kIpHeader<F>, size}, sum);
}

template <Family F>
void fill_ip(std::uint8_t* ip, std::size_t size, const Ends& ends) {
    store(ip + IpLayout<F>::kSource, wire_address<F>(ends.source));
    store(ip + IpLayout<F>::kDestination, wire_address<F>(ends.destination));
    const auto length = [](std::size_t n) {
        return Be16::from_host(static_cast<std::uint16_t>(n));
    };
    if constexpr (F == Family::ipv4) {
        ip[0] = 0x45;
        ip[ipv4::kTtl] = 64;
        ip[ipv4::kProtocol] = kTcp;
        store(ip + ipv4::kTotalLength, length(size));
        store(ip + ipv4::kChecksum, static_cast<std::uint16_t>(~sum_words({ip, ipv4::kMinHeader})));
    } else {
        ip[0] = 0x60;
        ip[ipv6::kHopLimit] = 64;
        ip[ipv6::kNextHeader] = kTcp;
        store(ip + ipv6::kPayloadLength, length(size - ipv6::kHeader));
    }
}

void expect(bool holds, const char* what) {
    if (!holds) throw Broken(what);
}

}  // namespace

template <Family F>
std::vector<std::uint8_t> frame_of(const Segment& segment, const Ends& ends) {
    const std::vector<std::uint8_t> options = options_of(segment);
    const std::size_t size = kTcpMinHeader + options.size() + segment.text.size();
    std::vector<std::uint8_t> frame(kEthernetHeader + kIpHeader<F> + size);
    store(&frame[12], Be16::from_host(IpLayout<F>::kEtherType));
    std::uint8_t* ip = &frame[kEthernetHeader];
    fill_ip<F>(ip, kIpHeader<F> + size, ends);
    std::uint8_t* l4 = ip + kIpHeader<F>;
    store(l4, Be16::from_host(21));
    store(l4 + 2, Be16::from_host(4001));
    store(l4 + 4, Be32::from_host(segment.sequence));
    store(l4 + 8, Be32::from_host(segment.acknowledgement));
    l4[12] = static_cast<std::uint8_t>((kTcpMinHeader + options.size()) / 4 << 4);
    l4[13] = segment.flags;
    std::copy(options.begin(), options.end(), l4 + kTcpMinHeader);
    std::copy(segment.text.begin(), segment.text.end(), l4 + kTcpMinHeader + options.size());
    store(l4 + kTcpChecksum, static_cast<std::uint16_t>(~tcp_sum<F>(ip, size)));
    return frame;
}

template <Family F>
Segment segment_of(const std::vector<std::uint8_t>& frame) {
    Headers headers;
    expect(parse<F>(frame, headers) == Drop::none, "does not parse");
    expect(frame.size() == kEthernetHeader + std::size_t{headers.ip_length}, "wrong length");
    const std::uint8_t* ip = &frame[kEthernetHeader];
    if (F == Family::ipv4) expect(sum_words({ip, ipv4::kMinHeader}) == 0xffff, "IP checksum");
    const std::uint8_t* l4 = ip + kIpHeader<F>;
    const std::size_t size = headers.ip_length - kIpHeader<F>;
    expect(tcp_sum<F>(ip, size) == 0xffff, "TCP checksum");
    const std::size_t header = static_cast<std::size_t>(l4[12] >> 4) * 4;
    Segment segment;
    segment.sequence = load<Be32>(l4 + 4).host();
    segment.acknowledgement = load<Be32>(l4 + 8).host();
    segment.flags = l4[13];
    if (header > kTcpMinHeader)
        segment.sack = {load<Be32>(l4 + kTcpMinHeader + 3).host(),
                        load<Be32>(l4 + kTcpMinHeader + 7).host()};
    segment.text.assign(l4 + header, l4 + size);
    return segment;
}

template std::vector<std::uint8_t> frame_of<Family::ipv4>(const Segment&, const Ends&);
template std::vector<std::uint8_t> frame_of<Family::ipv6>(const Segment&, const Ends&);
template Segment segment_of<Family::ipv4>(const std::vector<std::uint8_t>&);
template Segment segment_of<Family::ipv6>(const std::vector<std::uint8_t>&);

}  // namespace usher::test
