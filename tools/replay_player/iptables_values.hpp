// SPDX-License-Identifier: BSD-3-Clause
// What stands behind iptables' options. All throw, with a word on it, what they cannot read.
#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "conf/model.hpp"

namespace usher::replay::iptables {

bool is_number(const std::string& word);  // digits only
std::optional<Prefix> prefix(const std::string& text);
std::optional<Protocol> protocol(const std::string& text);  // nothing: any
PortRange ports(const std::string& text);
std::uint32_t mark(const std::string& text);

// Each between commas.
template <class Read>
auto list_of(const std::string& text, Read read) {
    std::vector<decltype(read(text))> values;
    std::istringstream in(text);
    for (std::string one; std::getline(in, one, ',');)
        values.push_back(read(one));
    return values;
}

}  // namespace usher::replay::iptables
