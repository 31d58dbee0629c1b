// SPDX-License-Identifier: BSD-3-Clause
#include "control/settings_commands.hpp"

#include <fmt/core.h>

#include <array>
#include <optional>

#include "conf/vs_settings.hpp"
#include "conf/words.hpp"

namespace usher {
namespace {

template <class T, std::size_t N>
std::optional<T> value_of(const std::array<Word<T>, N>& words, std::string_view text) {
    for (const auto& word : words)
        if (word.text == text) return word.value;
    return std::nullopt;
}

template <class T, std::size_t N>
std::string list_of(const std::array<Word<T>, N>& words) {
    std::string list;
    for (const auto& word : words)
        list.append(list.empty() ? "" : ", ").append(word.text);
    return list;
}

Result<std::uint32_t> read_areas(const Json& names) {
    if (!names.is_array()) return fail(Errc::protocol, "request: 'debug' must be an array");
    std::uint32_t areas = 0;
    for (const Json& name : names) {
        if (!name.is_string()) return fail(Errc::protocol, "request: 'debug' must hold strings");
        const auto area = value_of(kDebugWords, name.get_ref<const std::string&>());
        if (!area)
            return fail(Errc::invalid,
                        "request: 'debug' has an area that does not exist; there are " +
                            list_of(kDebugWords));
        areas |= *area;
    }
    return areas;
}

}  // namespace

std::string config_show(const Json&, Director& director) {
    return success_line({{"toml", director.config_toml()}});
}

std::string config_save(const Json& members, Director& director) {
    ObjectReader in(members, "request");
    std::optional<std::string> path;
    if (in.has("path")) path = in.text("path", "");
    if (const auto ok = in.finish(); !ok) return failure_line(ok.error());
    if (path && (path->empty() || path->find('\0') != std::string::npos))
        return failure_line({Errc::invalid, "request: 'path' must be the name of a file"});
    const auto written = director.save_config(path);
    return written ? success_line({{"path", *written}}) : failure_line(written.error());
}

std::string config_reload(const Json&, Director& director) {
    const auto ok = director.reload_config();
    return ok ? success_line(nullptr) : failure_line(ok.error());
}

std::string log_get(const Json&, Director& director) {
    const LogConfig config = director.log_config();
    Json areas = Json::array();
    for (const auto& word : kDebugWords)
        if ((config.debug & word.value) != 0) areas.push_back(word.text);
    return success_line({{"level", word_of(kLogLevelWords, config.level)}, {"debug", areas}});
}

std::string log_set(const Json& members, Director& director) {
    ObjectReader in(members, "request");
    LogConfig config = director.log_config();
    if (in.has("level")) {
        const auto level = value_of(kLogLevelWords, in.text("level", ""));
        if (level) config.level = *level;
        if (!level)
            in.fail_with(Errc::invalid, "level", "must be one of " + list_of(kLogLevelWords));
    }
    const Json* debug = in.member("debug");
    if (const auto ok = in.finish(); !ok) return failure_line(ok.error());
    if (debug != nullptr) {
        const auto areas = read_areas(*debug);
        if (!areas) return failure_line(areas.error());
        config.debug = *areas;
    }
    director.change_log(config);
    return success_line(nullptr);
}

std::string vs_list(const Json&, Director& director) {
    const VsSettings& now = director.desired().vs;
    const VsSettings standard;
    std::vector<VsRow> rows;
    for (const VsSetting& setting : vs_settings())
        rows.push_back({std::string(setting.name), now.*setting.value, standard.*setting.value,
                        setting.least, setting.most, std::string(setting.about)});
    return success_line(to_wire_array(rows));
}

std::string marks_list(const Json&, Director& director) {
    return success_line(to_wire_array(director.desired().marks));
}

std::string version(const Json&, Director& director) {
    return success_line({{"usher", USHER_VERSION}, {"dpdk", director.dpdk_version()}});
}

}  // namespace usher
