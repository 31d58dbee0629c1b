// SPDX-License-Identifier: BSD-3-Clause
// The Director of a running daemon: takes what the operators want and what Linux says, compiles
// both into snapshots, publishes them, and keeps the XDP steering in step.
//
// A change's walk: publish(next) -> ServiceCompiler -> Snapshot -> DataPlane::publish (returns when
// every worker sees it) -> Steering. A service is known to the workers before the kernel gives them
// its first packet. What the kernel takes back goes in the other order.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "conf/model.hpp"
#include "control/defence.hpp"
#include "control/director.hpp"
#include "control/masquerade_planner.hpp"
#include "control/neighbour_log.hpp"
#include "control/network_planner.hpp"
#include "control/service_compiler.hpp"
#include "control/statistics.hpp"
#include "control/vlan_watch.hpp"
#include "control/worker_load.hpp"
#include "dataplane/port.hpp"
#include "dataplane/steering.hpp"
#include "dataplane/worker.hpp"

namespace usher {

// What the director works on; all of it outlives the director.
struct DirectorParts {
    DataPlane& plane;
    std::vector<Worker*> workers;
    std::vector<unsigned> cores;             // of the workers
    std::function<Ticks()> now;              // the workers' clock
    std::vector<PlannedPort> interfaces;     // by PortIndex
    std::vector<const Port*> ports;          // their DPDK ports; none in tests without devices
    KernelMirror* kernel = nullptr;          // none: every interface is a DPDK device
    std::map<PortIndex, Steering> steering;  // of the af_xdp interfaces that are there
};

class RunningDirector final : public Director {
  public:
    // Reads and checks the file again: the daemon's own way to read it.
    using ReadAgain = std::function<Result<Config>()>;

    RunningDirector(DirectorParts parts, Config config, std::string config_path, ReadAgain read);

    // The first snapshot: what the file says.
    Result<void> begin();

    // The interface of a port has gone; or the port was opened again, on another interface of that
    // name, and the workers have it: from now on it gets packets.
    void lose_port(PortIndex port);
    void replace_port(PortIndex port, Steering steering);

    // From the event loop.
    void on_kernel_news();   // the mirror's descriptor is readable
    void on_housekeeping();  // every 10 ms: neighbours that workers want, traces
    void on_second();        // neighbours in use, slots that nobody needs
    void on_rate_sample() { statistics_.sample(); }

    const DesiredState& desired() const override { return desired_; }
    const Rules& rules() const override { return rules_; }
    Result<void> publish(DesiredState next) override;
    ServiceRow counted(ServiceRow row) const override;
    void zero_stats(const std::optional<ServiceKey>& service) override;
    void each_connection(const std::function<bool(const ConnectionRow&)>& visit) const override;
    std::vector<OutsideRow> outside() const override;
    std::vector<WorkerRow> workers() const override;
    std::vector<PortRow> ports() const override;
    std::vector<DropRow> drops() const override;
    TableRow table() const override;
    std::uint64_t table_size() const override { return parts_.plane.table.capacity(); }
    std::string config_toml() const override;
    Result<std::string> save_config(const std::optional<std::string>& path) override;
    Result<void> reload_config() override;
    LogConfig log_config() const override;
    void change_log(const LogConfig& config) override;
    std::string dpdk_version() const override;

  private:
    bool has_interface(std::string_view name) const;
    template <class Visit>
    void each_listed(Ticks now, Visit visit) const;
    bool is_own_address(const IpAddress& address) const;
    void note_own_servers();
    void note_stray_servers();
    void note_unasked(const Result<void>& asked);
    void note_untold_route(const KernelNetwork& kernel);
    Stats read_slot(ServerSlot slot) const;
    std::string queues_of(const Worker& worker) const;
    void add_what_linux_says(PortRow& row, const Port& port) const;
    void add_what_steering_says(PortRow& row, PortIndex port) const;
    void add_what_linux_says(PortRow& row, const PlannedPort& vlan) const;
    bool kernel_has(const std::string& interface) const;
    std::string why_closed(const Port& port) const;
    void describe_interface(PortRow& row) const;
    void add_vlans(std::vector<PortRow>& rows) const;
    void sample_loads();
    Config running_config() const;
    void put_in_force(const CompiledServices& services, const DesiredState& desired);
    void set_thresholds(const DesiredState& from, const DesiredState& to);
    void compile_again();
    void watch_pressure();
    std::shared_ptr<const MarkRules> mark_rules(const std::vector<MarkRule>& rules);
    std::uint64_t connections_counted() const;
    std::uint32_t now_in_seconds() const { return parts_.now() / kTicksPerSecond; }
    Result<void> steer(const DesiredState& desired);
    void set_tags(SteeringSet& wanted, PortIndex port) const;
    Result<void> set_masquerade(const DesiredState& desired);
    BoxAddresses box_addresses() const;
    std::set<IpAddress> seen_inside(const std::vector<MasqueradeRule>& rules) const;
    void watch_outside();
    void republish();  // the same services, another network, timeouts or debug areas
    void want_neighbours();
    void release_slots();
    void plan_network();
    void take_in_network();

    DirectorParts parts_;
    const Config config_;  // as started; services and timeouts are in desired_
    Config file_;          // as read last; what of it needs a restart is kept when it is saved
    const std::string config_path_;
    const ReadAgain read_again_;
    const Rules rules_;
    SlotBook slots_;
    ServiceCompiler compiler_;
    Statistics statistics_;
    WorkerLoads loads_;
    NetworkPlanner planner_;
    DesiredState desired_;
    CompiledServices services_;  // in force
    std::uint32_t nodest_flush_ = 0;
    bool closed_is_over_ = false;  // among them is a closed one that nobody needs any more
    std::vector<MarkRule> marks_source_;
    std::shared_ptr<const MarkRules> marks_ = std::make_shared<MarkRules>();
    std::shared_ptr<const MarkRules> marks_of_own_ = std::make_shared<MarkRules>();
    OutsideBook outside_;
    MasqueradePlan masquerade_plan_;
    std::shared_ptr<const MasqueradeRules> masquerade_ = std::make_shared<MasqueradeRules>();
    std::uint32_t seconds_ = 0;           // on_second() so far
    std::uint64_t exhausted_before_ = 0;  // times that there was no port
    Pressure pressure_;
    std::shared_ptr<const Network> network_;
    std::set<NeighbourKey> neighbours_in_use_;
    bool has_untold_route_ = false;    // and the log has said so
    std::set<IpAddress> own_servers_;  // whose addresses have become the box's; the log has said so
    std::set<IpAddress> stray_servers_;  // no interface leads to them; likewise
    std::uint32_t unasked_until_ = 0;    // in on_second()s: that Linux cannot ask is in the log
    VlanWatch vlan_watch_;
    NeighbourLog neighbour_log_;
};

}  // namespace usher
