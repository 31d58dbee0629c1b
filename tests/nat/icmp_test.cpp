// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors and echoes through the translation, every checksum summed up from nothing.
#include "nat/icmp.hpp"

#include <gtest/gtest.h>

#include "nat/icmp_error.hpp"
#include "tests/nat/datagram.hpp"

namespace usher {
namespace {

using test::Bytes;

constexpr std::uint8_t kTcp = 6, kUdp = 17, kSctp = 132;
constexpr std::uint8_t kClient = 1, kVip = 2, kServer = 3, kRouter = 4;

template <class T>
class Icmp : public testing::Test {
  public:
    static constexpr Family kF = T::value;
    static constexpr std::size_t kIp = test::kHeader<kF>;
    static constexpr std::uint8_t kProtocol = static_cast<std::uint8_t>(kIcmpProtocol<kF>);
    static constexpr std::uint8_t kEcho = kF == Family::ipv4 ? 8 : 128;
    static constexpr std::uint8_t kUnreachable = kF == Family::ipv4 ? 3 : 1;
    static AddressOf<kF> host(std::uint8_t number) { return test::host<kF>(number); }

    static Flow<kF> flow(std::uint8_t from, unsigned from_port, std::uint8_t to, unsigned to_port) {
        const auto port = [](unsigned n) { return Be16::from_host(static_cast<std::uint16_t>(n)); };
        return {host(from), host(to), port(from_port), port(to_port)};
    }
    // The client's packet as it left for the server, and as it came.
    static Flow<kF> left(std::uint8_t protocol) {
        return protocol == kProtocol ? flow(kClient, 77, kServer, 77)
                                     : flow(kClient, 4001, kServer, 5353);
    }
    static Flow<kF> came(std::uint8_t protocol) {
        return protocol == kProtocol ? flow(kClient, 99, kVip, 99) : flow(kClient, 4001, kVip, 53);
    }

    // A whole packet of a flow, with 40 bytes of data.
    static Bytes packet(const Flow<kF>& flow, std::uint8_t protocol, const Bytes& options = {},
                        std::uint8_t first = 0) {
        const std::size_t header = protocol == kTcp ? 20 : protocol == kSctp ? 12 : 8;
        Bytes l4(header + 40);
        for (std::size_t i = 0; i < l4.size(); ++i)
            l4[i] = static_cast<std::uint8_t>(i * 7 + 1);
        store(l4.data(), flow.source_port);
        store(l4.data() + 2, flow.destination_port);
        if (protocol == kTcp) l4[12] = 0x50;
        if (protocol == kUdp) test::put16(&l4[4], static_cast<unsigned>(l4.size()));
        if (protocol == kProtocol) {
            l4[0] = kEcho;
            l4[1] = 0;
            store(&l4[4], flow.source_port);
        }
        Bytes bytes =
            test::datagram<kF>(flow.source, flow.destination, protocol, l4, options, first);
        if (protocol != kSctp) test::seal<kF>(bytes, kIp + options.size(), protocol);
        return bytes;
    }

    // An error from `from` to whoever sent the quoted packet.
    static Bytes error(const Bytes& quote, std::uint8_t from = kServer,
                       std::uint8_t type = kUnreachable, std::uint32_t rest = 0,
                       const Bytes& behind = {}) {
        Bytes message{type, 1, 0, 0, 0, 0, 0, 0};
        store(&message[4], Be32::from_host(rest));
        message.insert(message.end(), quote.begin(), quote.end());
        message.insert(message.end(), behind.begin(), behind.end());
        const auto to = load<AddressOf<kF>>(quote.data() + IpLayout<kF>::kSource);
        Bytes bytes = test::datagram<kF>(host(from), to, kProtocol, message);
        test::seal<kF>(bytes, kIp, kProtocol);
        return bytes;
    }

    static Drop read(const Bytes& bytes, IcmpQuote<kF>& quote) {
        return read_icmp_error<kF>(bytes, kIp, quote);
    }
    static Drop fate(const Bytes& bytes) {
        IcmpQuote<kF> quote;
        return read(bytes, quote);
    }
    static Bytes translated(Bytes bytes, const IcmpQuote<kF>& quote, const Flow<kF>& becomes) {
        const auto source = load<AddressOf<kF>>(&bytes[IpLayout<kF>::kSource]);
        translate_icmp_error<kF>(bytes, kIp, quote, becomes,
                                 outer_addresses<kF>(quote.flow, becomes, source));
        return bytes;
    }
};
using Families = testing::Types<test::IPv4, test::IPv6>;
TYPED_TEST_SUITE(Icmp, Families);

// Quotes of every length from 8 bytes of the transport header to the whole packet.
TYPED_TEST(Icmp, ErrorsAreTranslatedWhereverTheQuoteIsCut) {
    using T = TestFixture;
    constexpr Family kFamily = T::kF;
    for (const std::uint8_t protocol : {kTcp, kUdp, kSctp, T::kProtocol}) {
        const Bytes left = T::packet(T::left(protocol), protocol);
        const Bytes came = T::packet(T::came(protocol), protocol);
        for (std::size_t size = T::kIp + 8; size <= left.size(); ++size) {
            const Bytes before = T::error({left.begin(), left.begin() + size});
            IcmpQuote<kFamily> quote;
            ASSERT_EQ(T::read(before, quote), Drop::none);
            ASSERT_EQ(quote.flow, T::left(protocol));
            ASSERT_EQ(quote.protocol, protocol);
            const Bytes after = T::translated(before, quote, T::came(protocol));

            ASSERT_EQ(after.size(), before.size());
            ASSERT_TRUE(test::has_right_header<kFamily>(after.data()));
            ASSERT_EQ(
                test::transport_sum<kFamily>(after.data(), T::kIp, after.size(), T::kProtocol),
                0xffffU);
            ASSERT_EQ(after[IpLayout<kFamily>::kTtl], 63);
            ASSERT_EQ(load<AddressOf<kFamily>>(&after[IpLayout<kFamily>::kSource]), T::host(kVip));
            ASSERT_EQ(load<AddressOf<kFamily>>(&after[IpLayout<kFamily>::kDestination]),
                      T::host(kClient));
            // The quote is what the client sent, up to a checksum that was not all there.
            Bytes expected(came.begin(), came.begin() + size);
            const std::size_t checksum = T::kIp + test::checksum_place(protocol);
            if (protocol != kSctp && size == checksum + 1) continue;
            ASSERT_EQ(Bytes(after.begin() + T::kIp + 8, after.end()), expected)
                << "protocol " << int{protocol} << " quote " << size;
        }
    }
}

TYPED_TEST(Icmp, UdpWithoutChecksumStaysWithout) {
    using T = TestFixture;
    Bytes left = T::packet(T::left(kUdp), kUdp);
    test::put16(&left[T::kIp + 6], 0);
    IcmpQuote<T::kF> quote;
    const Bytes before = T::error(left);
    ASSERT_EQ(T::read(before, quote), Drop::none);
    const Bytes after = T::translated(before, quote, T::came(kUdp));
    EXPECT_EQ(test::big16(&after[T::kIp + 8 + T::kIp + 6]), 0);
}

TYPED_TEST(Icmp, WhatFollowsTheQuoteSurvives) {
    using T = TestFixture;
    Bytes quote = T::packet(T::left(kTcp), kTcp);
    quote.resize(128);  // padded, as RFC 4884 section 5.1 wants
    const Bytes extensions{0x20, 0, 0xdf, 0xff, 0, 8, 1, 1, 1, 2, 3, 4};
    const std::uint32_t said = T::kF == Family::ipv4 ? 32U << 16 : 16U << 24;
    const Bytes before = T::error(quote, kServer, T::kUnreachable, said, extensions);
    IcmpQuote<T::kF> read;
    ASSERT_EQ(T::read(before, read), Drop::none);
    EXPECT_EQ(read.end, T::kIp + 8 + T::kIp + 60);
    const Bytes after = T::translated(before, read, T::came(kTcp));
    EXPECT_EQ(Bytes(after.end() - 12, after.end()), extensions);
    EXPECT_EQ(test::transport_sum<T::kF>(after.data() + T::kIp + 8, T::kIp, T::kIp + 60, kTcp),
              0xffffU);

    // A quote that says that it ends before its ports do.
    const std::uint32_t short_said = T::kF == Family::ipv4 ? 6U << 16 : 5U << 24;
    EXPECT_EQ(T::fate(T::error(quote, kServer, T::kUnreachable, short_said)), Drop::bad_quote);
}

TYPED_TEST(Icmp, OnlyUntouchedDestinationsKeepTheErrorsSource) {
    using T = TestFixture;
    constexpr Family kFamily = T::kF;
    const auto source = [](const Flow<kFamily>& quoted, const Flow<kFamily>& becomes,
                           std::uint8_t from) {
        return outer_addresses<kFamily>(quoted, becomes, T::host(from)).source;
    };
    // A service, from its server's side: always from the VIP.
    EXPECT_EQ(source(T::left(kUdp), T::came(kUdp), kServer), T::host(kVip));
    EXPECT_EQ(source(T::left(kUdp), T::came(kUdp), kRouter), T::host(kVip));
    // From its client's side, about an answer: as it is, and to the server.
    const Flow<kFamily> answer = T::came(kUdp).reversed();
    const Flow<kFamily> servers = T::left(kUdp).reversed();
    EXPECT_EQ(source(answer, servers, kClient), T::host(kClient));
    EXPECT_EQ(source(answer, servers, kRouter), T::host(kRouter));
    EXPECT_EQ(outer_addresses<kFamily>(answer, servers, T::host(kRouter)).destination,
              T::host(kServer));
    // A server's own connection behind the VIP: hops outside are seen, hops inside are not.
    const Flow<kFamily> masked = T::flow(kVip, 50000, kClient, 80);
    const Flow<kFamily> own = T::flow(kServer, 4001, kClient, 80);
    EXPECT_EQ(source(masked, own, kRouter), T::host(kRouter));
    EXPECT_EQ(source(own.reversed(), masked.reversed(), kRouter), T::host(kVip));
}

TYPED_TEST(Icmp, HostileErrorsAreDroppedByName) {
    using T = TestFixture;
    const Bytes good = T::packet(T::left(kUdp), kUdp);
    const auto fate_of_changed = [&](std::size_t at, int value) {
        Bytes quote = good;
        quote[at] = static_cast<std::uint8_t>(value);
        if (at != 10) test::seal_header<T::kF>(quote);
        return T::fate(T::error(quote));
    };
    ASSERT_EQ(T::fate(T::error(good)), Drop::none);
    for (std::size_t cut = 1; cut < T::kIp + 8 + T::kIp + 8; ++cut) {
        Bytes bytes = T::error({good.begin(), good.begin() + T::kIp + 8});
        if (cut > bytes.size() - T::kIp) break;
        bytes.resize(bytes.size() - cut);
        EXPECT_EQ(T::fate(bytes), Drop::bad_icmp) << "the checksum covers the length or the bytes";
        if (bytes.size() < T::kIp + 8) continue;
        test::seal<T::kF>(bytes, T::kIp, T::kProtocol);
        EXPECT_EQ(T::fate(bytes), Drop::bad_quote);
    }
    Bytes damaged = T::error(good);
    damaged.back() ^= 1;
    EXPECT_EQ(T::fate(damaged), Drop::bad_icmp);

    EXPECT_EQ(fate_of_changed(0, T::kF == Family::ipv4 ? 0x65 : 0x45), Drop::bad_quote);
    if (T::kF == Family::ipv4) {
        EXPECT_EQ(fate_of_changed(0, 0x44), Drop::bad_quote) << "header length";
        EXPECT_EQ(fate_of_changed(0, 0x4f), Drop::none) << "8 bytes are left";
        EXPECT_EQ(T::fate(T::error({good.begin(), good.begin() + 27})), Drop::bad_quote);
        EXPECT_EQ(fate_of_changed(7, 1), Drop::bad_quote) << "a later fragment";
        EXPECT_EQ(fate_of_changed(6, 0x20), Drop::none) << "a first fragment";
        EXPECT_EQ(fate_of_changed(10, 0), Drop::bad_quote) << "its checksum";
        EXPECT_EQ(fate_of_changed(3, 27), Drop::bad_quote) << "total length";
        EXPECT_EQ(fate_of_changed(9, 47), Drop::unknown_protocol);
    } else {
        EXPECT_EQ(fate_of_changed(5, 7), Drop::bad_quote) << "payload length";
        EXPECT_EQ(fate_of_changed(6, 47), Drop::unknown_protocol);
    }
    // To somebody who did not send the quoted packet.
    Bytes astray = T::error(good);
    store(&astray[IpLayout<T::kF>::kDestination], T::host(kRouter));
    test::seal<T::kF>(astray, T::kIp, T::kProtocol);
    EXPECT_EQ(T::fate(astray), Drop::bad_quote);
    // About an error, or a query that is no echo.
    for (const int type : {3, 4, 5, 11, 12, 13, 1, 2, 133, 135, 137}) {
        Bytes quote = T::packet(T::left(T::kProtocol), T::kProtocol);
        quote[T::kIp] = static_cast<std::uint8_t>(type);
        EXPECT_EQ(T::fate(T::error(quote)), Drop::bad_quote);
    }
}

TYPED_TEST(Icmp, EchoesAreFlowsOfTheirId) {
    using T = TestFixture;
    constexpr Family kFamily = T::kF;
    Bytes bytes = T::packet(T::left(T::kProtocol), T::kProtocol);
    EXPECT_EQ(read_echo<kFamily>(bytes, T::kIp), T::left(T::kProtocol));
    rewrite_echo<kFamily>(bytes, T::kIp, T::came(T::kProtocol));
    Bytes expected = T::packet(T::came(T::kProtocol), T::kProtocol);
    expected[IpLayout<kFamily>::kTtl] = 63;
    test::seal_header<kFamily>(expected);
    EXPECT_EQ(bytes, expected);
}

TEST(IcmpIpv4, OptionsOfTheQuoteAreSkipped) {
    using T = Icmp<test::IPv4>;
    const Bytes options(12, 1);
    const Bytes before = T::error(T::packet(T::left(kTcp), kTcp, options));
    IcmpQuote<Family::ipv4> quote;
    ASSERT_EQ(T::read(before, quote), Drop::none);
    EXPECT_EQ(quote.flow, T::left(kTcp));
    const Bytes after = T::translated(before, quote, T::came(kTcp));
    EXPECT_EQ(Bytes(after.begin() + 28, after.end()), T::packet(T::came(kTcp), kTcp, options));
}

TEST(IcmpIpv6, ExtensionsOfTheQuoteAreSkipped) {
    using T = Icmp<test::IPv6>;
    Bytes chain(8 + 16 + 8 + 8);
    chain[0] = 60;                    // hop-by-hop, then
    chain[8] = 43, chain[9] = 1;      // destination options of 16 bytes
    chain[24] = 44;                   // routing
    chain[32] = kTcp, chain[35] = 1;  // fragment: offset 0, more
    const Bytes left = T::packet(T::left(kTcp), kTcp, chain, 0);
    const Bytes before = T::error(left);
    IcmpQuote<Family::ipv6> quote;
    ASSERT_EQ(T::read(before, quote), Drop::none);
    EXPECT_EQ(quote.flow, T::left(kTcp));
    const Bytes after = T::translated(before, quote, T::came(kTcp));
    EXPECT_EQ(Bytes(after.begin() + 48, after.end()), T::packet(T::came(kTcp), kTcp, chain, 0));

    Bytes later = left;
    later[40 + 34] = 1;  // offset 32 * 8
    EXPECT_EQ(T::fate(T::error(later)), Drop::bad_quote);
    Bytes twice = left;
    twice[40 + 8] = 0;  // hop-by-hop, not first
    EXPECT_EQ(T::fate(T::error(twice)), Drop::bad_quote);
    Bytes endless(400);
    for (std::size_t i = 0; i < endless.size(); i += 8)
        endless[i] = 60;
    EXPECT_EQ(T::fate(T::error(T::packet(T::left(kTcp), kTcp, endless, 60))), Drop::bad_quote);
    Bytes beyond = left;
    beyond[40 + 9] = 0xff;
    EXPECT_EQ(T::fate(T::error(beyond)), Drop::bad_quote);
}

TEST(IcmpKinds, RedirectsAndNeighboursAreOther) {
    for (const int type : {3, 4, 11, 12})
        EXPECT_EQ(icmp_kind<Family::ipv4>(static_cast<std::uint8_t>(type)), IcmpKind::error);
    for (const int type : {5, 9, 13, 17})
        EXPECT_EQ(icmp_kind<Family::ipv4>(static_cast<std::uint8_t>(type)), IcmpKind::other);
    for (const int type : {1, 2, 3, 4})
        EXPECT_EQ(icmp_kind<Family::ipv6>(static_cast<std::uint8_t>(type)), IcmpKind::error);
    for (const int type : {0, 5, 127, 130, 133, 135, 137})
        EXPECT_EQ(icmp_kind<Family::ipv6>(static_cast<std::uint8_t>(type)), IcmpKind::other);
    EXPECT_EQ(icmp_kind<Family::ipv4>(8), IcmpKind::echo_request);
    EXPECT_EQ(icmp_kind<Family::ipv6>(129), IcmpKind::echo_reply);
}

}  // namespace
}  // namespace usher
