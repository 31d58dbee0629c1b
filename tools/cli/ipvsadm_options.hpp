// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm's tables: its options with their names, and which option goes with which command.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tools/cli/invocation.hpp"
#include "tools/cli/option_scanner.hpp"

namespace usher {

// In the order in which ipvsadm checks them, and so complains about them.
enum class IpvsOption : std::uint8_t {
    numeric,
    connection,
    service_address,
    scheduler,
    persistent,
    netmask,
    real_server,
    forwarding_method,
    weight,
    u_threshold,
    l_threshold,
    mcast_interface,
    timeout,
    daemon,
    stats,
    rate,
    thresholds,
    persistent_conn,
    nosort,
    sync_id,
    exact,
    ops,
    persistence_engine,
    sched_flags,
    mcast_group,
    mcast_port,
    mcast_ttl,
    sync_maxlen,
    tun_info,
    tun_type,
    tun_port,
    tun_nocsum,
    tun_csum,
    tun_remcsum,
};

class OptionSet {
  public:
    constexpr OptionSet() = default;
    constexpr OptionSet(std::initializer_list<IpvsOption> options) {
        for (const IpvsOption option : options)
            bits_ |= bit(option);
    }
    constexpr bool has(IpvsOption option) const { return (bits_ & bit(option)) != 0; }
    constexpr bool has_any(OptionSet other) const { return (bits_ & other.bits_) != 0; }
    constexpr void add(IpvsOption option) { bits_ |= bit(option); }
    constexpr OptionSet operator|(OptionSet other) const {
        other.bits_ |= bits_;
        return other;
    }

  private:
    static constexpr std::uint64_t bit(IpvsOption option) {
        return std::uint64_t{1} << static_cast<unsigned>(option);
    }
    std::uint64_t bits_ = 0;
};

// Ids in the scanner's table: a command's is kCommandIds + its number, the others are below.
inline constexpr int kCommandIds = 1000;
enum OptionId : int {
    kTcpService,
    kUdpService,
    kSctpService,
    kFwmarkService,
    kIpv6,
    kScheduler,
    kPersistent,
    kNetmask,
    kOps,
    kPersistenceEngine,
    kSchedFlags,
    kRealServer,
    kGatewaying,
    kIpip,
    kMasquerading,
    kWeight,
    kUpperThreshold,
    kLowerThreshold,
    kTunType,
    kTunPort,
    kTunNocsum,
    kTunCsum,
    kTunRemcsum,
    kNumeric,
    kConnection,
    kTimeout,
    kDaemon,
    kStats,
    kRate,
    kThresholds,
    kPersistentConn,
    kTunInfo,
    kNosort,
    kSort,
    kExact,
    kSyncId,
    kMcastInterface,
    kMcastGroup,
    kMcastPort,
    kMcastTtl,
    kSyncMaxlen,
};

std::span<const OptionSpec> ipvsadm_options();

std::string_view option_name(IpvsOption option);     // as messages name it: "service-address"
std::string_view command_name(IpvsCommand command);  // "add-service"; of -C it is "flush"

// Is every needed option there, is each one allowed, and does none exclude another?
std::optional<UsageError> check_options(IpvsCommand command, OptionSet given);
// The same for a tunnel type and its --tun-... options.
std::optional<UsageError> check_tunnel_options(TunnelType type, OptionSet given);

}  // namespace usher
