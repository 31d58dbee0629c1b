// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands.hpp"

#include <fmt/core.h>

#include <array>
#include <exception>
#include <utility>

#include "control/change_reader.hpp"
#include "control/list_commands.hpp"
#include "control/log.hpp"
#include "control/masquerade_commands.hpp"
#include "control/settings_commands.hpp"
#include "control/wire.hpp"

namespace usher {
namespace {

// How much of an unknown name an error repeats.
constexpr std::size_t kShownName = 64;

std::string timeout_get(const Json&, Director& director) {
    return success_line(to_wire(director.desired().timeouts));
}

using ReadChange = Result<Change> (*)(const Json& members);

// The reader of a command that may come in a batch, nullptr for any other.
ReadChange change_reader(std::string_view command);

Result<Change> read_change(const Json& entry) {
    ObjectReader in(entry, "batch");
    in.require({"command"});
    const std::string command = in.text("command", "");
    if (const auto ok = in.error(); !ok) return tl::unexpected<Error>(ok.error());
    const ReadChange read = change_reader(command);
    if (read == nullptr) return fail(Errc::protocol, "batch: not a command that changes services");
    return read(entry);
}

Result<std::vector<Change>> read_batch(const Json& members, std::optional<std::size_t>& at) {
    ObjectReader in(members, "batch");
    in.require({"commands"});
    const Json* commands = in.member("commands");
    if (const auto ok = in.finish(); !ok) return tl::unexpected<Error>(ok.error());
    if (!commands->is_array()) return fail(Errc::protocol, "batch: 'commands' must be an array");
    std::vector<Change> changes;
    changes.reserve(commands->size());
    for (std::size_t i = 0; i < commands->size(); ++i) {
        at = i;
        auto change = read_change((*commands)[i]);
        if (!change) return tl::unexpected<Error>(change.error());
        changes.push_back(*std::move(change));
    }
    return changes;
}

std::string batch(const Json& members, Director& director) {
    std::optional<std::size_t> at;
    const auto changes = read_batch(members, at);
    if (!changes) return failure_line(changes.error(), at);
    auto next = apply_all(director.desired(), *changes, director.rules());
    if (!next) return failure_line(next.error().error, next.error().index);
    if (const auto ok = director.publish(*std::move(next)); !ok) return failure_line(ok.error());
    log_debug(kDebugControl, "batch of {} changes", changes->size());
    return success_line(Json::array_t(changes->size()));
}

// Exactly one of `change` and `run` is set. A command with `change` may also come in a batch.
struct Command {
    std::string_view name;
    ReadChange change;
    std::string (*run)(const Json& members, Director& director);
    bool has_members;  // of `run`: it reads them itself; else there must be none
};

constexpr std::array kCommands{
    Command{"service.add", read_service_add, nullptr, true},
    Command{"service.edit", read_service_edit, nullptr, true},
    Command{"service.delete", read_service_delete, nullptr, true},
    Command{"service.clear", read_service_clear, nullptr, true},
    Command{"server.add", read_server_add, nullptr, true},
    Command{"server.edit", read_server_edit, nullptr, true},
    Command{"server.delete", read_server_delete, nullptr, true},
    Command{"timeout.set", read_timeout_set, nullptr, true},
    Command{"vs.set", read_vs_set, nullptr, true},
    Command{"marks.set", read_marks_set, nullptr, true},
    Command{"masquerade.set", read_masquerade_set, nullptr, true},
    Command{"forwarding.set", read_forwarding_set, nullptr, true},
    Command{"batch", nullptr, batch, true},
    Command{"service.list", nullptr, service_list, true},
    Command{"connection.list", nullptr, connection_list, false},
    Command{"stats.zero", nullptr, stats_zero, true},
    Command{"timeout.get", nullptr, timeout_get, false},
    Command{"vs.list", nullptr, vs_list, false},
    Command{"marks.list", nullptr, marks_list, false},
    Command{"masquerade.list", nullptr, masquerade_list, false},
    Command{"worker.list", nullptr, worker_list, false},
    Command{"port.list", nullptr, port_list, false},
    Command{"drop.list", nullptr, drop_list, false},
    Command{"table.show", nullptr, table_show, false},
    Command{"config.show", nullptr, config_show, false},
    Command{"config.save", nullptr, config_save, true},
    Command{"config.reload", nullptr, config_reload, false},
    Command{"log.get", nullptr, log_get, false},
    Command{"log.set", nullptr, log_set, true},
    Command{"version", nullptr, version, false},
};

const Command* find_command(std::string_view name) {
    for (const Command& command : kCommands)
        if (command.name == name) return &command;
    return nullptr;
}

ReadChange change_reader(std::string_view command) {
    const Command* found = find_command(command);
    return found != nullptr ? found->change : nullptr;
}

std::string change(ReadChange read, const Json& members, Director& director) {
    const auto wanted = read(members);
    if (!wanted) return failure_line(wanted.error());
    DesiredState next = director.desired();
    if (const auto ok = apply(next, *wanted, director.rules()); !ok)
        return failure_line(ok.error());
    if (const auto ok = director.publish(std::move(next)); !ok) return failure_line(ok.error());
    log_debug(kDebugControl, "{}", describe(*wanted));
    return success_line(nullptr);
}

// No request nests deeper than a batch's servers, and each level of a hostile one costs memory.
bool nests_too_deep(std::string_view line) {
    constexpr int kDeepest = 8;
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (in_string && c == '\\') ++i;
        if (c == '"') in_string = !in_string;
        if (in_string) continue;
        if (c == '[' || c == '{') ++depth;
        if (c == ']' || c == '}') --depth;
        if (depth > kDeepest) return true;
    }
    return false;
}

std::string answer(std::string_view line, Director& director) {
    if (nests_too_deep(line))
        return failure_line({Errc::protocol, "nested too deep for a request"});
    const auto request = read_request(line);
    if (!request) return failure_line(request.error());
    const Command* command = find_command(request->command);
    if (command == nullptr)
        return failure_line({Errc::protocol, fmt::format("no command '{}'",
                                                         request->command.substr(0, kShownName))});
    if (command->change != nullptr) return change(command->change, request->members, director);
    if (!command->has_members) {
        const ObjectReader in(request->members, "request");
        if (const auto ok = in.finish(); !ok) return failure_line(ok.error());
    }
    return command->run(request->members, director);
}

}  // namespace

std::string handle_line(std::string_view line, Director& director) {
    try {
        std::string reply = answer(line, director);
        if (reply.size() <= kMaxReply) return reply;
        return failure_line({Errc::no_space, "the answer is too long for one reply of 64 MiB"});
    } catch (const std::exception& error) {  // out of memory; the state is as it was
        return failure_line({Errc::unavailable, fmt::format("internal error: {}", error.what())});
    }
}

}  // namespace usher
