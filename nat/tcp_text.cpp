// SPDX-License-Identifier: BSD-3-Clause
#include "nat/tcp_text.hpp"

#include <algorithm>

#include "nat/checksum.hpp"
#include "nat/pseudo_header.hpp"

namespace usher {
namespace {

ChecksumDelta delta_between(std::uint32_t sum_before, std::uint32_t sum_after) {
    return {fold(static_cast<std::uint16_t>(~sum_before) + sum_after)};
}

void adjust(std::uint8_t* checksum, ChecksumDelta delta) {
    store(checksum, delta.apply(load<std::uint16_t>(checksum)));
}

// The IP header's length field, and for IPv4 the checksum over it.
template <Family F>
void set_ip_length(std::uint8_t* ip, std::uint16_t total) {
    if constexpr (F == Family::ipv4) {
        const auto before = load<Be16>(ip + ipv4::kTotalLength);
        const Be16 after = Be16::from_host(total);
        store(ip + ipv4::kTotalLength, after);
        adjust(ip + ipv4::kChecksum, delta_of(before, after));
    } else {
        store(ip + ipv6::kPayloadLength,
              Be16::from_host(static_cast<std::uint16_t>(total - ipv6::kHeader)));
    }
}

// Calls `with` for each SACK block, 8 bytes, in a TCP header (RFC 2018, section 3).
template <class With>
void for_each_sack_block(std::uint8_t* l4, std::size_t header_size, With with) {
    constexpr std::uint8_t kEnd = 0, kNop = 1, kSack = 5;
    std::size_t at = kTcpMinHeader;
    while (at < header_size && l4[at] != kEnd) {
        if (l4[at] == kNop) {
            ++at;
            continue;
        }
        if (at + 2 > header_size || l4[at + 1] < 2 || at + l4[at + 1] > header_size) return;
        const std::size_t end = at + l4[at + 1];
        if (l4[at] == kSack)
            for (std::size_t block = at + 2; block + 8 <= end; block += 8)
                with(l4 + block);
        at = end;
    }
}

}  // namespace

std::optional<std::uint32_t> TcpSegment::acknowledgement() const {
    if (!(flags() & kAck)) return std::nullopt;
    return load<Be32>(l4_ + 8).host();
}

template <class Change>
void TcpSegment::change_header(Change change) {
    const std::uint32_t before = sum_words({l4_, header_size()});
    change();
    adjust(l4_ + kTcpChecksum, delta_between(before, sum_words({l4_, header_size()})));
}

void TcpSegment::set_sequence(std::uint32_t sequence) {
    change_header([&] { store(l4_ + 4, Be32::from_host(sequence)); });
}

void TcpSegment::acknowledge_inward(const SequenceShift& shift) {
    if (!(flags() & kAck) || shift.is_none()) return;
    change_header([&] {
        store(l4_ + 8, Be32::from_host(shift.inward(load<Be32>(l4_ + 8).host())));
        for_each_sack_block(l4_, header_size(), [&](std::uint8_t* block) {
            store(block, Be32::from_host(shift.inward_left(load<Be32>(block).host())));
            store(block + 4, Be32::from_host(shift.inward(load<Be32>(block + 4).host())));
        });
    });
}

template <Family F>
bool is_tcp_sound(const std::uint8_t* frame, const Headers& headers) {
    const std::size_t size = std::size_t{kEthernetHeader} + headers.ip_length - headers.l4;
    const std::uint32_t pseudo = pseudo_sum<F>(frame + kEthernetHeader, Protocol::tcp, size);
    return sum_words({frame + headers.l4, size}, pseudo) == 0xffff;
}

template <Family F>
void replace_text(std::span<std::uint8_t> room, Headers& headers, std::size_t offset,
                  std::size_t removed, std::string_view inserted) {
    std::uint8_t* l4 = room.data() + headers.l4;
    const std::size_t size = kEthernetHeader + headers.ip_length - headers.l4;
    const std::size_t header_size = static_cast<std::size_t>(l4[12] >> 4) * 4;
    std::uint8_t* at = l4 + header_size + offset;
    const std::size_t tail = size - header_size - offset - removed;
    const std::size_t new_size = size - removed + inserted.size();

    // The length is part of the sum, in the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1).
    const auto length_word = [](std::size_t length) {
        return std::uint32_t{Be16::from_host(static_cast<std::uint16_t>(length)).raw()};
    };
    const std::uint32_t before = sum_words({l4, size}, length_word(size));
    std::memmove(at + inserted.size(), at + removed, tail);
    std::copy(inserted.begin(), inserted.end(), at);
    const std::uint32_t after = sum_words({l4, new_size}, length_word(new_size));
    adjust(l4 + kTcpChecksum, delta_between(before, after));

    headers.ip_length = static_cast<std::uint16_t>(headers.ip_length - size + new_size);
    set_ip_length<F>(room.data() + kEthernetHeader, headers.ip_length);
}

template <Family F>
void cut_text(std::span<std::uint8_t> room, Headers& headers, std::size_t kept) {
    const std::size_t size = TcpSegment(room.data(), headers).text().size();
    if (kept >= size) return;
    replace_text<F>(room, headers, kept, size - kept, {});
    std::uint8_t* l4 = room.data() + headers.l4;
    if (!(l4[13] & kFin)) return;
    const auto before = load<Be16>(l4 + 12);
    l4[13] = static_cast<std::uint8_t>(l4[13] & ~kFin);
    headers.tcp_flags = l4[13];
    adjust(l4 + kTcpChecksum, delta_of(before, load<Be16>(l4 + 12)));
}

template bool is_tcp_sound<Family::ipv4>(const std::uint8_t*, const Headers&);
template bool is_tcp_sound<Family::ipv6>(const std::uint8_t*, const Headers&);
template void replace_text<Family::ipv4>(std::span<std::uint8_t>, Headers&, std::size_t,
                                         std::size_t, std::string_view);
template void replace_text<Family::ipv6>(std::span<std::uint8_t>, Headers&, std::size_t,
                                         std::size_t, std::string_view);
template void cut_text<Family::ipv4>(std::span<std::uint8_t>, Headers&, std::size_t);
template void cut_text<Family::ipv6>(std::span<std::uint8_t>, Headers&, std::size_t);

}  // namespace usher
