// SPDX-License-Identifier: BSD-3-Clause
// The running system, as the commands see it: what is wanted, what is counted, and how to change
// it. The daemon implements it over the data plane, tests and the fuzzer over plain values.
// Everything is called on the control thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "conf/model.hpp"
#include "conf/result.hpp"
#include "control/desired_state.hpp"
#include "control/listing.hpp"

namespace usher {

class Director {
  public:
    Director() = default;
    Director(const Director&) = delete;
    Director& operator=(const Director&) = delete;
    virtual ~Director() = default;

    // What the operators want, and what a change to it is checked against.
    virtual const DesiredState& desired() const = 0;
    virtual const Rules& rules() const = 0;

    // Makes `next` the desired state and returns when every worker sees it. Fails (ENOSPC, EIO)
    // without having changed anything.
    virtual Result<void> publish(DesiredState next) = 0;

    // `row` has key, options and servers of desired(); counts, statistics and rates are filled in.
    virtual ServiceRow counted(ServiceRow row) const = 0;
    // Begins the statistics and rates of one service and its servers, or of everything, at zero.
    // A named service is one of desired().
    virtual void zero_stats(const std::optional<ServiceKey>& service) = 0;

    // Calls `visit` for each connection until it returns false. In the table's order.
    virtual void each_connection(const std::function<bool(const ConnectionRow&)>& visit) const = 0;

    virtual std::vector<WorkerRow> workers() const = 0;
    virtual std::vector<PortRow> ports() const = 0;
    virtual std::vector<DropRow> drops() const = 0;  // every reason, also those at 0
    virtual TableRow table() const = 0;              // counts: walks all of it
    virtual std::uint64_t table_size() const = 0;    // in connections

    virtual std::vector<OutsideRow> outside() const { return {}; }  // of masquerading

    virtual std::string config_toml() const = 0;  // a file that usherd loads
    // To `path`, or without one to the file that the daemon was started with (saved_file.hpp).
    // The path that was written; EACCES, EIO.
    virtual Result<std::string> save_config(const std::optional<std::string>& path) = 0;
    // Reads the file again and publishes what differs; EINVAL with the file's errors.
    virtual Result<void> reload_config() = 0;

    virtual LogConfig log_config() const = 0;
    virtual void change_log(const LogConfig& config) = 0;

    virtual std::string dpdk_version() const = 0;
};

}  // namespace usher
