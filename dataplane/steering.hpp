// SPDX-License-Identifier: BSD-3-Clause
// Tells the XDP program of one interface what belongs to us: services, real servers, destinations
// of mark rules, who is masqueraded and behind which ports; and the box's own addresses, whose
// other packets stay with the kernel. What is for nobody goes where OtherPackets says.
//
// Called by the control thread only. update() takes the whole truth and writes the difference to
// the kernel's maps, additions before deletions, so that no packet of a service that stays is ever
// seen by the kernel. Worked example: {TCP 203.0.113.10:80} becomes {TCP 203.0.113.10:80, :443}:
// one map entry is written, nothing else is touched.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/marked_ports.hpp"
#include "dataplane/steering_layout.h"
#include "nat/address.hpp"
#include "nat/result.hpp"
#include "nat/unique_fd.hpp"

namespace usher {

struct SteeredEndpoint {
    Protocol protocol = Protocol::tcp;
    IpAddress address;
    std::uint16_t port = 0;  // host order; 0: every port
    bool ftp = false;        // an FTP control port: data connections of its clients are ours
    friend constexpr auto operator<=>(const SteeredEndpoint&, const SteeredEndpoint&) = default;
};

// What masquerading has of an outside address: these ports and ICMP query ids, host order, both
// ends included. Ports that services have are theirs all the same. When the box has the address
// too, its own connections must keep to the others.
struct OutsidePorts {
    IpAddress address;
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 65535;
    std::uint16_t first_query = 0;
    std::uint16_t last_query = 65535;
    std::uint16_t query_bits = 0;  // of the query ids only those that have all of these bits
    friend constexpr auto operator<=>(const OutsidePorts&, const OutsidePorts&) = default;
};

// Packets that are for nobody: not for a service, server, masqueraded host or the box itself.
enum class OtherPackets : std::uint8_t { to_kernel, to_worker };

// Frames without a VLAN tag: looked at, or all for the kernel.
enum class Untagged : std::uint8_t { ours, kernels };

// Order and repetitions do not matter; an outside address is given once.
struct SteeringSet {
    std::vector<SteeredEndpoint> services;
    std::vector<SteeredEndpoint> servers;    // whose answers and masqueraded flows are ours
    std::vector<IpAddress> local_addresses;  // of the box, on whatever interface
    std::vector<MacAddress> local_macs;      // likewise; frames for any other are the kernel's
    std::vector<MarkedDestination> marked;
    std::vector<Prefix> inside;  // from there to elsewhere but the box: masqueraded
    std::vector<OutsidePorts> outside;
    OtherPackets other = OtherPackets::to_kernel;  // a worker drops and counts them
    Untagged untagged = Untagged::ours;
    std::vector<std::uint16_t> vlans = {};  // with their tags, frames are looked at like others
};

// Packets by what was decided, since the program was attached; index: enum steering_outcome.
using SteeringCounts = std::array<std::uint64_t, STEERING_OUTCOMES>;

class Steering {
  public:
    // The maps of a loaded program (Port::maps()); the descriptors stay the caller's.
    static Result<Steering> of_maps(const std::vector<int>& maps);

    // Fails with no_space when a map is full; the maps are then as they were before the call.
    Result<void> update(const SteeringSet& wanted);

    Result<SteeringCounts> counts() const;

  private:
    struct Set {
        UniqueFd map;
        std::vector<std::array<std::uint8_t, sizeof(steering_endpoint)>> installed;  // sorted
    };
    Steering() = default;
    Result<void> take_map(UniqueFd map);
    static Result<Steering> if_complete(Steering steering);  // it has all maps

    // A map with values: bytes of a key to those of its value.
    using Entries = std::map<std::string, std::string>;
    struct Table {
        UniqueFd map;
        std::string_view what;  // for the error
        std::uint32_t room;
        Entries installed = {};
        Result<void> update(Entries wanted);
    };
    static Entries entries_of(const std::vector<MarkedDestination>& marked);
    static Entries entries_of(const std::vector<Prefix>& inside);
    static Entries entries_of(const std::vector<OutsidePorts>& outside);
    Result<void> update_tables(std::array<Entries, 3> wanted);
    Result<void> update_sets(const SteeringSet& wanted);
    Result<void> update_vlans(const std::vector<std::uint16_t>& wanted);
    Result<void> update_policy(OtherPackets other, Untagged untagged);
    std::array<Table*, 3> tables() { return {&marked_, &inside_, &outside_}; }

    Set services_, servers_, locals_;
    Table marked_{{}, "destinations of mark rules", STEERING_MAX_MARKED};
    Table inside_{{}, "masqueraded prefixes", STEERING_MAX_INSIDE};
    Table outside_{{}, "outside addresses of masquerading", STEERING_MAX_OUTSIDE};
    UniqueFd policy_, vlans_, outcomes_;
    std::vector<std::uint16_t> vlans_installed_;
    bool has_ftp_ = false;
};

}  // namespace usher
