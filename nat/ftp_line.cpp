// SPDX-License-Identifier: BSD-3-Clause
#include "nat/ftp_line.hpp"

#include <algorithm>
#include <cstring>

namespace usher {

void FtpLine::begin(std::uint32_t sequence) {
    at = sequence;
    length = 0;
    passes_over = false;
}

void FtpLine::begin_within() {
    length = 0;
    passes_over = true;
}

FtpLine::Taken FtpLine::take(std::span<const std::uint8_t> fresh) {
    const auto* end =
        static_cast<const std::uint8_t*>(std::memchr(fresh.data(), '\n', fresh.size()));
    const bool ends = end != nullptr;
    const std::size_t size = ends ? static_cast<std::size_t>(end - fresh.data()) + 1 : fresh.size();
    const std::size_t kept = passes_over ? 0 : std::min(size, kRoom - length);
    std::memcpy(bytes.data() + length, fresh.data(), kept);
    length = static_cast<std::uint8_t>(length + kept);
    passes_over = kept < size;
    return {size, ends};
}

}  // namespace usher
