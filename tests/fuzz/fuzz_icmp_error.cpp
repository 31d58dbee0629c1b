// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors of both families with anything behind the outer header. Bit 0 of the first byte says
// which family; other bits put right what random bytes never have right (below). What is accepted
// is translated, and must then have its length, right checksums, and read as what it should become.
// The bytes are read as a fragment, too.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "nat/fragment.hpp"
#include "nat/icmp.hpp"
#include "nat/icmp_error.hpp"
#include "tests/nat/datagram.hpp"

namespace {

using namespace usher;
using test::Bytes;

enum Repair : std::uint8_t { kIpv6 = 1, kQuotedChecksum = 2, kDestination = 4, kEnough = 8 };

void must(bool holds) {
    if (!holds) std::abort();
}

template <Family F>
Bytes error_of(std::uint8_t repairs, Bytes message) {
    constexpr std::size_t kQuote = 8;
    const std::size_t whole = kQuote + test::kHeader<F> + 8;
    if (message.size() < kIcmpHeader || (repairs & kEnough && message.size() < whole))
        message.resize(whole);
    AddressOf<F> to = test::host<F>(1);
    if (message.size() >= whole) {
        std::uint8_t* ip = message.data() + kQuote;
        const std::size_t header = (ip[0] & 0x0f) * std::size_t{4};
        if (F == Family::ipv4 && repairs & kQuotedChecksum && header <= message.size() - kQuote) {
            test::put16(ip + 10, 0);
            test::put16(ip + 10, ~test::sum(ip, header) & 0xffff);
        }
        if (repairs & kDestination) to = load<AddressOf<F>>(ip + IpLayout<F>::kSource);
    }
    const auto protocol = static_cast<std::uint8_t>(kIcmpProtocol<F>);
    Bytes bytes = test::datagram<F>(test::host<F>(2), to, protocol, message);
    test::seal<F>(bytes, test::kHeader<F>, protocol);
    return bytes;
}

// Another flow that the quote could become; an echo has one id.
template <Family F>
Flow<F> other_flow(const IcmpQuote<F>& quote) {
    Flow<F> flow{test::host<F>(7), test::host<F>(8), Be16::from_host(53), Be16::from_host(0xffff)};
    if (quote.protocol == static_cast<std::uint8_t>(kIcmpProtocol<F>))
        flow.source_port = flow.destination_port;
    return flow;
}

template <Family F>
void run_error(std::uint8_t repairs, const Bytes& message) {
    constexpr std::size_t kL4 = test::kHeader<F>;
    Bytes bytes = error_of<F>(repairs, message);
    if (icmp_kind<F>(bytes[kL4]) != IcmpKind::error) return;
    IcmpQuote<F> quote;
    if (read_icmp_error<F>(bytes, kL4, quote) != Drop::none) return;
    must(quote.end <= bytes.size() && quote.l4 + 8 <= quote.end);

    const std::size_t length = bytes.size();
    const Flow<F> becomes = other_flow(quote);
    translate_icmp_error<F>(bytes, kL4, quote, becomes,
                            outer_addresses<F>(quote.flow, becomes, test::host<F>(2)));
    must(bytes.size() == length);
    must(test::has_right_header<F>(bytes.data()));
    const auto protocol = static_cast<std::uint8_t>(kIcmpProtocol<F>);
    must(test::transport_sum<F>(bytes.data(), kL4, length, protocol) == 0xffff);
    must(test::has_right_header<F>(bytes.data() + quote.ip));
    IcmpQuote<F> again;
    must(read_icmp_error<F>(bytes, kL4, again) == Drop::none);
    must(again.flow == becomes && again.l4 == quote.l4 && again.end == quote.end);
}

template <Family F>
void run_fragment(const Bytes& bytes) {
    if (bytes.size() < test::kHeader<F> || bytes.size() > 0xffff) return;
    if (F == Family::ipv4) {
        const std::size_t header = (bytes[0] & 0x0f) * std::size_t{4};
        if (header < 20 || header > bytes.size()) return;
    }
    if (!is_fragment<F>(bytes)) return;
    const Fragment fragment = read_fragment<F>(bytes);
    if (!fragment.is_sound) return;
    must(fragment.begin < fragment.end && fragment.l4 < bytes.size());
    must(!fragment.is_first() || fragment.l4 + std::size_t{8} <= bytes.size());
}

template <Family F>
void run(std::uint8_t repairs, const Bytes& bytes) {
    run_fragment<F>(bytes);
    run_error<F>(repairs, bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 2000) return 0;
    const Bytes bytes(data + 1, data + size);
    if (data[0] & kIpv6)
        run<Family::ipv6>(data[0], bytes);
    else
        run<Family::ipv4>(data[0], bytes);
    return 0;
}
