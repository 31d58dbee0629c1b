// SPDX-License-Identifier: BSD-3-Clause
// The lines that announce data connections, well and badly written; the numbering around a change.
#include "nat/ftp_text.hpp"

#include <gtest/gtest.h>

#include "nat/ftp_line.hpp"
#include "nat/sequence_shift.hpp"

namespace usher {
namespace {

FtpEndpoint endpoint(FtpKind kind, const char* address, std::uint16_t port) {
    return {kind, *IpAddress::parse(address), port};
}

TEST(FtpText, CommandsInAnyLetterCase) {
    const auto active = endpoint(FtpKind::port, "198.51.100.7", 200 * 256 + 1);
    for (const char* line : {"PORT 198,51,100,7,200,1\r\n", "port  198,51,100,7,200,1 \n",
                             "pOrT 198,051,100,007,200,001\r\n"})
        EXPECT_EQ(parse_ftp_command(line), active) << line;
    EXPECT_EQ(parse_ftp_command("EPRT |1|198.51.100.7|51201|\r\n"),
              endpoint(FtpKind::extended_port, "198.51.100.7", 51201));
    EXPECT_EQ(parse_ftp_command("eprt !2!2001:db8::7!40205!\r\n"),
              endpoint(FtpKind::extended_port, "2001:db8::7", 40205));
}

TEST(FtpText, WhatIsNoCommand) {
    for (const char* line : {"",
                             "\r\n",
                             "PORT\r\n",
                             "PORT \r\n",
                             "PORT198,51,100,7,200,1\r\n",
                             " PORT 198,51,100,7,200,1\r\n",
                             "PORTS 198,51,100,7,200,1\r\n",
                             "PORT 198,51,100,7,200\r\n",
                             "PORT 198,51,100,7,200,1,1\r\n",
                             "PORT 198,51,100,7,200,256\n",
                             "PORT 198,51,100,7,200,0001\n",
                             "PORT 198, 51,100,7,200,1\r\n",
                             "PORT a,b,c,d,e,f\r\n",
                             "EPRT |1|2001:db8::7|51201|\r\n",
                             "EPRT |2|198.51.100.7|51201|\r\n",
                             "EPRT |3|198.51.100.7|51201|\r\n",
                             "EPRT |1|198.51.100.7|65536|\r\n",
                             "EPRT |1|198.51.100.7||\r\n",
                             "EPRT |1|198.51.100.7|51201\r\n",
                             "EPRT |1|198.51.100.7!51201|\r\n",
                             "EPRT |1|198.51.100.7|51201|x\r\n",
                             "EPRT  \r\n",
                             "EPSV ALL\r\n",
                             "PASV\r\n"})
        EXPECT_FALSE(parse_ftp_command(line)) << line;
}

TEST(FtpText, ExtendedPassive) {
    const FtpEndpoint expected{FtpKind::extended_passive, IpAddress(), 40205};
    EXPECT_EQ(parse_extended_passive("229 Entering Extended Passive Mode (|||40205|)\r\n"),
              expected);
    EXPECT_EQ(parse_extended_passive("229 ok (!!!40205!)"), expected);
    for (const char* line : {"229 |||40205|", "229 (|||40205)", "229 (||40205|)", "229 (|||x|)",
                             "229 (|||99999|)", "229 (|||40205|", "229 (|!|40205|)", "229 ("})
        EXPECT_FALSE(parse_extended_passive(line)) << line;
}

TEST(FtpText, NumbersThatEndTooEarlyAreUnfinished) {
    const std::string_view text = "10,2,0,11,157,13)";
    for (std::size_t size = 0; size < text.size(); ++size) {
        const HostPort match = match_host_port(text.substr(0, size));
        EXPECT_EQ(match.verdict, HostPort::Verdict::unfinished) << size;
        EXPECT_EQ(match.host_length, std::min<std::size_t>(size, 9));
        EXPECT_EQ(match.host_whole, size > 9);
    }
    const HostPort match = match_host_port(text);
    EXPECT_EQ(match.verdict, HostPort::Verdict::yes);
    EXPECT_EQ(match.address().to_string(), "10.2.0.11");
    EXPECT_EQ(match.port(), 40205);
    EXPECT_EQ(HostText(match.address()).text(), text.substr(0, 9));
}

TEST(FtpLine, KeepsTheBeginningOfALongOne) {
    FtpLine line;
    line.begin(0);
    const std::string text = std::string(300, 'x') + "\nnext";
    const auto bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    EXPECT_EQ(line.take({bytes, 100}).size, 100U);
    EXPECT_FALSE(line.passes_over);
    const FtpLine::Taken taken = line.take({bytes + 100, text.size() - 100});
    EXPECT_TRUE(taken.ends);
    EXPECT_EQ(taken.size, 201U);
    EXPECT_EQ(line.text(), std::string(FtpLine::kRoom, 'x'));
    EXPECT_TRUE(line.passes_over);
}

// Every pair of lengths, at the wrap of the numbers: what comes in goes out in order, and every
// acknowledgement is one of bytes whose translation it covers, and of all of them.
TEST(SequenceShift, NumbersGoOverAndComeBack) {
    for (std::uint8_t was = 1; was <= 15; ++was)
        for (std::uint8_t is = 1; is <= 15; ++is)
            for (const std::int32_t before : {0, 5, -7, 1000000, -SequenceShift::kLimit}) {
                const SequenceShift shift{0xfffffff8, was, is, before};
                ASSERT_EQ(SequenceShift::from_bits(shift.bits()), shift);
                for (std::int32_t i = -20; i <= 40; ++i) {
                    const std::uint32_t number = shift.at + static_cast<std::uint32_t>(i);
                    const std::uint32_t outside = shift.outward(number);
                    ASSERT_LE(shift.outward(number + 1) - outside, 16U);
                    // The furthest byte that this acknowledges is passed on no further than it.
                    const std::uint32_t back = shift.inward(outside);
                    ASSERT_GE(sequence_distance(back, number), 0);
                    ASSERT_EQ(shift.outward(back), outside);
                    ASSERT_LE(sequence_distance(shift.inward_left(outside), number), 0);
                    ASSERT_EQ(shift.outward(shift.inward_left(outside)), outside);
                }
                for (std::int32_t i = -20; i <= 40; ++i) {  // from within a longer text, too
                    const std::uint32_t outside = shift.at + static_cast<std::uint32_t>(before + i);
                    ASSERT_LE(sequence_distance(shift.outward(shift.inward(outside)), outside), 0);
                    ASSERT_GE(sequence_distance(shift.outward(shift.inward_left(outside)), outside),
                              0);
                }
            }
}

}  // namespace
}  // namespace usher
