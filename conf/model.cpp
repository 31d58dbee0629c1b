// SPDX-License-Identifier: BSD-3-Clause
#include "conf/model.hpp"

namespace usher {

std::string ServiceKey::to_string() const {
    if (fwmark != 0) {
        const char* suffix = family() == Family::ipv6 ? " IPv6" : "";
        return "FWM " + std::to_string(fwmark) + suffix;
    }
    return std::string(protocol_name(protocol)) + " " + endpoint_text(address, port);
}

}  // namespace usher
