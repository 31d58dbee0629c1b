// SPDX-License-Identifier: BSD-3-Clause
// "did you mean": the word nearest to a mistyped one.
#pragma once

#include <span>
#include <string_view>

namespace usher {

// The candidate with the fewest insertions, deletions, replacements and swaps of neighbours away
// from `word`; empty when none is within a third of its length.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace usher
