// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/ipvsadm_messages.hpp"

#include <cerrno>
#include <cstring>
#include <optional>

namespace usher {
namespace {

using enum IpvsCommand;

struct Message {
    IpvsCommand command;
    Errc code;
    std::string_view text;
};

constexpr Message kMessages[] = {
    {add_service, Errc::exists, "Service already exists"},
    {add_service, Errc::no_such_entry, "Scheduler or persistence engine not found"},
    {edit_service, Errc::no_such_service, "No such service"},
    {edit_service, Errc::no_such_entry, "Scheduler or persistence engine not found"},
    {delete_service, Errc::no_such_service, "No such service"},
    {zero, Errc::no_such_service, "No such service"},
    {add_server, Errc::exists, "Destination already exists"},
    {add_server, Errc::no_such_service, "Service not defined"},
    {edit_server, Errc::no_such_service, "Service not defined"},
    {edit_server, Errc::no_such_entry, "No such destination"},
    {delete_server, Errc::no_such_service, "Service not defined"},
    {delete_server, Errc::no_such_entry, "No such destination"},
    {list, Errc::no_such_service, "No such service"},
};

// The errno whose general text ipvsadm prints; nothing where the daemon's sentence says more.
std::optional<int> general_errno(Errc code) {
    switch (code) {
        case Errc::exists:
            return EEXIST;
        case Errc::no_such_entry:
            return ENOENT;
        case Errc::no_such_service:
            return ESRCH;
        case Errc::out_of_range:
            return ERANGE;
        case Errc::permission:
            return EACCES;
        default:
            return std::nullopt;
    }
}

}  // namespace

std::string ipvsadm_message(IpvsCommand command, const Error& error) {
    for (const Message& message : kMessages)
        if (message.command == command && message.code == error.code)
            return std::string(message.text);
    if (error.code == Errc::invalid)
        return "Invalid operation.  Possibly wrong module version, address not unicast, ...";
    if (const auto number = general_errno(error.code)) return std::strerror(*number);
    return error.message;
}

int ipvsadm_exit_code(IpvsCommand command) {
    return command == list ? 1 : 255;
}

}  // namespace usher
