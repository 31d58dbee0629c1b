// SPDX-License-Identifier: BSD-3-Clause
#include "nat/mss.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher {
namespace {

using Segment = std::vector<std::uint8_t>;

// A SYN with these options; its checksum is right for a pseudo header of zeros.
Segment syn(const Segment& options) {
    Segment segment(kTcpMinHeader);
    for (const std::uint8_t byte : options)
        segment.push_back(byte);
    while (segment.size() % 4 != 0)
        segment.push_back(0);
    segment[12] = static_cast<std::uint8_t>(segment.size() / 4 << 4);
    segment[13] = kSyn;
    const auto sum = static_cast<std::uint16_t>(~sum_words(segment));
    store(&segment[kTcpChecksum], sum);
    return segment;
}

bool is_right(const Segment& segment) {
    return static_cast<std::uint16_t>(~sum_words(segment)) == 0;
}

TEST(Mss, IsLowered) {
    Segment segment = syn({2, 4, 0x05, 0xb4, 1, 1, 4, 2});  // 1460
    clamp_mss(segment, 1360);
    EXPECT_EQ(segment, syn({2, 4, 0x05, 0x50, 1, 1, 4, 2}));
    EXPECT_TRUE(is_right(segment));
}

TEST(Mss, StaysWhenLow) {
    const Segment segment = syn({2, 4, 0x02, 0x18});  // 536
    Segment clamped = segment;
    clamp_mss(clamped, 1360);
    EXPECT_EQ(clamped, segment);
}

TEST(Mss, AtAnOddPlace) {
    Segment segment = syn({1, 2, 4, 0x05, 0xb4, 3, 3, 7});
    clamp_mss(segment, 1361);
    EXPECT_EQ(segment, syn({1, 2, 4, 0x05, 0x51, 3, 3, 7}));
    EXPECT_TRUE(is_right(segment));
}

TEST(Mss, OptionsThatCannotBe) {
    for (const Segment& options :
         {Segment{}, Segment{0, 2, 4, 5}, Segment{2}, Segment{2, 3, 5, 180}, Segment{2, 8, 5, 180},
          Segment{5, 0, 2, 4}, Segment{5, 1, 2, 4}, Segment{1, 1, 1, 2}, Segment{8, 200, 1, 1}}) {
        const Segment segment = syn(options);
        Segment clamped = segment;
        clamp_mss(clamped, 100);
        EXPECT_EQ(clamped, segment);
    }
}

TEST(Mss, ChecksumsOfAnyOptions) {
    std::mt19937 random(1);
    for (int i = 0; i < 100000; ++i) {
        Segment options(random() % 41);
        for (std::uint8_t& byte : options)
            byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : random() % 5);
        Segment segment = syn(options);
        const std::size_t size = segment.size();
        clamp_mss(segment, static_cast<std::uint16_t>(random()));
        ASSERT_TRUE(is_right(segment));
        ASSERT_EQ(segment.size(), size);
    }
}

}  // namespace
}  // namespace usher
