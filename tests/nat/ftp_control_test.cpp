// SPDX-License-Identifier: BSD-3-Clause
// Control connections, segment by segment.
#include "nat/ftp_control.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/nat/ftp_frames.hpp"

namespace usher::test {
namespace {

constexpr std::uint32_t kClientFirst = 1000, kServerFirst = 5000;
constexpr Direction kCommand = Direction::original, kReply = Direction::reply;

class FtpControlTest : public testing::Test {
  protected:
    void SetUp() override {
        pass(kCommand, {kClientFirst - 1, 0, kSyn, {}, {}});
        pass(kReply, {kServerFirst - 1, kClientFirst, kSyn | kAck, {}, {}});
    }

    template <Family F = Family::ipv4>
    std::optional<Segment> pass(Direction direction, const Segment& segment,
                                std::size_t room = 1514) {
        Ends ends{parties.client, parties.virtual_address};
        if (direction == kReply) std::swap(ends.source, ends.destination);
        const auto frame = frame_of<F>(segment, ends);
        std::vector<std::uint8_t> buffer(frame);
        buffer.resize(std::max(room, frame.size()));
        Headers headers;
        EXPECT_EQ(parse<F>(frame, headers), Drop::none);
        findings = {};
        FtpTurn turn(*control, direction);
        const auto verdict = turn.pass<F>({buffer.data(), room}, headers, parties, findings);
        if (takes_back) turn.take_back();
        if (verdict == FtpVerdict::wait) return std::nullopt;
        buffer.resize(kEthernetHeader + std::size_t{headers.ip_length});
        return segment_of<F>(buffer);
    }

    std::optional<Segment> command(const std::string& text) {
        auto passed = pass(kCommand, {client_next, server_next, kAck, text, {}});
        client_next += static_cast<std::uint32_t>(text.size());
        return passed;
    }
    std::optional<Segment> reply(const std::string& text) {
        auto passed = pass(kReply, {server_next, client_next, kAck, text, {}});
        server_next += static_cast<std::uint32_t>(text.size());
        return passed;
    }
    // Of the client, by its numbers; as it reaches the server.
    std::uint32_t acknowledged(std::uint32_t number) {
        return pass(kCommand, {client_next, number, kAck, {}, {}})->acknowledgement;
    }

    FtpParties parties{*IpAddress::parse("10.1.0.10"), *IpAddress::parse("10.9.0.1")};
    std::unique_ptr<FtpControl> control = std::make_unique<FtpControl>();
    FtpFindings findings;
    bool takes_back = false;
    std::uint32_t client_next = kClientFirst, server_next = kServerFirst;
};

const std::string kGreeting = "220 (vsFTPd 3.0.3)\r\n";
const std::string kPassive = "227 Entering Passive Mode (10,2,0,11,157,13).\r\n";
const std::string kOurs = "227 Entering Passive Mode (10,9,0,1,157,13).\r\n";

TEST_F(FtpControlTest, APassiveReplyAndAllAfterIt) {
    EXPECT_EQ(reply(kGreeting)->text, kGreeting);
    const std::uint32_t at = server_next;
    EXPECT_EQ(reply(kPassive)->text, kOurs);
    ASSERT_EQ(findings.all().size(), 1U);
    EXPECT_EQ(findings.all()[0].kind, FtpKind::passive);
    EXPECT_EQ(findings.all()[0].port, 40205);

    EXPECT_EQ(acknowledged(at), at);
    EXPECT_EQ(acknowledged(at + static_cast<std::uint32_t>(kOurs.size())), server_next);
    const auto next = reply("150 ok\r\n");
    EXPECT_EQ(next->sequence, at + kOurs.size());
    EXPECT_EQ(next->text, "150 ok\r\n");
}

TEST_F(FtpControlTest, TheSameAgainIsTranslatedTheSame) {
    reply(kGreeting);
    const std::uint32_t at = server_next;
    reply(kPassive);
    for (int i = 0; i < 2; ++i) {
        const auto again = pass(kReply, {at, client_next, kAck, kPassive, {}});
        EXPECT_EQ(again->text, kOurs);
        EXPECT_EQ(again->sequence, at);
        EXPECT_TRUE(findings.all().empty());  // it is known
    }
    // From within the address on, and the greeting with it.
    EXPECT_EQ(pass(kReply, {at + 29, client_next, kAck, kPassive.substr(29), {}})->text,
              kOurs.substr(29));
    EXPECT_EQ(pass(kReply, {kServerFirst, client_next, kAck, kGreeting + kPassive, {}})->text,
              kGreeting + kOurs);
}

TEST_F(FtpControlTest, WhatIsTakenBackIsScannedAnew) {
    reply(kGreeting);
    const std::uint32_t at = server_next;
    takes_back = true;
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(pass(kReply, {at, client_next, kAck, kPassive, {}})->text, kOurs);
        EXPECT_EQ(findings.all().size(), 1U);
        EXPECT_EQ(acknowledged(at + 90), at + 90);  // nothing was changed before it
        const std::string port = "PORT 10,1,0,10,200,1\r\n";
        EXPECT_EQ(pass(kCommand, {client_next, at, kAck, port, {}})->text, port);
        EXPECT_EQ(findings.all().size(), 1U);
    }
}

TEST_F(FtpControlTest, SackBlocksAreTranslated) {
    reply(kGreeting);
    const std::uint32_t at = server_next;
    reply(kPassive);
    const Segment early{client_next, at, kAck, {}, {{at + 46, at + 50}}};
    const auto passed = pass(kCommand, early);
    EXPECT_EQ(passed->acknowledgement, at);
    EXPECT_EQ(passed->sack, (std::pair{at + 47, at + 51}));
}

TEST_F(FtpControlTest, ByteByByte) {
    std::string received;
    std::vector<FtpEndpoint> found;
    std::uint32_t expected = kServerFirst;
    for (const char byte : kGreeting + kPassive) {
        const auto passed = reply(std::string(1, byte));
        ASSERT_TRUE(passed);
        ASSERT_FALSE(passed->text.empty());
        received.resize(passed->sequence - kServerFirst);  // a byte may be repeated
        received += passed->text;
        ASSERT_LE(passed->sequence, expected);
        expected = kServerFirst + static_cast<std::uint32_t>(received.size());
        found.insert(found.end(), findings.all().begin(), findings.all().end());
        ASSERT_EQ(acknowledged(expected), server_next);
    }
    EXPECT_EQ(received, kGreeting + kOurs);
    EXPECT_EQ(found.size(), 1U);
}

TEST_F(FtpControlTest, ASecondAddressWaitsForTheFirstToBeAcknowledged) {
    reply(kGreeting);
    const std::uint32_t at = server_next;
    const auto both = reply(kPassive + kPassive);
    EXPECT_EQ(both->text, kOurs + kPassive.substr(0, 27));
    const std::uint32_t second = at + static_cast<std::uint32_t>(kPassive.size()) + 27;
    const Segment rest{second, client_next, kAck, kPassive.substr(27), {}};
    EXPECT_FALSE(pass(kReply, rest));
    acknowledged(at + static_cast<std::uint32_t>(both->text.size()));
    EXPECT_EQ(pass(kReply, rest)->text, kOurs.substr(27));
    EXPECT_EQ(findings.all().size(), 1U);
}

// Found by the fuzzer: the last acknowledgement to come through was an older one, and as nothing
// was passed on any more, no other came.
TEST_F(FtpControlTest, AnAcknowledgementThatWasOvertakenTakesNothingBack) {
    reply(kGreeting);
    const std::uint32_t at = server_next;
    const auto first = reply(kPassive);
    acknowledged(at + static_cast<std::uint32_t>(first->text.size()));
    acknowledged(at);
    const auto second = reply(kPassive);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->text, kOurs);
}

TEST_F(FtpControlTest, ANumberThatIsNoAddressAfterAllKeepsItsLength) {
    reply(kGreeting);
    EXPECT_EQ(reply("227 254")->text, "227 10,");  // looks like one so far
    const std::uint32_t at = server_next;
    const auto rest = reply(" you (10,2,0,11,157,13)\r\n");
    EXPECT_EQ(rest->text, " you (");
    EXPECT_EQ(rest->sequence, at);
    acknowledged(at + 6);
    EXPECT_EQ(pass(kReply, {at + 6, client_next, kAck, "10,2,0,11,157,13)\r\n", {}})->text,
              "10,9,0,1,157,13)\r\n");
    EXPECT_EQ(findings.all().size(), 1U);
}

TEST_F(FtpControlTest, WhatGrowsTooLongIsCutAndComesAgain) {
    parties.virtual_address = *IpAddress::parse("203.203.113.110");
    reply(kGreeting);
    const std::size_t room = 54 + kPassive.size() + 2;
    const Segment segment{server_next, client_next, kAck | kFin, kPassive, {}};
    const auto cut = pass(kReply, segment, room);
    EXPECT_EQ(cut->text, "227 Entering Passive Mode (203,203,113,110,157,13");
    EXPECT_FALSE(cut->flags & kFin);
    EXPECT_EQ(findings.all().size(), 1U);
    const auto end = server_next + static_cast<std::uint32_t>(kPassive.size());
    const auto rest = pass(kReply, {end - 4, client_next, kAck | kFin, ").\r\n", {}}, room);
    EXPECT_EQ(rest->text, ").\r\n");
    EXPECT_EQ(rest->sequence, cut->sequence + cut->text.size());
    EXPECT_TRUE(rest->flags & kFin);
}

TEST_F(FtpControlTest, CommandsPassUnchanged) {
    const std::string text = "USER x\r\nport 10,1,0,10,200,1\r\nEPRT |1|10.1.0.10|51202|\r\nEP";
    EXPECT_EQ(command(text)->text, text);
    ASSERT_EQ(findings.all().size(), 2U);
    EXPECT_EQ(findings.all()[0].port, 51201);
    EXPECT_EQ(findings.all()[1].port, 51202);
    command("RT |1|10.1.0.10|51203|\r");
    EXPECT_TRUE(findings.all().empty());
    command("\n");
    ASSERT_EQ(findings.all().size(), 1U);
    EXPECT_EQ(findings.all()[0].port, 51203);
}

TEST_F(FtpControlTest, ThirdPartiesAndPrivilegedPortsAreRefused) {
    command("PORT 10,1,0,77,200,1\r\nPORT 10,1,0,10,0,80\r\nEPRT |2|2001:db8::7|51201|\r\n");
    EXPECT_TRUE(findings.all().empty());
    EXPECT_EQ(findings.refused(), 3U);
    parties.third_party = true;
    command("PORT 10,1,0,77,200,1\r\nPORT 10,1,0,77,0,80\r\n");
    EXPECT_EQ(findings.all().size(), 1U);
    EXPECT_EQ(findings.refused(), 1U);
    reply("220 ok\r\n227 (10,2,0,11,0,22)\r\n");
    EXPECT_TRUE(findings.all().empty());
}

TEST_F(FtpControlTest, ALineWithinAReplyIsNone) {
    const std::string status = "220 ok\r\n213-Status\r\n" + kPassive + "213 End\r\n";
    EXPECT_EQ(reply(status)->text, status);
    EXPECT_TRUE(findings.all().empty());
    EXPECT_EQ(reply(kPassive)->text, kOurs);
}

TEST_F(FtpControlTest, WhatComesEarlyWaitsUnlessWhatIsBeforeItWentAnotherWay) {
    command("USER x\r\n");
    reply(kGreeting);
    const Segment early{server_next + 20, client_next, kAck, kPassive, {}};
    EXPECT_FALSE(pass(kReply, early));
    acknowledged(server_next + 10);
    EXPECT_FALSE(pass(kReply, early));
    acknowledged(server_next + 20);
    // It may be the end of a line; only the next one counts.
    EXPECT_EQ(pass(kReply, early)->text, kPassive);
    EXPECT_TRUE(findings.all().empty());
    server_next += 20 + static_cast<std::uint32_t>(kPassive.size());
    EXPECT_EQ(reply(kPassive)->text, kOurs);
}

TEST_F(FtpControlTest, EncryptedStreamsAreLeftAlone) {
    reply(kGreeting);
    reply("234 Proceed with negotiation.\r\n");
    EXPECT_TRUE(reply("\x16\x03\x03junk\n" + kPassive));
    EXPECT_TRUE(findings.all().empty());
    // In any order, now.
    const auto early = pass(kReply, {server_next + 5000, client_next, kAck, kPassive, {}});
    EXPECT_EQ(early->text, kPassive);
}

TEST_F(FtpControlTest, AnotherProtocolIsLeftAlone) {
    const std::string text = "HTTP/1.1 200 OK\r\n" + kPassive;
    EXPECT_EQ(reply(text)->text, text);
    EXPECT_EQ(reply(kPassive)->text, kPassive);
}

TEST_F(FtpControlTest, AConnectionMetInItsMiddle) {
    control = std::make_unique<FtpControl>();
    EXPECT_EQ(reply(kPassive)->text, kOurs);
    EXPECT_EQ(findings.all().size(), 1U);
}

// The sum of all changes is kept in 24 bits; there the helper ends, and the stream goes on.
TEST_F(FtpControlTest, AfterHundredsOfThousandsOfRepliesTextStaysAsItIs) {
    parties.virtual_address = *IpAddress::parse("203.203.113.110");
    reply(kGreeting);
    const std::int32_t before = SequenceShift::kLimit - 30;
    control->replies.shift = SequenceShift{kServerFirst, 0, 0, before}.bits();
    std::uint32_t expected = server_next + static_cast<std::uint32_t>(before);
    const std::string passive = "227 =1,2,3,4,157,13\r\n";
    for (int i = 0; i < 6; ++i) {
        const auto passed = reply(passive);
        EXPECT_EQ(passed->text == passive, i >= 2) << i;
        EXPECT_EQ(passed->sequence, expected);
        expected += static_cast<std::uint32_t>(passed->text.size());
        EXPECT_EQ(acknowledged(expected), server_next);
    }
}

TEST_F(FtpControlTest, NumbersGoOnBeyondHalfOfAll) {
    reply(kGreeting);
    reply(kPassive);
    for (int i = 0; i < 10; ++i) {
        server_next += 1U << 29;  // as if so much had been said that is no FTP
        control->replies.stream.next = server_next;
        const std::uint32_t expected = server_next - 1;
        EXPECT_EQ(reply("200 ok\r\n")->sequence, expected);
        EXPECT_EQ(acknowledged(server_next - 1), server_next);
    }
}

TEST_F(FtpControlTest, ARecordStartsAnew) {
    reply(kGreeting);
    reply(kPassive);
    ASSERT_TRUE(control->restart());
    const auto syn = pass(kReply, {77, client_next, kSyn | kAck, {}, {}});
    EXPECT_EQ(syn->sequence, 77U);
    server_next = 78;
    EXPECT_EQ(reply(kGreeting)->sequence, 78U);
    control->replies.taken = true;
    EXPECT_FALSE(control->restart());
    EXPECT_FALSE(reply("150 ok\r\n"));
    EXPECT_FALSE(control->commands.taken);
}

TEST_F(FtpControlTest, Ipv6) {
    parties = {*IpAddress::parse("2001:db8::7"), *IpAddress::parse("2001:db8::10")};
    const std::string replies =
        "220 ok\r\n227 (1,2,3,4,5,6)\r\n229 Entering Extended Passive Mode (|||40205|)\r\n";
    const auto passed = pass<Family::ipv6>(kReply, {server_next, client_next, kAck, replies, {}});
    EXPECT_EQ(passed->text, replies);
    ASSERT_EQ(findings.all().size(), 1U);
    EXPECT_EQ(findings.all()[0].port, 40205);
    pass<Family::ipv6>(kCommand, {client_next, 0, kAck, "EPRT |2|2001:db8::7|51201|\n", {}});
    EXPECT_EQ(findings.all().size(), 1U);
}

}  // namespace
}  // namespace usher::test
