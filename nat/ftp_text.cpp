// SPDX-License-Identifier: BSD-3-Clause
#include "nat/ftp_text.hpp"

#include <charconv>

namespace usher {
namespace {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// RFC 2428, section 2: any printable character may delimit.
constexpr bool is_delimiter(char c) {
    return c > ' ' && c <= '~' && !is_digit(c);
}

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// What follows the command's name and a space, if it is that command.
std::optional<std::string_view> argument_of(std::string_view line, std::string_view name) {
    if (line.size() <= name.size() || line[name.size()] != ' ') return std::nullopt;
    for (std::size_t i = 0; i < name.size(); ++i)
        if (lower(line[i]) != name[i]) return std::nullopt;
    const std::size_t begin = line.find_first_not_of(' ', name.size());
    if (begin == std::string_view::npos) return std::nullopt;
    return line.substr(begin);
}

bool is_line_end(std::string_view rest) {
    return rest.find_first_not_of(" \r\n") == std::string_view::npos;
}

std::optional<std::uint16_t> port_of(std::string_view digits) {
    std::uint16_t port = 0;
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, port);
    if (digits.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return port;
}

std::optional<FtpEndpoint> parse_port(std::string_view argument) {
    const HostPort match = match_host_port(argument);
    if (match.verdict != HostPort::Verdict::yes || !is_line_end(argument.substr(match.length)))
        return std::nullopt;
    return FtpEndpoint{FtpKind::port, match.address(), match.port()};
}

// Takes the text up to the next delimiter off `rest`, and the delimiter.
std::optional<std::string_view> next_field(std::string_view& rest, char delimiter) {
    const std::size_t end = rest.find(delimiter);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return field;
}

std::optional<FtpEndpoint> parse_extended_port(std::string_view argument) {
    const char delimiter = argument.front();
    if (!is_delimiter(delimiter)) return std::nullopt;
    argument.remove_prefix(1);
    const auto family = next_field(argument, delimiter);
    const auto host = next_field(argument, delimiter);
    const auto digits = next_field(argument, delimiter);
    if (!family || !host || !digits || !is_line_end(argument)) return std::nullopt;
    const auto address = IpAddress::parse(*host);
    const auto port = port_of(*digits);
    if (!address || !port || *family != (address->is_ipv4() ? "1" : "2")) return std::nullopt;
    return FtpEndpoint{FtpKind::extended_port, *address, *port};
}

}  // namespace

IpAddress HostPort::address() const {
    return IpAddress(Be32::from_host(std::uint32_t{numbers[0]} << 24 |
                                     std::uint32_t{numbers[1]} << 16 |
                                     std::uint32_t{numbers[2]} << 8 | numbers[3]));
}

std::uint16_t HostPort::port() const {
    return static_cast<std::uint16_t>(numbers[4] << 8 | numbers[5]);
}

HostPort match_host_port(std::string_view text) {
    HostPort match;
    std::size_t at = 0;
    for (std::size_t n = 0; n < match.numbers.size(); ++n) {
        const std::size_t begin = at;
        unsigned value = 0;
        for (; at < text.size() && is_digit(text[at]) && at - begin <= 3; ++at)
            value = value * 10 + static_cast<unsigned>(text[at] - '0');
        if (at - begin > 3 || value > 255) return match;
        if (n < 4) match.host_length = static_cast<std::uint8_t>(at);
        if (at == text.size()) {
            match.verdict = HostPort::Verdict::unfinished;
            return match;
        }
        if (at == begin) return match;
        match.numbers[n] = static_cast<std::uint8_t>(value);
        if (n == 5) break;
        if (text[at] != ',') return match;
        ++at;
        match.host_whole = n >= 3;
    }
    match.length = static_cast<std::uint8_t>(at);
    match.verdict = HostPort::Verdict::yes;
    return match;
}

HostText::HostText(const IpAddress& address) {
    char* at = bytes_.data();
    for (std::size_t i = 0; i < 4; ++i) {
        if (i > 0) *at++ = ',';
        at = std::to_chars(at, bytes_.data() + bytes_.size(), address.bytes()[i]).ptr;
    }
    length_ = static_cast<std::uint8_t>(at - bytes_.data());
}

std::optional<FtpEndpoint> parse_ftp_command(std::string_view line) {
    if (const auto argument = argument_of(line, "port")) return parse_port(*argument);
    if (const auto argument = argument_of(line, "eprt")) return parse_extended_port(*argument);
    return std::nullopt;
}

std::optional<FtpEndpoint> parse_extended_passive(std::string_view line) {
    const std::size_t open = line.find('(');
    if (open == std::string_view::npos) return std::nullopt;
    std::string_view rest = line.substr(open + 1);
    if (rest.size() < 3 || !is_delimiter(rest[0]) || rest[1] != rest[0] || rest[2] != rest[0])
        return std::nullopt;
    const char delimiter = rest[0];
    rest.remove_prefix(3);
    const auto digits = next_field(rest, delimiter);
    if (!digits || !rest.starts_with(')')) return std::nullopt;
    const auto port = port_of(*digits);
    if (!port) return std::nullopt;
    return FtpEndpoint{FtpKind::extended_passive, IpAddress(), *port};
}

std::size_t find_number(std::string_view text, std::size_t from) {
    for (std::size_t at = from; at < text.size(); ++at)
        if (is_digit(text[at]) && (at == 0 || !is_digit(text[at - 1]))) return at;
    return std::string_view::npos;
}

std::uint16_t reply_code(std::string_view line) {
    if (line.size() < 4 || (line[3] != ' ' && line[3] != '-')) return 0;
    unsigned code = 0;
    for (const char c : line.substr(0, 3)) {
        if (!is_digit(c)) return 0;
        code = code * 10 + static_cast<unsigned>(c - '0');
    }
    return static_cast<std::uint16_t>(code);
}

}  // namespace usher
