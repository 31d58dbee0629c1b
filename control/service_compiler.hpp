// SPDX-License-Identifier: BSD-3-Clause
// The desired state -> the services of a snapshot. What did not change is taken over as it is, its
// scheduler's cursor included; what changed goes on where its scheduler says. Control thread only.
#pragma once

#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "control/desired_state.hpp"
#include "control/slot_book.hpp"
#include "control/slow_start.hpp"
#include "dataplane/snapshot.hpp"

namespace usher {

struct CompiledServices {
    PerFamily<ServiceTable> tables;
    PerFamily<RealServers> servers;
    SlotBits deployed;                        // configured
    SlotBits weighted;                        // and with a weight over 0
    std::vector<std::uint16_t> mss_clamps;    // by slot, as Snapshot's
    std::vector<std::uint32_t> own_timeouts;  // seconds of idleness, by timeout class - 1
};

class ServiceCompiler {
  public:
    explicit ServiceCompiler(SlotBook& slots) : slots_(slots) {}

    // Fails with no_space; then nothing that is in force has changed. What is returned becomes the
    // basis of the next call when it is confirmed with commit(). `now`: seconds since some moment.
    Result<CompiledServices> compile(const DesiredState& desired, std::uint32_t now);
    void commit();

    // A server is in its slow start: compile() again in a second, and publish what comes out.
    bool growing() const { return growing_; }

  private:
    template <Family F>
    using Shared = std::shared_ptr<const Service<F>>;
    // Of servers with weight 0 that had another one since they were added, that one: IPVS remembers
    // it, whatever the scheduler.
    using LastWeights = std::map<ServerKey, std::uint32_t>;
    struct Compiled {
        ServiceKey key;
        std::shared_ptr<const DesiredService> source;
        std::variant<Shared<Family::ipv4>, Shared<Family::ipv6>> service;
        SlowStart slow_start;
        LastWeights last_weights;
    };
    static LastWeights last_weights(const Compiled& before, const DesiredService& now);
    Result<Compiled> build(const ServiceKey& key, const DesiredService& desired,
                           const VsSettings& vs, const Compiled* before, std::uint32_t now);
    template <Family F>
    Result<void> build_service(Compiled& built, const DesiredService& desired, const VsSettings& vs,
                               const Compiled* before, std::uint32_t now);
    template <Family F>
    Result<std::shared_ptr<Service<F>>> lay_out(const ServiceKey& key,
                                                const DesiredService& desired);
    template <Family F>
    static void set_cursor(Service<F>& service, const DesiredService& desired,
                           const Compiled* before);
    std::uint16_t timeout_class(std::uint32_t idle_timeout);
    CompiledServices assemble() const;
    static std::uint16_t ftp_port_of(const Compiled& each);  // 0: no FTP helper
    template <Family F>
    void add_family(CompiledServices& result) const;
    template <Family F>
    void add_closed(typename ServiceTable<F>::List& list) const;

    SlotBook& slots_;
    std::vector<Compiled> current_;  // by key, ascending
    std::vector<Compiled> next_;
    VsSettings vs_;  // with which current_ was compiled
    VsSettings next_vs_;
    bool growing_ = false;
    // Connections remember their class: it keeps its meaning for as long as we run.
    std::vector<std::uint32_t> timeout_classes_;
};

}  // namespace usher
