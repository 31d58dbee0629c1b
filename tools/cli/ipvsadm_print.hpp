// SPDX-License-Identifier: BSD-3-Clause
// What ipvsadm prints, byte for byte, from the daemon's listings. Pure but for the names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/listing.hpp"
#include "tools/cli/endpoint_names.hpp"
#include "tools/cli/invocation.hpp"

namespace usher {

// Services by (fwmark, family, protocol, address, port), servers by (address, port), all unsigned.
void sort_listing(ServiceListing& listing);

// -L: with the version line when the whole table is listed.
std::string print_services(const ServiceListing& listing, const ListOptions& options,
                           const EndpointNames& names, bool whole_table);
// -L -c
std::string print_connections(const std::vector<ConnectionRow>& rows, const EndpointNames& names);
// -L --timeout
std::string print_timeouts(const Timeouts& timeouts);
// -S: commands that -R reads.
std::string print_commands(const ServiceListing& listing, const EndpointNames& names);

// A counter in nine columns: 99999999 as it is, then K, M, G and T. Exact: all its digits after at
// least one blank.
std::string counter_text(std::uint64_t count, bool exact);

// "sh-fallback,sh-port": the names of -b for a scheduler; empty when there are none.
std::string sched_flags_text(const ServiceOptions& options);
// "255.255.255.0" or "64" when persistence does not tell single clients apart, else empty.
std::string netmask_text(const ServiceKey& key, const ServiceOptions& options);

}  // namespace usher
