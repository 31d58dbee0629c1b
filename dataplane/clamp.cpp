// SPDX-License-Identifier: BSD-3-Clause
// MSS clamping: what client and server of a service say in their SYNs is lowered (nat/mss.hpp).
#include <algorithm>

#include "dataplane/worker.hpp"
#include "nat/mss.hpp"

namespace usher {

// A segment with SYN, of a connection.
template <Family F>
void Worker::clamp(const Burst<F>& burst, unsigned i) {
    const std::vector<std::uint16_t>& clamps = snapshot_->mss_clamps;
    const Entry entry = burst.entries[i];
    const ServerSlot slot = plane_.table[entry.index()].server_slot;
    if (slot >= clamps.size() || clamps[slot] == 0) return;
    std::uint16_t most = clamps[slot];
    if (most == kClampToPath) {
        constexpr std::uint16_t kHeaders = F == Family::ipv4 ? 40 : 60;
        const Network& network = *snapshot_->network;
        const Flow<F>& answer = plane_.table.flow<F>(entry.index(), opposite(entry.direction()));
        const Way<F> way = network.way_to<F>(answer.source);
        std::uint16_t mtu = network.port_mtu(burst.port);
        if (way.kind != WayKind::none) mtu = std::min(mtu, network.port_mtu(way.port));
        if (way.kind == WayKind::hop) mtu = std::min(mtu, network.hop(way.hop).mtu);
        most = static_cast<std::uint16_t>(mtu - std::min(mtu, kHeaders));
    }
    const Headers& headers = burst.headers[i];
    const std::size_t size = kEthernetHeader + std::size_t{headers.ip_length} - headers.l4;
    clamp_mss({burst.frame(i) + headers.l4, size}, most);
}

template void Worker::clamp(const Burst<Family::ipv4>&, unsigned);
template void Worker::clamp(const Burst<Family::ipv6>&, unsigned);

}  // namespace usher
