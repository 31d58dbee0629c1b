// SPDX-License-Identifier: BSD-3-Clause
// The TOML file -> plain values, or every mistake in it with its position. What depends on the
// machine (is there such an interface, core, group, scheduler?) is conf/check.hpp's.
// Any thread; nothing is kept between calls; nothing throws.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "conf/error.hpp"
#include "conf/model.hpp"

namespace usher {

// Where the values stand that are only checked later. The vectors run parallel to Config's; a
// value that the file leaves to its default has the position of its table.
struct ServiceSource {
    Position key;  // of "tcp = ..." and its kin
    Position scheduler;
    std::vector<Position> servers;
};
struct ConfigSource {
    std::string file;
    std::vector<Position> interfaces;  // of each name
    std::vector<Position> cores;
    Position group;
    std::vector<ServiceSource> services;
};

struct ReadConfig {
    Config config;
    ConfigSource source;
};

using ConfigResult = tl::expected<ReadConfig, std::vector<ConfigError>>;

inline constexpr std::size_t kMaxConfigBytes = std::size_t{64} << 20;

// `file` is the name used in errors. Invalid UTF-8 and more than kMaxConfigBytes are errors.
ConfigResult parse_config(std::string_view text, const std::string& file);

// Reads the file whole; one that cannot be read is an error without line and column.
ConfigResult read_config(const std::string& path);

}  // namespace usher
