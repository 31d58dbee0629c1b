// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm -b: the words of scheduler flags. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace usher {

// "sh-port,sh-fallback" -> ServiceFlags bits. The flags of sh and mh have names of their own,
// allowed with that scheduler only. The error is ipvsadm's own text.
tl::expected<std::uint32_t, std::string> parse_sched_flags(std::string_view words,
                                                           std::string_view scheduler);

}  // namespace usher
