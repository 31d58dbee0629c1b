// SPDX-License-Identifier: BSD-3-Clause
// A director without a data plane: the desired state is real, everything that is counted is
// invented. Members are public, a test sets what it needs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/director.hpp"
#include "control/reload.hpp"

namespace usher {

class FakeDirector : public Director {
  public:
    DesiredState state;
    Rules allowed{[](std::string_view name) { return name == "rr" || name == "wlc"; }};
    std::optional<Error> publish_error;
    int published = 0;
    std::vector<std::optional<ServiceKey>> zeroed;
    std::vector<ConnectionRow> connections;
    std::size_t connection_copies = 1;  // how often the rows are listed
    std::vector<ServiceConfig> file;
    LogConfig log;

    const DesiredState& desired() const override { return state; }
    const Rules& rules() const override { return allowed; }

    Result<void> publish(DesiredState next) override {
        if (publish_error) return tl::unexpected<Error>(*publish_error);
        state = std::move(next);
        ++published;
        return {};
    }

    ServiceRow counted(ServiceRow row) const override {
        row.stats.conns = 7;
        for (ServerRow& server : row.servers)
            server.active = 3;
        return row;
    }
    void zero_stats(const std::optional<ServiceKey>& service) override {
        zeroed.push_back(service);
    }

    void each_connection(const std::function<bool(const ConnectionRow&)>& visit) const override {
        for (std::size_t copy = 0; copy < connection_copies; ++copy)
            for (const ConnectionRow& row : connections)
                if (!visit(row)) return;
    }

    std::vector<WorkerRow> workers() const override { return {{2, 1000, 50, 0.25, 61.5}}; }
    std::vector<PortRow> ports() const override {
        PortRow port;
        port.name = "eth\xff";  // a name that is not UTF-8 must not break the reply
        return {port};
    }
    std::vector<DropRow> drops() const override { return {{"truncated", 3}, {"no-server", 0}}; }
    std::vector<OutsideRow> outside() const override {
        return {{*IpAddress::parse("203.0.113.20"), "udp", 64512, 12, 3, 1}};
    }
    std::uint64_t table_size() const override { return table().size; }
    TableRow table() const override { return {20, 1048576, 12, 1 << 27}; }

    std::string config_toml() const override { return "# usher\n"; }
    Result<std::string> save_config(const std::optional<std::string>& path) override {
        if (path == "/full") return fail(Errc::unavailable, "no space left");
        return path.value_or("/etc/usher/usher.toml");
    }
    Result<void> reload_config() override {
        auto next = reload(state, file, allowed);
        if (!next) return tl::unexpected<Error>(next.error());
        return publish(*std::move(next));
    }

    LogConfig log_config() const override { return log; }
    void change_log(const LogConfig& config) override { log = config; }
    std::string dpdk_version() const override { return "22.11"; }
};

}  // namespace usher
