// SPDX-License-Identifier: BSD-3-Clause
// The log: one line a message on standard error. Level and debug areas are switched at run time.
// Any thread may call any of these; a line is one write(2). Workers call none of them: what they
// have to say they note in a ring (dataplane/trace.hpp).
//
// Under systemd (standard error is the journal) a line begins with its syslog level, "<4>", which
// the journal takes off; otherwise with the time in UTC:
//   2026-01-31T12:00:00.123Z warning: interface eth1 is down
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "conf/model.hpp"

namespace usher {

void set_log(const LogConfig& config);
LogConfig log_settings();

bool log_enabled(LogLevel level);
bool debug_enabled(DebugArea area);  // one relaxed load: cheap enough to ask anywhere

// What a message looks like on its line; control bytes become \xNN, so nothing in a message can
// forge another line. Pure; `time_ms` is since the epoch.
std::string log_line(LogLevel level, std::string_view message, std::int64_t time_ms);
std::string journal_line(LogLevel level, std::string_view message);

void write_log(LogLevel level, std::string_view message);  // whatever the level is set to

template <class... Args>
void log_at(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(level)) write_log(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
    log_at(LogLevel::error, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
    log_at(LogLevel::warning, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_notice(fmt::format_string<Args...> format, Args&&... args) {
    log_at(LogLevel::notice, format, std::forward<Args>(args)...);
}

// A debug message needs its area on, or the level at debug (which means all areas).
template <class... Args>
void log_debug(DebugArea area, fmt::format_string<Args...> format, Args&&... args) {
    if (debug_enabled(area))
        write_log(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace usher
