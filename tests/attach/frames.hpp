// SPDX-License-Identifier: BSD-3-Clause
// Ethernet frames for the steering program, put together byte by byte. Checksums are left zero: the
// program does not look at them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nat/address.hpp"

namespace usher::frames {

using Bytes = std::vector<std::uint8_t>;

inline Bytes join(Bytes head, const Bytes& tail) {
    head.insert(head.end(), tail.begin(), tail.end());
    return head;
}

inline void put16(Bytes& bytes, std::size_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes.push_back(static_cast<std::uint8_t>(value));
}

inline IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

inline Bytes ethernet(const Bytes& payload, std::size_t type, std::uint8_t first_byte = 2) {
    Bytes frame = {first_byte, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    put16(frame, type);
    return join(frame, payload);
}

// The frame with an 802.1Q tag (or another one) in front of its type.
inline Bytes tagged(const Bytes& frame, std::size_t control, std::size_t type = 0x8100) {
    Bytes head(frame.begin(), frame.begin() + 12);
    put16(head, type);
    put16(head, control);
    return join(head, Bytes(frame.begin() + 12, frame.end()));
}

struct Ipv4Options {
    std::uint16_t fragment = 0;  // flags and offset
    std::uint8_t words = 5;      // of the header
    std::uint8_t version = 4;
    std::size_t excess = 0;  // that the length field claims beyond what is there
};

inline Bytes ipv4(std::string_view from, std::string_view to, std::uint8_t protocol,
                  const Bytes& payload, Ipv4Options options = {}) {
    const auto first = static_cast<std::uint8_t>(options.version << 4 | options.words);
    Bytes header = {first, 0};
    put16(header, options.words * 4U + payload.size() + options.excess);
    put16(header, 1);
    put16(header, options.fragment);
    header.insert(header.end(), {64, protocol, 0, 0});
    for (const auto text : {from, to}) {
        const auto address = ip(text);
        header.insert(header.end(), address.bytes().begin(), address.bytes().begin() + 4);
    }
    if (options.words > 5) header.resize(options.words * 4U);
    return join(header, payload);
}

inline Bytes ipv6(std::string_view from, std::string_view to, std::uint8_t next,
                  const Bytes& payload) {
    Bytes header = {0x60, 0, 0, 0};
    put16(header, payload.size());
    header.insert(header.end(), {next, 64});
    for (const auto text : {from, to}) {
        const auto address = ip(text);
        header.insert(header.end(), address.bytes().begin(), address.bytes().end());
    }
    return join(header, payload);
}

// The first eight bytes of UDP, and enough of TCP for whoever looks at ports only.
inline Bytes ports(std::uint16_t source, std::uint16_t destination) {
    Bytes bytes(20);
    bytes[0] = static_cast<std::uint8_t>(source >> 8);
    bytes[1] = static_cast<std::uint8_t>(source);
    bytes[2] = static_cast<std::uint8_t>(destination >> 8);
    bytes[3] = static_cast<std::uint8_t>(destination);
    return bytes;
}

inline Bytes icmp(std::uint8_t type, const Bytes& quoted) {
    return join({type, 1, 0, 0, 0, 0, 0, 0}, quoted);
}

inline Bytes echo(std::uint8_t type, std::uint16_t id) {
    Bytes bytes = {type, 0, 0, 0};
    put16(bytes, id);
    put16(bytes, 1);
    return join(bytes, Bytes(8));
}

inline Bytes frame4(std::string_view from, std::string_view to, std::uint8_t protocol,
                    const Bytes& payload, Ipv4Options options = {}) {
    return ethernet(ipv4(from, to, protocol, payload, options), 0x0800);
}

inline Bytes frame6(std::string_view from, std::string_view to, std::uint8_t next,
                    const Bytes& payload) {
    return ethernet(ipv6(from, to, next, payload), 0x86dd);
}

}  // namespace usher::frames
