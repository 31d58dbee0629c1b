// SPDX-License-Identifier: BSD-3-Clause
#include "control/list_commands.hpp"

#include <fmt/core.h>

#include <optional>
#include <utility>

#include "control/commands.hpp"

namespace usher {
namespace {

// Whose behaviour this is: ipvsadm prints it on the first line of its list.
constexpr std::string_view kIpvsVersion = "1.2.1";

// The row of a service without its numbers.
ServiceRow row_of(const ServiceKey& key, const DesiredService& service) {
    ServiceRow row;
    row.key = key;
    row.options = service.options;
    row.servers.reserve(service.servers.size());
    for (const DesiredServer& server : service.servers) {
        ServerRow& entry = row.servers.emplace_back();
        entry.key = server.key;
        entry.options = server.options;
    }
    return row;
}

// The optional member "service", which must be one that is there.
Result<std::optional<ServiceKey>> named_service(const Json& members, const Director& director) {
    ObjectReader in(members, "request");
    const Json* service = in.member("service");
    if (const auto ok = in.finish(); !ok) return tl::unexpected<Error>(ok.error());
    if (service == nullptr) return std::nullopt;
    auto key = read_service_key(*service);
    if (!key) return tl::unexpected<Error>(key.error());
    if (!director.desired().services.contains(*key))
        return fail(Errc::no_such_service, "No such service");
    return *key;
}

// A listing, row by row as text: a million rows as JSON values would take a gigabyte.
class ListWriter {
  public:
    explicit ListWriter(std::string_view head) : line_(head) {}

    // False when the reply has become longer than a reply may be.
    bool add(const Json& row) {
        if (rows_++ != 0) line_ += ',';
        line_ += row.dump(-1, ' ', false, Json::error_handler_t::replace);
        return fits();
    }

    std::string finish(std::string_view tail) && {
        if (!fits())
            return failure_line(
                {Errc::no_space, fmt::format("the list is too long for one reply of {} "
                                             "MiB, into which {} rows fit",
                                             kMaxReply >> 20, rows_ - 1)});
        return std::move(line_ += tail);
    }

  private:
    static constexpr std::size_t kRoomForTail = 128;
    bool fits() const { return line_.size() + kRoomForTail <= kMaxReply; }

    std::string line_;
    std::size_t rows_ = 0;
};

}  // namespace

std::string service_list(const Json& members, Director& director) {
    const auto wanted = named_service(members, director);
    if (!wanted) return failure_line(wanted.error());
    ListWriter list(R"({"ok":true,"result":{"services":[)");
    for (const auto& [key, service] : director.desired().services) {
        if (*wanted && key != **wanted) continue;
        if (!list.add(to_wire(director.counted(row_of(key, service))))) break;
    }
    return std::move(list).finish(
        fmt::format("],\"size\":{},\"version\":\"{}\"}}}}\n", director.table_size(), kIpvsVersion));
}

std::string connection_list(const Json&, Director& director) {
    ListWriter list(R"({"ok":true,"result":[)");
    director.each_connection([&](const ConnectionRow& row) { return list.add(to_wire(row)); });
    return std::move(list).finish("]}\n");
}

std::string stats_zero(const Json& members, Director& director) {
    const auto wanted = named_service(members, director);
    if (!wanted) return failure_line(wanted.error());
    director.zero_stats(*wanted);
    return success_line(nullptr);
}

std::string worker_list(const Json&, Director& director) {
    return success_line(to_wire_array(director.workers()));
}

std::string port_list(const Json&, Director& director) {
    return success_line(to_wire_array(director.ports()));
}

std::string drop_list(const Json&, Director& director) {
    return success_line(to_wire(director.drops()));
}

std::string table_show(const Json&, Director& director) {
    return success_line(to_wire(director.table()));
}

}  // namespace usher
