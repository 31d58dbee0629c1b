// SPDX-License-Identifier: BSD-3-Clause
// A command of iptables or ip6tables that gives packets a mark, read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conf/model.hpp"

namespace usher::replay::iptables {

enum class Verb : std::uint8_t { append, insert, remove, flush };

// Where a command names several of a kind, it stands for a rule for each.
struct Command {
    Verb verb = Verb::append;
    std::string table = "filter";
    std::string chain;
    MarkRule common;
    std::vector<std::optional<Prefix>> sources = {std::nullopt};
    std::vector<std::optional<Prefix>> destinations = {std::nullopt};
    std::vector<PortRange> source_ports = {PortRange()};
    std::vector<PortRange> destination_ports = {PortRange()};

    std::vector<MarkRule> rules() const;
};

// Throws, and says at what, when it is another command or more than is understood.
Command parse(const std::string& text);

}  // namespace usher::replay::iptables
