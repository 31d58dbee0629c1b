// SPDX-License-Identifier: BSD-3-Clause
// IPVS's settings under net.ipv4.vs by name: those that mean something here, with their limits, and
// why each of the others does not. The file's [vs], `vs.set` and `usher vs` all go by this table.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "conf/model.hpp"
#include "conf/result.hpp"

namespace usher {

struct VsSetting {
    std::string_view name;
    std::uint32_t VsSettings::*value;
    std::uint32_t least;
    std::uint32_t most;
    std::string_view about;  // one line for `usher vs`, without a full stop
};

std::span<const VsSetting> vs_settings();  // sorted by name

// nullptr when it is none of ours.
const VsSetting* find_vs_setting(std::string_view name);

// Why a name is refused: EOPNOTSUPP with the reason when IPVS has it but Usher does not, ENOENT,
// perhaps with "did you mean", when nobody has it.
Error unknown_vs_setting(std::string_view name);

// Changes one; fails as above, or with ERANGE, and then changes nothing.
Result<void> set_vs(VsSettings& settings, std::string_view name, std::uint64_t value);

}  // namespace usher
