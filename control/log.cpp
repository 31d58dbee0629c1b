// SPDX-License-Identifier: BSD-3-Clause
#include "control/log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include "conf/words.hpp"

namespace usher {
namespace {

// Relaxed throughout: a message more or less around a switch harms nobody.
std::atomic<LogLevel> level_now{LogLevel::info};
std::atomic<std::uint32_t> areas_now{0};

// systemd.exec(5): JOURNAL_STREAM holds device and inode of the journal's socket; it is inherited,
// so only when standard error still is that socket are we talking to the journal.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

int syslog_level(LogLevel level) {
    switch (level) {
        case LogLevel::error:
            return 3;
        case LogLevel::warning:
            return 4;
        case LogLevel::notice:
            return 5;
        case LogLevel::info:
            return 6;
        case LogLevel::debug:
            return 7;
    }
    return 6;
}

void append_printable(std::string& line, std::string_view message) {
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            line += fmt::format("\\x{:02x}", byte);
        else
            line += c;
    }
    line += '\n';
}

}  // namespace

void set_log(const LogConfig& config) {
    level_now.store(config.level, std::memory_order_relaxed);
    areas_now.store(config.debug, std::memory_order_relaxed);
}

LogConfig log_settings() {
    return {level_now.load(std::memory_order_relaxed), areas_now.load(std::memory_order_relaxed)};
}

bool log_enabled(LogLevel level) {
    return level <= level_now.load(std::memory_order_relaxed);
}

bool debug_enabled(DebugArea area) {
    return (areas_now.load(std::memory_order_relaxed) & area) != 0 || log_enabled(LogLevel::debug);
}

std::string log_line(LogLevel level, std::string_view message, std::int64_t time_ms) {
    const std::time_t seconds = time_ms / 1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::string line =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {}: ", utc.tm_year + 1900,
                    utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                    time_ms % 1000, word_of(kLogLevelWords, level));
    append_printable(line, message);
    return line;
}

std::string journal_line(LogLevel level, std::string_view message) {
    std::string line = fmt::format("<{}>", syslog_level(level));
    append_printable(line, message);
    return line;
}

void write_log(LogLevel level, std::string_view message) {
    static const bool kJournal = stderr_is_journal();
    using namespace std::chrono;
    const auto now = system_clock::now().time_since_epoch();
    const std::string line =
        kJournal ? journal_line(level, message)
                 : log_line(level, message, duration_cast<milliseconds>(now).count());
    // There is nobody to tell when standard error cannot be written.
    [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace usher
