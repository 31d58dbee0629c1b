// SPDX-License-Identifier: BSD-3-Clause
// Persistent services: a client's connections all go to one real server, for as long as its
// template lives. On one client: 198.51.100.7 opens 203.0.113.10:80, persistent for 300 s with a
// mask of 24 bits, for the first time. No template
//
//   198.51.100.0:0 > 203.0.113.10:80, TCP | kTemplateProtocol
//
// is found, so the scheduler names a server and the template is made for it. Each connection of
// the network then finds it, goes to its server and starts its 300 s anew. A template whose time
// is over stays for 60 s more, again and again, as long as a connection that it controls lives.
// It holds whatever the server's weight or thresholds say (but for expire_quiescent_template); when
// the server is deleted, it is abandoned at the next look.
//
// A template's memory is held by references (Connection::hop[0]): one of the table, one of each
// connection that it controls.
#include "dataplane/thresholds.hpp"
#include "dataplane/worker.hpp"

namespace usher {

namespace {

constexpr Ticks kWhileControlling = seconds(60);
constexpr int kTries = 4;

// FTP's data connections come to other ports: its templates are for all.
template <Family F>
bool is_for_one_port(const Service<F>& service, Be16 port) {
    return service.mark == 0 && service.port == port && port.host() != kFtpControlPort;
}

Be32 masked(Be32 client, Be32 mask) {
    return Be32::from_raw(client.raw() & mask.raw());
}

AddressOf<Family::ipv6> masked(AddressOf<Family::ipv6> client,
                               const AddressOf<Family::ipv6>& mask) {
    for (std::size_t i = 0; i < client.size(); ++i)
        client[i] &= mask[i];
    return client;
}

template <Family F>
struct Key {
    Flow<F> flow;
    std::uint8_t protocol;
};

template <Family F>
Key<F> key_of(const Service<F>& service, const Flow<F>& flow) {
    const AddressOf<F> client = masked(flow.source, service.client_mask);
    if (service.mark != 0)
        return {{client, as_address<F>(service.mark), Be16(), Be16()},
                static_cast<std::uint8_t>(filed_under<F>(0) | kTemplateProtocol)};
    const Be16 port = is_for_one_port(service, flow.destination_port) ? service.port : Be16();
    return {{client, flow.destination, Be16(), port},
            static_cast<std::uint8_t>(filed_under<F>(service.protocol) | kTemplateProtocol)};
}

}  // namespace

// The server of the client's template, which is held for the connection to be; its `server` is
// kNobodysSlot when there is none to be had.
template <Family F>
Worker::Target<F> Worker::persistent_target(const Burst<F>& burst, unsigned i,
                                            const Service<F>& service) {
    const Key<F> key = key_of(service, burst.flows[i]);
    const std::uint64_t hash = plane_.table.hash(key.flow, key.protocol);
    Target<F> chosen;
    for (int tries = 0; tries < kTries; ++tries) {
        if (const Entry entry = plane_.table.find(hash, key.flow, key.protocol)) {
            Connection& found = plane_.table[entry.index()];
            if (is_valid(entry.index()) && hold_template(entry.index())) {
                if (found.last_seen.load(std::memory_order_relaxed) != now_)
                    found.last_seen.store(now_, std::memory_order_relaxed);
                return controlled_by(entry.index(), service, burst.flows[i]);
            }
            kill(entry.index(), TraceEvent::Kind::replaced);
            continue;
        }
        if (chosen.server == kNobodysSlot) chosen = choose(burst, i, service);
        if (chosen.server == kNobodysSlot) return {};
        const ConnectionIndex made = make_template(service, key.flow, key.protocol, chosen);
        if (made != kNoConnection) return controlled_by(made, service, burst.flows[i]);
    }
    // Without room for a template, or with other workers always first: served, not remembered.
    return chosen.server == kNobodysSlot ? choose(burst, i, service) : chosen;
}

template <Family F>
Worker::Target<F> Worker::controlled_by(ConnectionIndex index, const Service<F>& service,
                                        const Flow<F>& flow) const {
    const Flow<F>& found = plane_.table.flow<F>(index, Direction::reply);
    const Be16 configured = found.destination_port;
    const bool own_port = flow.destination_port == service.port && configured != Be16();
    return {found.source, own_port ? configured : flow.destination_port,
            plane_.table[index].server_slot, configured, index};
}

// Does the template still count? One whose time is over and that controls nothing does not.
bool Worker::is_valid(ConnectionIndex index) {
    const Connection& one = plane_.table[index];
    if (!(one.status.load(std::memory_order_acquire) & kLive)) return false;
    if (!snapshot_->is_deployed(one.server_slot)) return false;
    if (snapshot_->policy.expire_quiescent && !snapshot_->has_weight(one.server_slot)) return false;
    return !one.is_expired(now_) || !expire(index);
}

// A new template, held for the connection to be; kNoConnection when it cannot be linked.
template <Family F>
ConnectionIndex Worker::make_template(const Service<F>& service, const Flow<F>& flow,
                                      std::uint8_t protocol, const Target<F>& target) {
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) return kNoConnection;
    const bool one_port = flow.destination_port == service.port && service.port != Be16();
    // The answers' port is for listings; the port as configured, for connections to come.
    Connection& one = begin<F>(index, flow,
                               {target.address, flow.source,
                                one_port ? target.configured_port : Be16(), target.configured_port},
                               target.server, protocol);
    set_timeout(index, service.persistence);
    one.hop[0].store(2, std::memory_order_relaxed);
    ServerLoad& load = plane_.loads[target.server];
    load.persistent.fetch_add(1, std::memory_order_relaxed);
    look_after_bind(plane_.loads.data(), target.server);
    one.status.store(kLive | kTemplate, std::memory_order_release);

    const LinkResult result = plane_.table.link_original(index);
    if (result == LinkResult::linked) {
        // It may have been ended before it was there: pairs with the exchange in kill().
        if (!(one.status.load(std::memory_order_seq_cst) & kLive))
            plane_.table.unlink_original(index);
        return index;
    }
    const std::uint32_t last = one.status.fetch_and(~kLive, std::memory_order_acq_rel);
    if (last & kLive) bury(index, last);
    release_template(index);
    return kNoConnection;
}

// One more reference, unless the last one is gone.
bool Worker::hold_template(ConnectionIndex index) {
    std::atomic<std::uint32_t>& count = plane_.table[index].hop[0];
    std::uint32_t references = count.load(std::memory_order_relaxed);
    while (references != 0)
        if (count.compare_exchange_weak(references, references + 1, std::memory_order_acq_rel))
            return true;
    return false;
}

void Worker::release_template(ConnectionIndex index) {
    Connection& one = plane_.table[index];
    if (one.hop[0].fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (one.status.load(std::memory_order_relaxed) & kMapping) return_port(index);
    free_list_.retire(index);
}

// The end of its time: true when that is its end. What controls connections, a template or an FTP
// control connection, gets another minute, from then on each time.
bool Worker::expire(ConnectionIndex index) {
    Connection& one = plane_.table[index];
    const std::uint32_t status = one.status.load(std::memory_order_acquire);
    const bool controls =
        status & kTemplate ? one.hop[0].load(std::memory_order_relaxed) > 1
                           : (status & kFtp) && plane_.ftp.has_data_connections(one.timeout_class);
    if (controls) {
        const Ticks over = one.last_seen.load(std::memory_order_relaxed) +
                           one.timeout.load(std::memory_order_relaxed);
        one.timeout.store(kWhileControlling, std::memory_order_relaxed);
        one.last_seen.store(over, std::memory_order_relaxed);
        return false;
    }
    kill(index, TraceEvent::Kind::expired);
    return true;
}

template Worker::Target<Family::ipv4> Worker::persistent_target(const Burst<Family::ipv4>&,
                                                                unsigned,
                                                                const Service<Family::ipv4>&);
template Worker::Target<Family::ipv6> Worker::persistent_target(const Burst<Family::ipv6>&,
                                                                unsigned,
                                                                const Service<Family::ipv6>&);

}  // namespace usher
