// SPDX-License-Identifier: BSD-3-Clause
#include "control/supported.hpp"

#include <string>

namespace usher {
namespace {

tl::unexpected<Error> not_yet(const char* what) {
    return fail(Errc::not_supported, std::string(what) + " not supported by this version of Usher");
}

}  // namespace

Result<void> supported(const ServiceOptions& options) {
    if (options.persistence_engine.empty()) return {};
    // IPVS has one engine. What it does not have itself is refused in its own words.
    if (options.persistence_engine != "sip")
        return fail(Errc::no_such_entry, "Scheduler or persistence engine not found");
    return not_yet("persistence engines are");
}

Result<void> supported(const ServerOptions& options) {
    if (options.forwarding == Forwarding::route) return not_yet("direct routing (-g) is");
    if (options.forwarding == Forwarding::tunnel) return not_yet("tunnelling (-i) is");
    if (options.forwarding == Forwarding::local) return not_yet("forwarding to the box itself is");
    if (options.tunnel != TunnelType::ipip || options.tunnel_port != 0 || options.tunnel_flags != 0)
        return not_yet("tunnel options are");
    return {};
}

}  // namespace usher
