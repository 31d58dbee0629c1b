// SPDX-License-Identifier: BSD-3-Clause
// What fragments say, and datagrams of them on their way through the table.
#include "nat/fragment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "nat/fragment_table.hpp"
#include "tests/nat/datagram.hpp"

namespace usher {
namespace {

using test::Bytes;
using Verdict = FragmentTable::Verdict;

// Zeros, but for what a transport header must say of its length.
Bytes data(std::size_t size, std::uint8_t protocol = 17) {
    Bytes bytes(size);
    if (protocol == 17 && size >= 8) bytes[5] = 8;
    if (protocol == 6 && size >= 20) bytes[12] = 0x50;
    return bytes;
}

// A fragment of a UDP datagram: bytes [begin, begin + payload.size()) of it.
Bytes fragment4(unsigned begin, bool more, const Bytes& payload, std::uint8_t protocol = 17) {
    Bytes bytes = test::datagram<Family::ipv4>(test::host<Family::ipv4>(1),
                                               test::host<Family::ipv4>(2), protocol, payload);
    test::put16(&bytes[6], begin / 8 | (more ? 0x2000 : 0));
    return bytes;
}
Bytes fragment6(unsigned begin, bool more, const Bytes& payload, std::uint8_t protocol = 17) {
    Bytes header{protocol, 0, 0, 0, 0, 0, 0x12, 0x34};
    test::put16(&header[2], begin | (more ? 1 : 0));
    return test::datagram<Family::ipv6>(test::host<Family::ipv6>(1), test::host<Family::ipv6>(2),
                                        protocol, payload, header, 44);
}

TEST(Fragment, OfIpv4IsRead) {
    EXPECT_FALSE(is_fragment<Family::ipv4>(fragment4(0, false, Bytes(16))));
    const Bytes first = fragment4(0, true, data(16));
    ASSERT_TRUE(is_fragment<Family::ipv4>(first));
    Fragment read = read_fragment<Family::ipv4>(first);
    EXPECT_TRUE(read.is_sound && read.more && read.is_first());
    EXPECT_EQ(read.end, 16);
    EXPECT_EQ(read.l4, 20);
    EXPECT_EQ(read.protocol, 17);
    const Fragment last = read_fragment<Family::ipv4>(fragment4(16, false, Bytes(5)));
    EXPECT_TRUE(last.is_sound && !last.more && !last.is_first());
    EXPECT_EQ(last.begin, 16);
    EXPECT_EQ(last.end, 21);
    EXPECT_EQ(last.key, read.key);
}

TEST(Fragment, OfIpv6IsRead) {
    EXPECT_FALSE(is_fragment<Family::ipv6>(fragment6(0, false, Bytes(16)))) << "RFC 6946";
    const Bytes first = fragment6(0, true, data(16));
    ASSERT_TRUE(is_fragment<Family::ipv6>(first));
    const Fragment read = read_fragment<Family::ipv6>(first);
    EXPECT_TRUE(read.is_sound && read.more && read.is_first());
    EXPECT_EQ(read.end, 16);
    EXPECT_EQ(read.l4, 48);
    EXPECT_EQ(read.protocol, 17);
    const Fragment last = read_fragment<Family::ipv6>(fragment6(16, false, Bytes(5), 6));
    EXPECT_TRUE(last.is_sound && !last.more);
    EXPECT_EQ(last.begin, 16);
    EXPECT_EQ(last.key, read.key) << "the next header of a later fragment means nothing";
}

TEST(Fragment, WhatCannotBeIsNotSound) {
    const auto sound4 = [](unsigned begin, bool more, std::size_t size, std::uint8_t protocol) {
        return read_fragment<Family::ipv4>(fragment4(begin, more, data(size, protocol), protocol))
            .is_sound;
    };
    const auto sound6 = [](unsigned begin, bool more, std::size_t size, std::uint8_t protocol) {
        return read_fragment<Family::ipv6>(fragment6(begin, more, data(size, protocol), protocol))
            .is_sound;
    };
    for (const auto& sound : {+sound4, +sound6}) {
        EXPECT_TRUE(sound(8, true, 8, 17));
        EXPECT_FALSE(sound(8, true, 9, 17)) << "not a multiple of 8, and more follow";
        EXPECT_FALSE(sound(8, false, 0, 17)) << "nothing";
        EXPECT_TRUE(sound(0, true, 8, 17));
        EXPECT_FALSE(sound(0, true, 16, 6)) << "TCP needs 20 bytes";
        EXPECT_TRUE(sound(0, true, 24, 6));
        EXPECT_FALSE(sound(0, true, 8, 132)) << "SCTP needs 16";
        EXPECT_FALSE(sound(65528, false, 8, 17));
    }
    EXPECT_TRUE(sound4(65504, false, 11, 17)) << "65,515 and a header of 20";
    EXPECT_FALSE(sound4(65504, false, 12, 17));
    EXPECT_TRUE(sound6(65528, false, 7, 17));
    EXPECT_FALSE(sound6(65528, false, 8, 17));

    Bytes tcp(24);
    for (const std::uint8_t length : {std::uint8_t{0x70}, std::uint8_t{0x40}}) {  // 28, 16 bytes
        tcp[12] = length;
        EXPECT_FALSE(read_fragment<Family::ipv4>(fragment4(0, true, tcp, 6)).is_sound);
    }
    EXPECT_FALSE(read_fragment<Family::ipv4>(fragment4(0, true, Bytes(16))).is_sound) << "UDP of 0";
    // IPv6: the first fragment ends within the chain of headers.
    Bytes chain(16);
    chain[0] = 17, chain[1] = 4;
    const Bytes cut = fragment6(0, true, chain, 60);
    ASSERT_TRUE(is_fragment<Family::ipv6>(cut));
    EXPECT_FALSE(read_fragment<Family::ipv6>(cut).is_sound);
}

class Fragments : public testing::Test {
  protected:
    static constexpr HashSeed kSeed{0x123456789abcdef1, 0x23456789abcdef12, 0x3456789abcdef123};
    FragmentTable table_{{4, 6, 3, 480}, kSeed};
    std::uint32_t now_ = 0xfffffff0;  // about to wrap

    static Fragment piece(std::uint32_t id, unsigned begin, unsigned end, bool more) {
        Fragment fragment;
        fragment.key.id = id;
        fragment.begin = static_cast<std::uint16_t>(begin);
        fragment.end = static_cast<std::uint16_t>(end);
        fragment.more = more;
        fragment.is_sound = true;
        return fragment;
    }
    // Packets are told by a number.
    FragmentTable::Answer accept(const Fragment& fragment, int packet = 1) {
        return table_.accept(fragment, packets_ + packet, now_);
    }
    std::vector<int> released() {
        std::vector<int> numbers;
        while (void* packet = table_.next_released())
            numbers.push_back(static_cast<int>(static_cast<char*>(packet) - packets_));
        return numbers;
    }
    std::map<int, Drop> discarded() {
        std::map<int, Drop> reasons;
        for (auto d = table_.next_discarded(); d.packet != nullptr; d = table_.next_discarded())
            reasons[static_cast<int>(static_cast<char*>(d.packet) - packets_)] = d.reason;
        return reasons;
    }
    char packets_[1000];
};

TEST_F(Fragments, InOrderFollowTheFirst) {
    const auto first = accept(piece(1, 0, 800, true));
    ASSERT_EQ(first.verdict, Verdict::decide);
    table_.resolve(first.handle, 42);
    EXPECT_TRUE(released().empty());
    const auto second = accept(piece(1, 800, 1600, true));
    EXPECT_EQ(second.verdict, Verdict::follow);
    EXPECT_EQ(second.value, 42U);
    EXPECT_EQ(table_.datagrams(), 1U);
    EXPECT_EQ(accept(piece(1, 1600, 1700, false)).value, 42U);
    EXPECT_EQ(table_.datagrams(), 0U) << "complete, so forgotten";
}

TEST_F(Fragments, BeforeTheFirstAreHeldAndHandedBack) {
    EXPECT_EQ(accept(piece(1, 1600, 1700, false), 3).verdict, Verdict::hold);
    EXPECT_EQ(accept(piece(1, 800, 1600, true), 2).verdict, Verdict::hold);
    EXPECT_EQ(table_.held(), 2U);
    const auto first = accept(piece(1, 0, 800, true));
    ASSERT_EQ(first.verdict, Verdict::decide);
    table_.resolve(first.handle, 42);
    EXPECT_EQ(released(), (std::vector{3, 2}));
    EXPECT_EQ(table_.held(), 0U);
    EXPECT_EQ(table_.datagrams(), 0U);
}

// In a burst the first fragment is decided about only after all others were accepted.
TEST_F(Fragments, BetweenAcceptAndResolveAreHeld) {
    const auto first = accept(piece(1, 0, 800, true));
    EXPECT_EQ(accept(piece(1, 800, 900, false), 2).verdict, Verdict::hold);
    table_.resolve(first.handle, 42);
    EXPECT_EQ(released(), std::vector{2});
    table_.resolve(first.handle, 43);  // out of date
    EXPECT_TRUE(released().empty());
}

TEST_F(Fragments, OfARejectedDatagramAreDropped) {
    accept(piece(1, 800, 1600, true), 2);
    const auto first = accept(piece(1, 0, 800, true));
    table_.reject(first.handle, Drop::no_service);
    EXPECT_EQ(discarded(), (std::map<int, Drop>{{2, Drop::no_service}}));
    EXPECT_EQ(accept(piece(1, 1600, 1700, false)).reason, Drop::no_service);
}

TEST_F(Fragments, ExactDuplicatesAreDroppedAlone) {
    const auto first = accept(piece(1, 0, 800, true));
    EXPECT_EQ(accept(piece(1, 0, 800, true)).reason, Drop::duplicate_fragment);
    table_.resolve(first.handle, 42);
    EXPECT_EQ(accept(piece(1, 800, 1600, true)).verdict, Verdict::follow);
    EXPECT_EQ(accept(piece(1, 800, 1600, true)).reason, Drop::duplicate_fragment);
    EXPECT_EQ(accept(piece(1, 1600, 1700, false)).verdict, Verdict::follow);
}

// When all of its datagram has gone, a duplicate of a later fragment would wait for a beginning
// that does not come; a beginning is another datagram's.
TEST_F(Fragments, LateDuplicatesOfAWholeDatagramAreDropped) {
    const auto whole = [&](std::uint32_t id) {
        const auto first = accept(piece(id, 0, 800, true));
        EXPECT_EQ(first.verdict, Verdict::decide);
        table_.resolve(first.handle, id);
        EXPECT_EQ(accept(piece(id, 800, 900, false)).verdict, Verdict::follow);
    };
    whole(1);
    EXPECT_EQ(table_.datagrams(), 0U);
    now_ += 1;
    EXPECT_EQ(accept(piece(1, 800, 900, false)).reason, Drop::duplicate_fragment);
    // Another socket's datagram of the same id, at once.
    whole(1);
    EXPECT_EQ(table_.datagrams(), 0U);
    EXPECT_EQ(accept(piece(1, 0, 808, true)).verdict, Verdict::decide);
    EXPECT_EQ(table_.datagrams(), 1U);
    // Those that are done give way first, and take nobody's place.
    for (std::uint32_t id = 2; id <= 20; ++id)
        whole(id);
    EXPECT_EQ(table_.datagrams(), 1U);
    for (std::uint32_t id = 21; id <= 23; ++id)
        EXPECT_EQ(accept(piece(id, 0, 800, true)).verdict, Verdict::decide);
    EXPECT_EQ(accept(piece(1, 0, 808, true)).reason, Drop::duplicate_fragment) << "still there";
    // A moment later the id may be used again.
    table_.expire(now_ += 481);
    whole(3);
    table_.expire(now_ += 2);
    whole(3);
    now_ += 2;
    whole(3);
}

// Its rest was lost, or the beginning was a late duplicate: neither hurts the next datagram.
TEST_F(Fragments, ABeginningThatComesAgainMuchLaterBeginsAnew) {
    const auto first = accept(piece(1, 0, 800, true));
    table_.resolve(first.handle, 42);
    now_ += 1;
    EXPECT_EQ(accept(piece(1, 0, 800, true)).reason, Drop::duplicate_fragment);
    now_ += 1;
    const auto next = accept(piece(1, 0, 400, true));
    ASSERT_EQ(next.verdict, Verdict::decide);
    table_.resolve(next.handle, 43);
    EXPECT_EQ(accept(piece(1, 400, 900, false)).value, 43U);
    EXPECT_EQ(table_.datagrams(), 0U);
}

TEST_F(Fragments, OverlapsAndContradictionsPoison) {
    const std::vector<std::pair<Fragment, const char*>> bad{
        {piece(1, 792, 1600, true), "into the one before"},
        {piece(1, 800, 1608, true), "into the one behind"},
        {piece(1, 808, 1592, true), "within"},
        {piece(1, 0, 8, true), "within the first"},
        {piece(1, 0, 2400, true), "over all"},
        {piece(1, 1600, 2400, true), "the last one, but more follow"},
        {piece(1, 1600, 2392, false), "another end"},
        {piece(1, 2400, 2408, true), "past the end"},
        {piece(1, 2400, 2408, false), "past the end, and last"},
    };
    for (const auto& [fragment, what] : bad) {
        const auto first = accept(piece(1, 0, 800, true));
        ASSERT_EQ(first.verdict, Verdict::decide) << what;
        table_.resolve(first.handle, 42);
        if (fragment.begin != 800) accept(piece(1, 800, 1592, true));
        EXPECT_EQ(accept(piece(1, 1600, 2400, false)).verdict, Verdict::follow);
        EXPECT_EQ(accept(fragment).reason, Drop::bad_fragment) << what;
        EXPECT_EQ(accept(piece(1, 1592, 1600, true)).reason, Drop::bad_fragment) << what;
        now_ += 481;
        table_.expire(now_);
        ASSERT_EQ(table_.datagrams(), 0U);
    }
}

TEST_F(Fragments, WhatIsNotSoundPoisonsAndDiscards) {
    accept(piece(1, 800, 900, false), 2);
    Fragment tiny = piece(1, 0, 8, true);
    tiny.is_sound = false;
    EXPECT_EQ(accept(tiny).reason, Drop::bad_fragment);
    EXPECT_EQ(discarded(), (std::map<int, Drop>{{2, Drop::bad_fragment}}));
    EXPECT_EQ(accept(piece(1, 0, 800, true)).reason, Drop::bad_fragment);
}

TEST_F(Fragments, TimeOut) {
    accept(piece(1, 800, 900, false), 2);
    now_ += 480;
    table_.expire(now_);
    EXPECT_EQ(table_.datagrams(), 1U);
    now_ += 1;
    // Met before it was swept: a new datagram.
    EXPECT_EQ(accept(piece(1, 0, 800, true)).verdict, Verdict::decide);
    EXPECT_EQ(discarded(), (std::map<int, Drop>{{2, Drop::fragment_timeout}}));
    now_ += 481;
    table_.expire(now_);
    EXPECT_EQ(table_.datagrams(), 0U);
    EXPECT_TRUE(discarded().empty());
}

TEST_F(Fragments, TheOldestGivesWay) {
    const auto first = accept(piece(1, 0, 800, true));
    ++now_;
    for (std::uint32_t id = 2; id <= 4; ++id)
        accept(piece(id, 800, 900, false), static_cast<int>(id));
    EXPECT_EQ(table_.datagrams(), 4U);
    accept(piece(5, 800, 900, false), 5);
    EXPECT_EQ(table_.datagrams(), 4U);
    table_.resolve(first.handle, 42);  // gave way: nothing happens
    EXPECT_EQ(accept(piece(1, 800, 900, false), 1).verdict, Verdict::hold) << "and 2 gave way";
    EXPECT_EQ(discarded(), (std::map<int, Drop>{{2, Drop::fragments_full}}));
}

TEST_F(Fragments, HeldPacketsAreBounded) {
    // Three of one datagram.
    for (int i = 1; i <= 3; ++i)
        EXPECT_EQ(accept(piece(1, i * 80U, i * 80U + 80, true), i).verdict, Verdict::hold);
    EXPECT_EQ(accept(piece(1, 800, 880, true), 4).reason, Drop::fragments_full);
    EXPECT_EQ(discarded().size(), 3U);
    // Six of all: the oldest that waits gives way.
    for (std::uint32_t id = 2; id <= 3; ++id)
        for (unsigned i = 1; i <= 3; ++i)
            accept(piece(id, i * 80, i * 80 + 80, true), static_cast<int>(id * 10 + i));
    EXPECT_EQ(table_.held(), 6U);
    EXPECT_EQ(accept(piece(4, 80, 160, true), 41).verdict, Verdict::hold);
    EXPECT_EQ(discarded(), (std::map<int, Drop>{{21, Drop::fragments_full},
                                                {22, Drop::fragments_full},
                                                {23, Drop::fragments_full}}));
    EXPECT_EQ(table_.held(), 4U);
}

TEST_F(Fragments, ABeginningThatIsKeptComesBackWithTheEnd) {
    const auto first = accept(piece(1, 0, 8, true), 1);
    EXPECT_EQ(first.total, 0);
    table_.resolve(first.handle, 7);
    ASSERT_TRUE(table_.keep(first.handle, packets_ + 1));
    EXPECT_EQ(table_.held(), 1U);
    EXPECT_EQ(accept(piece(1, 8, 16, true), 2).verdict, Verdict::follow);
    EXPECT_TRUE(released().empty());
    const auto last = accept(piece(1, 24, 29, false), 3);
    EXPECT_EQ(last.verdict, Verdict::follow);
    EXPECT_EQ(last.value, 7U);
    EXPECT_EQ(last.total, 29);
    EXPECT_EQ(released(), std::vector<int>{1});
    EXPECT_EQ(table_.held(), 0U);
    EXPECT_EQ(accept(piece(1, 16, 24, true), 4).verdict, Verdict::follow);
    EXPECT_TRUE(released().empty());
    EXPECT_EQ(table_.datagrams(), 0U);

    EXPECT_EQ(accept(piece(2, 8, 13, false), 2).verdict, Verdict::hold);
    const auto all_there = accept(piece(2, 0, 8, true), 1);
    EXPECT_EQ(all_there.total, 13) << "nothing to wait for";
    table_.resolve(all_there.handle, 7);
    EXPECT_EQ(released(), std::vector<int>{2});
    EXPECT_FALSE(table_.keep(all_there.handle, packets_ + 1));
}

TEST_F(Fragments, ABeginningThatIsKeptIsDroppedWithItsDatagram) {
    const auto keep = [&](std::uint32_t id, int packet) {
        const auto first = accept(piece(id, 0, 8, true), packet);
        table_.resolve(first.handle, 7);
        return table_.keep(first.handle, packets_ + packet);
    };
    using Reasons = std::map<int, Drop>;
    ASSERT_TRUE(keep(1, 1));
    EXPECT_EQ(accept(piece(1, 0, 16, true), 2).verdict, Verdict::drop);
    EXPECT_EQ(discarded(), (Reasons{{1, Drop::bad_fragment}}));
    ASSERT_TRUE(keep(2, 1));
    now_ += 481;
    table_.expire(now_);
    EXPECT_EQ(discarded(), (Reasons{{1, Drop::fragment_timeout}}));
    for (int i = 0; i < 3; ++i)  // no place is left for another
        accept(
            piece(3, 8 + 8U * static_cast<unsigned>(i), 16 + 8U * static_cast<unsigned>(i), true),
            i);
    ASSERT_TRUE(keep(4, 3) && keep(5, 4) && keep(6, 5));
    EXPECT_TRUE(keep(7, 6)) << "the one that waits for its beginning gives way";
    EXPECT_EQ(discarded().size(), 3U);
}

TEST_F(Fragments, TooManyPiecesAreRefused) {
    const auto first = accept(piece(1, 0, 8, true));
    table_.resolve(first.handle, 42);
    for (unsigned i = 1; i < FragmentPieces::kMost; ++i)
        ASSERT_EQ(accept(piece(1, i * 16, i * 16 + 8, true)).verdict, Verdict::follow);
    EXPECT_EQ(accept(piece(1, 8, 16, true)).reason, Drop::fragments_full);
}

// Far too much of everything: what the table takes, it gives back once.
TEST_F(Fragments, NothingIsLostOrGivenTwice) {
    std::mt19937 random(5);
    std::vector<int> out(100000, 0);
    const auto give = [&](void* packet) { ++out[*static_cast<int*>(packet)]; };
    std::vector<int> numbers(out.size());
    std::vector<std::pair<FragmentTable::Handle, int*>> undecided;  // and what is to be kept
    const auto drain = [&] {
        while (void* packet = table_.next_released())
            give(packet);
        for (auto d = table_.next_discarded(); d.packet != nullptr; d = table_.next_discarded())
            give(d.packet);
    };
    for (int i = 0; i < static_cast<int>(numbers.size()); ++i) {
        numbers[i] = i;
        const auto begin = static_cast<unsigned>(random() % 6 * 8);
        Fragment fragment =
            piece(static_cast<std::uint32_t>(random() % 8), begin, begin + 8, begin < 40);
        fragment.is_sound = random() % 50 != 0;
        const auto answer = table_.accept(fragment, &numbers[i], now_);
        const bool keeps = answer.verdict == Verdict::decide && random() % 3 == 0;
        if (answer.verdict != Verdict::hold && !keeps) give(&numbers[i]);
        if (answer.verdict == Verdict::decide)
            undecided.emplace_back(answer.handle, keeps ? &numbers[i] : nullptr);
        drain();
        ASSERT_LE(table_.datagrams(), 4U);
        ASSERT_LE(table_.held(), 6U);
        if (!undecided.empty() && random() % 2) {
            const auto [handle, beginning] = undecided.back();
            if (random() % 4)
                table_.resolve(handle, 1);
            else
                table_.reject(handle, Drop::no_service);
            if (beginning != nullptr && !table_.keep(handle, beginning)) give(beginning);
            undecided.pop_back();
            drain();
        }
        if (random() % 10 == 0) now_ += static_cast<std::uint32_t>(random() % 300);
        if (random() % 10 == 0) table_.expire(now_);
        drain();
    }
    for (const auto& [handle, beginning] : undecided)
        if (beginning != nullptr) give(beginning);
    now_ += 481;
    table_.expire(now_);
    drain();
    EXPECT_EQ(table_.datagrams(), 0U);
    EXPECT_EQ(std::count(out.begin(), out.end(), 1), static_cast<int>(out.size()));
}

// Any order, with duplicates: every fragment comes out once, held ones too; then with overlaps:
// the receiver never has it all.
TEST_F(Fragments, RandomOrdersAreDelivered) {
    std::mt19937 random(7);
    FragmentTable table({64, 512, 64, 480}, kSeed);
    for (int round = 0; round < 2000; ++round) {
        const auto count = static_cast<unsigned>(2 + random() % 40);
        const auto size = static_cast<unsigned>(8 * (1 + random() % 180));
        const bool hostile = round % 4 == 0;
        std::vector<Fragment> order;
        for (unsigned i = 0; i < count; ++i)
            order.push_back(
                piece(static_cast<std::uint32_t>(round), i * size, i * size + size, i + 1 < count));
        if (hostile) {
            Fragment wrong = order[1 + random() % (count - 1)];
            wrong.end = static_cast<std::uint16_t>(wrong.end + (random() % 2 ? 8 : -8));
            if (wrong.end == wrong.begin) wrong.end = static_cast<std::uint16_t>(wrong.begin + 16);
            order.push_back(wrong);
        } else if (round % 4 == 1) {
            order.push_back(order[1 + random() % (count - 1)]);
        }
        std::shuffle(order.begin(), order.end(), random);
        std::size_t out = 0, dropped = 0;
        for (std::size_t i = 0; i < order.size(); ++i) {
            const auto answer = table.accept(order[i], packets_ + i, now_);
            if (answer.verdict == Verdict::decide) {
                ++out;
                table.resolve(answer.handle, 5);
                while (table.next_released() != nullptr)
                    ++out;
            } else if (answer.verdict == Verdict::follow) {
                ++out;
                ASSERT_EQ(answer.value, 5U);
            } else if (answer.verdict == Verdict::drop) {
                ++dropped;
            }
            while (table.next_discarded().packet != nullptr)
                ++dropped;
        }
        ASSERT_TRUE(out == count || (hostile && out < count));
        now_ += 481;  // what came after completion waited in vain
        table.expire(now_);
        while (table.next_discarded().packet != nullptr)
            ++dropped;
        ASSERT_EQ(out + dropped, order.size());
        ASSERT_EQ(table.datagrams(), 0U);
        ASSERT_EQ(table.held(), 0U);
    }
}

}  // namespace
}  // namespace usher
