// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nat/ftp_script.hpp"

#include <algorithm>
#include <array>

namespace usher::test {
namespace {

constexpr std::array<const char*, 16> kCommands{
    "PORT 198,51,100,7,200,1\r\n",
    "port 198,51,100,7,0,21\r\n",
    "PoRt  192,0,2,99,200,1\r\n",
    "EPRT |1|198.51.100.7|51201|\r\n",
    "eprt !2!2001:db8::7!51202!\r\n",
    "EPRT |2|2001:DB8:0:0:0:0:0:7|40000|\n",
    "PASV\r\n",
    "EPSV\r\n",
    "EPSV ALL\r\n",
    "USER port 198,51,100,7,200,1\r\n",
    "PORT 198,51,100,7,200\r\n",
    "PORT 198,51,100,7,200,1,1\r\n",
    "\xff\xf4\xff\xf2"
    "ABOR\r\n",
    "EPRT |1|198.51.100.7|99999|\r\n",
    "NOOP\r\n",
    "\r\n",
};

constexpr std::array<const char*, 18> kReplies{
    "227 Entering Passive Mode (10,0,0,100,157,13).\r\n",
    "227 Entering Passive Mode 10,2,0,11,157,13\r\n",
    "227 =1,2,3,4,4,0\n",
    "227 ok (203,0,113,10,157,13)\r\n",
    "227 (255,255,255,255,255,255)\r\n",
    "227 (10,0,0,100,0,21)\r\n",
    "227 4 you (10,0,0,100,157,13)\r\n",
    "227 (10,0,0,256,157,13) (10,0,0,10,9,9)\r\n",
    "229 Entering Extended Passive Mode (|||40205|)\r\n",
    "229 ok (!!!21!)\r\n",
    "213-status\r\n227 (10,0,0,100,157,13)\r\n213 end\r\n",
    "227-first (10,0,0,100,1,1)\r\n227 last (10,0,0,100,157,13)\r\n",
    "200 PORT command ok\r\n",
    "150 227 (10,0,0,100,157,13)\r\n",
    "\r\n",
    "227 1,2,3,4,5,6,7,8\r\n",
    "213-status\r\n214 of what\r\n227 (10,0,0,100,157,13)\r\n213 end\r\n",
    "211-features\r\n EPSV\r\n211 end\r\n",
};

// A line of numbers, good or nearly so.
std::string numbers(Choices& choices, std::string line) {
    const unsigned count = 4 + choices.below(4);
    for (unsigned i = 0; i < count; ++i)
        line += (i > 0 ? "," : "") + std::to_string(choices.next() + (choices.below(16) == 0));
    return line + (choices.below(2) == 0 ? ")\r\n" : "\n");
}

std::string raw(Choices& choices) {
    std::string line;
    const unsigned size = choices.below(24);
    for (unsigned i = 0; i < size; ++i)
        line += static_cast<char>(choices.next());
    return line;
}

std::string over_long(Choices& choices, const char* begin, const char* end) {
    return begin + std::string(60 + choices.next(), 'x') + end;
}

constexpr const char* kLongBegin = "227 ok (10,0,0,100,157,13) ";

template <std::size_t N>
std::string line(Choices& choices, const std::array<const char*, N>& lines, const char* begin) {
    const unsigned kind = choices.below(24);
    if (kind < N) return lines[kind];
    if (kind == N) return raw(choices);
    if (kind == N + 1) return over_long(choices, begin, lines[0]);
    if (kind == N + 2) return over_long(choices, choices.below(2) == 0 ? "" : kLongBegin, "\r\n");
    return numbers(choices, begin);
}

}  // namespace

std::uint32_t Choices::word() {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i)
        word = word << 8 | next();
    return word;
}

std::string command_script(Choices& choices) {
    std::string text;
    const unsigned lines = choices.below(12);
    for (unsigned i = 0; i < lines; ++i)
        text += line(choices, kCommands, "PORT ");
    return text;
}

std::string reply_script(Choices& choices) {
    std::string text = choices.below(16) == 0 ? "" : "220 ready\r\n";
    const unsigned lines = choices.below(12);
    for (unsigned i = 0; i < lines; ++i)
        text += line(choices, kReplies, "227 (");
    return text;
}

}  // namespace usher::test
