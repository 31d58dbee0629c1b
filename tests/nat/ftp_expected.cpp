// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nat/ftp_expected.hpp"

#include <algorithm>
#include <cctype>
#include <regex>

#include "tests/nat/ftp_endpoint.hpp"

namespace usher::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        lines.push_back(text.substr(at, end - at));
        at = end;
    }
    return lines;
}

bool is_whole(const std::string& line) {
    return line.ends_with('\n');
}

bool begins_binary(const std::string& line) {
    const auto first = static_cast<unsigned char>(line[0]);
    return first < 0x20 && std::string("\r\n\t\x1b").find(line[0]) == std::string::npos;
}

bool is_digit(char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

bool is_reply(const std::string& line, char after) {
    return line.size() >= 4 && std::all_of(line.begin(), line.begin() + 3, is_digit) &&
           line[3] == after;
}

void admit(const FtpEndpoint& found, const FtpParties& parties, Expected& expected) {
    const bool foreign =
        is_active(found.kind) && (found.address.family() != parties.client.family() ||
                                  (!parties.third_party && found.address != parties.client));
    if (found.port >= 1024 && !foreign) expected.found.push_back(found);
}

std::string host_text(const IpAddress& address) {
    std::string text = address.to_string();
    std::replace(text.begin(), text.end(), '.', ',');
    return text;
}

// The six numbers of a 227 line: where, or npos. Sets `doubtful` if there is another number first.
struct Numbers {
    std::size_t at = std::string::npos;
    std::size_t host_length = 0;
    IpAddress address;
    std::uint16_t port = 0;
    bool doubtful = false;
};

Numbers numbers_of(const std::string& line) {
    static const std::regex kSix(
        "^([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3}),"
        "([0-9]{1,3}),([0-9]{1,3})[^0-9]");
    Numbers numbers;
    for (std::size_t at = 4; at < line.size() && at <= FtpLine::kRoom - 24; ++at) {
        if (!is_digit(line[at]) || is_digit(line[at - 1])) continue;
        const std::string rest = line.substr(at, 24);
        std::smatch match;
        unsigned n[6]{};
        bool all = std::regex_search(rest, match, kSix);
        for (std::size_t i = 0; all && i < 6; ++i) {
            n[i] = static_cast<unsigned>(std::stoi(match[static_cast<int>(i + 1)]));
            all = n[i] <= 255;
        }
        if (!all) {
            numbers.doubtful = true;
            continue;
        }
        numbers.at = at;
        numbers.host_length = static_cast<std::size_t>(match.position(5)) - 1;
        numbers.address = IpAddress(Be32::from_host(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3]));
        numbers.port = static_cast<std::uint16_t>(n[4] << 8 | n[5]);
        break;
    }
    return numbers;
}

ExpectedLine expected_passive(const std::string& line, const FtpParties& parties,
                              Expected& expected) {
    const Numbers numbers = numbers_of(line);
    ExpectedLine result{line, numbers.doubtful};
    if (numbers.at == std::string::npos) return result;
    result.text.replace(numbers.at, numbers.host_length, host_text(parties.virtual_address));
    if (is_whole(line)) admit({FtpKind::passive, numbers.address, numbers.port}, parties, expected);
    return result;
}

std::string skeleton(std::string line) {
    line.erase(
        std::remove_if(line.begin(), line.end(), [](char c) { return is_digit(c) || c == ','; }),
        line.end());
    return line;
}

}  // namespace

Expected expected_of_commands(const std::string& text, const FtpParties& parties) {
    Expected expected;
    bool off = false;
    for (const std::string& line : lines_of(text)) {
        off = off || begins_binary(line);
        expected.lines.push_back({line});
        if (off || line.size() > FtpLine::kRoom || !is_whole(line)) continue;
        if (const auto found = parse_ftp_command(line)) admit(*found, parties, expected);
    }
    return expected;
}

Expected expected_of_replies(const std::string& text, const FtpParties& parties) {
    Expected expected;
    bool off = false;
    std::string open;
    for (const std::string& line : lines_of(text)) {
        off = off || begins_binary(line) ||
              (expected.lines.empty() && !is_reply(line, ' ') && !is_reply(line, '-'));
        expected.lines.push_back({line});
        if (off) continue;
        const std::string code = line.substr(0, 3);
        const bool last = is_reply(line, ' ') && (open.empty() || open == code);
        if (last && code == "227" && parties.client.is_ipv4())
            expected.lines.back() = expected_passive(line, parties, expected);
        if (last && code == "229" && is_whole(line))
            if (const auto found = parse_extended_passive(line.substr(0, FtpLine::kRoom)))
                admit(*found, parties, expected);
        if (last) open.clear();
        if (open.empty() && is_reply(line, '-')) open = code;
    }
    return expected;
}

void compare(const Expected& expected, const std::string& received) {
    const std::vector<std::string> lines = lines_of(received);
    if (lines.size() != expected.lines.size()) throw Broken("another number of lines");
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const ExpectedLine& line = expected.lines[i];
        const bool same = line.has_doubtful_numbers ? skeleton(lines[i]) == skeleton(line.text)
                                                    : lines[i] == line.text;
        if (!same) throw Broken("expected: " + line.text + "received: " + lines[i]);
    }
}

}  // namespace usher::test
