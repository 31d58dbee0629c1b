// SPDX-License-Identifier: BSD-3-Clause
// Names for the tests, so that no test asks DNS or reads /etc/services.
#pragma once

#include "tools/cli/endpoint_names.hpp"

namespace usher {

inline NameResolver test_resolver() {
    return {[](const std::string& host) -> std::optional<IpAddress> {
                if (host == "web.test") return IpAddress::parse("10.2.0.11");
                return std::nullopt;
            },
            [](const std::string& name, Protocol protocol) -> std::optional<std::uint16_t> {
                if (name == "http" && protocol == Protocol::tcp) return std::uint16_t{80};
                return std::nullopt;
            }};
}

inline EndpointNames test_names() {
    return {[](const IpAddress& address) -> std::optional<std::string> {
                if (address.to_string() == "10.2.0.99") return std::string(40, 'x');
                return std::nullopt;
            },
            [](std::uint16_t port, Protocol protocol) -> std::optional<std::string> {
                if (port == 80 && protocol == Protocol::tcp) return "http";
                if (port == 8080) return "http-alt";
                return std::nullopt;
            }};
}

}  // namespace usher
