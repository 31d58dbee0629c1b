// SPDX-License-Identifier: BSD-3-Clause
// Any text as the configuration file: it is refused, or it survives being written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "conf/read.hpp"
#include "conf/write.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    const usher::ConfigResult first = usher::parse_config(text, "f");
    if (!first) {
        if (first.error().empty()) std::abort();
        (void)usher::to_string(first.error());
        return 0;
    }
    const usher::ConfigResult second = usher::parse_config(usher::write_config(first->config), "w");
    if (!second || !(second->config == first->config)) std::abort();
    return 0;
}
