// SPDX-License-Identifier: BSD-3-Clause
#include "conf/read.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

#include "conf/sections.hpp"
#include "conf/table_reader.hpp"

namespace usher {
namespace {

tl::unexpected<std::vector<ConfigError>> one_error(const std::string& file, Position at,
                                                   std::string message) {
    return tl::unexpected(std::vector<ConfigError>{{file, at, std::move(message)}});
}

// toml++ 3.3 builds one table for each dot of a key and destroys them recursively: a key of a
// million dots would overflow the stack. Runs of dots are counted between the characters that end
// a key, without looking at quotes and comments; no line that people write has this many.
Position too_many_dots(std::string_view text) {
    constexpr int kMaxDots = 256;
    Position at{1, 0};
    int dots = 0;
    for (const char c : text) {
        ++at.column;
        if (c == '.' && ++dots > kMaxDots) return at;
        if (c == '=' || c == ',' || c == '[' || c == '{' || c == '\n') dots = 0;
        if (c == '\n') at = {at.line + 1, 0};
    }
    return {};
}

ReadConfig read_sections(const toml::table& table, const std::string& file, ConfigErrors& errors) {
    ReadConfig read;
    read.source.file = file;
    TableReader top(table, "the file", errors);
    read_interfaces(top, read);
    read_wires(top, read);
    read_settings(top, read);
    read_marks(top, read);
    read_masquerade(top, read);
    read_services(top, read);
    top.unknown_keys();
    return read;
}

}  // namespace

ConfigResult parse_config(std::string_view text, const std::string& file) try {
    if (text.size() > kMaxConfigBytes)
        return one_error(file, {}, fmt::format("larger than {} MiB", kMaxConfigBytes >> 20));
    if (const Position at = too_many_dots(text); at.line != 0)
        return one_error(file, at, "expected a key of at most 256 parts");
    const toml::table table = toml::parse(text, file);
    ConfigErrors errors(file);
    ReadConfig read = read_sections(table, file, errors);
    if (!errors.empty()) return tl::unexpected(errors.take_sorted());
    return read;
} catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    return one_error(file, {at.line, at.column}, std::string(error.description()));
} catch (const std::exception& error) {  // out of memory
    return one_error(file, {}, error.what());
}

ConfigResult read_config(const std::string& path) {
    const auto failed = [&] {
        return one_error(path, {}, fmt::format("cannot be read: {}", std::strerror(errno)));
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                               &std::fclose);
    if (!file) return failed();
    std::string text;
    char chunk[65536];
    while (text.size() <= kMaxConfigBytes) {
        const std::size_t got = std::fread(chunk, 1, sizeof chunk, file.get());
        if (got == 0) break;
        text.append(chunk, got);
    }
    if (std::ferror(file.get()) != 0) return failed();
    return parse_config(text, path);
}

}  // namespace usher
