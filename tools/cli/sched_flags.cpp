// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/sched_flags.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "conf/words.hpp"

namespace usher {

tl::expected<std::uint32_t, std::string> parse_sched_flags(std::string_view words,
                                                           std::string_view scheduler) {
    std::uint32_t flags = 0;
    for (std::size_t start = 0; start < words.size();) {
        const std::size_t comma = std::min(words.find(',', start), words.size());
        const std::string_view name = words.substr(start, comma - start);
        start = comma + 1;
        if (name.empty()) continue;
        const Word<std::uint32_t>* found = nullptr;
        for (const auto& word : kFlagWords)
            if (word.text == name && word.value != kFlagOnePacket) found = &word;
        if (found == nullptr)
            return tl::unexpected(fmt::format("invalid scheduler flag `{}'", name));
        const std::string_view owner = name.substr(0, name.find('-'));
        if (owner != "flag" && owner != scheduler)
            return tl::unexpected(fmt::format("incompatible scheduler flag `{}'", name));
        flags |= found->value;
    }
    return flags;
}

}  // namespace usher
