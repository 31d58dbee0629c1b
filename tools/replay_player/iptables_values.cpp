// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/iptables_values.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <stdexcept>

namespace usher::replay::iptables {

namespace {

std::uint16_t port(const std::string& text) {
    const int value = is_number(text) && text.size() <= 5 ? std::stoi(text) : -1;
    if (value < 0 || value > 65535) throw std::runtime_error("no port: " + text);
    return static_cast<std::uint16_t>(value);
}

}  // namespace

bool is_number(const std::string& word) {
    return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
}

// ADDRESS, ADDRESS/LENGTH or ADDRESS/MASK.
std::optional<Prefix> prefix(const std::string& text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) throw std::runtime_error("no prefix: " + text);
    int length = address->bits();
    if (slash != std::string::npos) {
        const auto mask = IpAddress::parse(text.substr(slash + 1));
        length = mask ? 0 : std::stoi(text.substr(slash + 1));
        if (mask)
            for (const std::uint8_t byte : mask->bytes())
                length += std::popcount(byte);
    }
    if (length < 0 || length > address->bits()) throw std::runtime_error("no prefix: " + text);
    return Prefix::of(*address, length);
}

std::optional<Protocol> protocol(const std::string& text) {
    static const std::map<std::string, std::optional<Protocol>> kNames = {
        {"all", std::nullopt},   {"tcp", Protocol::tcp}, {"6", Protocol::tcp},
        {"udp", Protocol::udp},  {"17", Protocol::udp},  {"sctp", Protocol::sctp},
        {"132", Protocol::sctp},
    };
    std::string name = text;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return std::tolower(letter); });
    const auto known = kNames.find(name);
    if (known == kNames.end()) throw std::runtime_error("no protocol with ports: " + text);
    return known->second;
}

PortRange ports(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) return {port(text), port(text)};
    const std::string first = text.substr(0, colon), last = text.substr(colon + 1);
    return {first.empty() ? std::uint16_t{0} : port(first),
            last.empty() ? std::uint16_t{65535} : port(last)};
}

// --set-mark takes VALUE or VALUE/MASK; only whole marks are used.
std::uint32_t mark(const std::string& text) {
    return static_cast<std::uint32_t>(std::stoul(text, nullptr, 0));
}

}  // namespace usher::replay::iptables
