// SPDX-License-Identifier: BSD-3-Clause
// The desired state -> the services of a snapshot. What did not change is taken over as it is, its
// scheduler's cursor included; what changed goes on where its scheduler says. Control thread only.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "control/desired_state.hpp"
#include "control/slot_book.hpp"
#include "dataplane/snapshot.hpp"

namespace usher {

struct CompiledServices {
    std::shared_ptr<const ServiceTable> table;
    std::set<ServerSlot> deployed;
    std::vector<std::uint64_t> deployed_bits;
};

class ServiceCompiler {
  public:
    explicit ServiceCompiler(SlotBook& slots) : slots_(slots) {}

    // Fails with no_space; then nothing that is in force has changed. What is returned becomes the
    // basis of the next call when it is confirmed with commit().
    Result<CompiledServices> compile(const DesiredState& desired);
    void commit() { current_ = std::move(next_); }

  private:
    struct Compiled {
        DesiredService source;
        std::shared_ptr<const Service> service;
    };
    Result<std::shared_ptr<Service>> build(const ServiceKey& key, const DesiredService& desired);
    static void set_cursor(Service& service, const DesiredService& desired, const Compiled* before);

    SlotBook& slots_;
    std::map<ServiceKey, Compiled> current_;
    std::map<ServiceKey, Compiled> next_;
};

}  // namespace usher
