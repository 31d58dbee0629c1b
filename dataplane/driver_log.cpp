// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/driver_log.hpp"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <rte_log.h>
#include <xdp/libxdp.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string_view>

namespace usher {

namespace {

std::mutex guard;
constexpr std::size_t kLines = 4;
std::deque<std::string> newest;  // guarded by `guard`

void keep(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.remove_suffix(1);
    if (text.empty()) return;
    const std::lock_guard lock(guard);
    newest.emplace_back(text);
    if (newest.size() > kLines) newest.pop_front();
}

ssize_t keep_written(void*, const char* text, std::size_t size) {
    keep({text, size});
    return static_cast<ssize_t>(size);
}

void keep_formatted(const char* format, va_list arguments) {
    std::array<char, 512> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    keep(line.data());
}

int keep_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_WARN) keep_formatted(format, arguments);
    return 0;
}

int keep_libxdp(libxdp_print_level level, const char* format, va_list arguments) {
    if (level == LIBXDP_WARN) keep_formatted(format, arguments);
    return 0;
}

}  // namespace

void keep_driver_messages() {
    static std::FILE* stream = [] {
        cookie_io_functions_t sink{};
        sink.write = keep_written;
        std::FILE* opened = fopencookie(nullptr, "w", sink);
        if (opened != nullptr) std::setvbuf(opened, nullptr, _IOLBF, 1024);
        return opened;
    }();
    if (stream != nullptr) rte_openlog_stream(stream);
    libbpf_set_print(keep_libbpf);
    libxdp_set_print(keep_libxdp);
}

void forget_driver_messages() {
    const std::lock_guard lock(guard);
    newest.clear();
}

std::string driver_messages() {
    const std::lock_guard lock(guard);
    return fmt::format("{}", fmt::join(newest, "; "));
}

}  // namespace usher
