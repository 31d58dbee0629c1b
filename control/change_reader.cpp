// SPDX-License-Identifier: BSD-3-Clause
#include "control/change_reader.hpp"

#include <initializer_list>
#include <utility>

namespace usher {
namespace {

// Members that hold objects, all of them wanted but "options".
struct Parts {
    const Json* service = nullptr;
    const Json* server = nullptr;
    const Json* options = nullptr;
};

Result<Parts> parts_of(const Json& members, std::initializer_list<std::string_view> wanted) {
    ObjectReader in(members, "request");
    in.member("command");
    Parts parts;
    for (const std::string_view name : wanted) {
        if (name != "options") in.require({name});
        const Json* part = in.member(name);
        if (name == "service") parts.service = part;
        if (name == "server") parts.server = part;
        if (name == "options") parts.options = part;
    }
    if (const auto ok = in.finish(); !ok) return tl::unexpected<Error>(ok.error());
    return parts;
}

struct ServiceWithOptions {
    ServiceKey service;
    ServiceOptions options;
    const Json* given = nullptr;  // the options as they were sent
};

Result<ServiceWithOptions> service_with_options(const Json& members) {
    static const Json kDefaults = Json::object();
    const auto parts = parts_of(members, {"service", "options"});
    if (!parts) return tl::unexpected<Error>(parts.error());
    const auto key = read_service_key(*parts->service);
    if (!key) return tl::unexpected<Error>(key.error());
    const Json& given = parts->options != nullptr ? *parts->options : kDefaults;
    auto options = read_service_options(given, key->family());
    if (!options) return tl::unexpected<Error>(options.error());
    return ServiceWithOptions{*key, *std::move(options), &given};
}

struct Target {
    ServiceKey service;
    ServerKey server;
};

Result<Target> target_of(const Parts& parts) {
    const auto service = read_service_key(*parts.service);
    if (!service) return tl::unexpected<Error>(service.error());
    const auto server = read_server_key(*parts.server);
    if (!server) return tl::unexpected<Error>(server.error());
    return Target{*service, *server};
}

template <class C>
Result<Change> server_with_options(const Json& members) {
    const auto parts = parts_of(members, {"service", "server", "options"});
    if (!parts) return tl::unexpected<Error>(parts.error());
    const auto target = target_of(*parts);
    if (!target) return tl::unexpected<Error>(target.error());
    const Json defaults = Json::object();
    const auto options =
        read_server_options(parts->options != nullptr ? *parts->options : defaults);
    if (!options) return tl::unexpected<Error>(options.error());
    return C{target->service, target->server, *options};
}

}  // namespace

Result<Change> read_service_add(const Json& members) {
    auto read = service_with_options(members);
    if (!read) return tl::unexpected<Error>(read.error());
    return ServiceAdd{read->service, std::move(read->options)};
}

Result<Change> read_service_edit(const Json& members) {
    auto read = service_with_options(members);
    if (!read) return tl::unexpected<Error>(read.error());
    return ServiceEdit{read->service,
                       std::move(read->options),
                       !read->given->contains("idle_timeout"),
                       !read->given->contains("slow_start"),
                       !read->given->contains("mss_clamp"),
                       !read->given->contains("ftp"),
                       !read->given->contains("ftp_third_party")};
}

Result<Change> read_service_delete(const Json& members) {
    const auto parts = parts_of(members, {"service"});
    if (!parts) return tl::unexpected<Error>(parts.error());
    const auto key = read_service_key(*parts->service);
    if (!key) return tl::unexpected<Error>(key.error());
    return ServiceDelete{*key};
}

Result<Change> read_service_clear(const Json& members) {
    const auto parts = parts_of(members, {});
    if (!parts) return tl::unexpected<Error>(parts.error());
    return ServiceClear{};
}

Result<Change> read_server_add(const Json& members) {
    return server_with_options<ServerAdd>(members);
}

Result<Change> read_server_edit(const Json& members) {
    return server_with_options<ServerEdit>(members);
}

Result<Change> read_server_delete(const Json& members) {
    const auto parts = parts_of(members, {"service", "server"});
    if (!parts) return tl::unexpected<Error>(parts.error());
    const auto target = target_of(*parts);
    if (!target) return tl::unexpected<Error>(target.error());
    return ServerDelete{target->service, target->server};
}

Result<Change> read_timeout_set(const Json& members) {
    Json values = members;
    values.erase("command");
    const auto timeouts = read_timeouts(values);
    if (!timeouts) return tl::unexpected<Error>(timeouts.error());
    return TimeoutSet{*timeouts};
}

Result<Change> read_vs_set(const Json& members) {
    ObjectReader in(members, "request");
    in.member("command");
    in.require({"name", "value"});
    VsSet set{in.text("name", ""), in.counter("value")};
    if (const auto ok = in.finish(); !ok) return tl::unexpected<Error>(ok.error());
    return set;
}

Result<Change> read_marks_set(const Json& members) {
    ObjectReader in(members, "request");
    in.member("command");
    in.require({"marks"});
    const Json* marks = in.member("marks");
    const Json* expected = in.member("expected");
    if (const auto ok = in.finish(); !ok) return tl::unexpected<Error>(ok.error());
    MarksSet set;
    auto rules = read_mark_rules(*marks);
    if (!rules) return tl::unexpected<Error>(rules.error());
    set.marks = *std::move(rules);
    if (expected == nullptr) return set;
    auto before = read_mark_rules(*expected);
    if (!before) return tl::unexpected<Error>(before.error());
    set.expected = *std::move(before);
    return set;
}

}  // namespace usher
