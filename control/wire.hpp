// SPDX-License-Identifier: BSD-3-Clause
// The control socket's messages (docs/protocol.md) to and from values. Pure; any thread.
//
// Reading a request is strict (control/object_reader.hpp). Reading a listing ignores members that
// it does not know, so that an older command line can talk to a newer daemon.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model.hpp"
#include "conf/result.hpp"
#include "control/listing.hpp"
#include "control/object_reader.hpp"

namespace usher {

std::string_view errc_name(Errc code);  // "EEXIST", ...
std::optional<Errc> parse_errc(std::string_view name);

// Messages. A line has its LF at the end when written, and none when read. Bytes that are not
// UTF-8 are replaced, never thrown about.
std::string to_line(const Json& message);
std::string success_line(const Json& result);
std::string failure_line(const Error& error, std::optional<std::size_t> index = std::nullopt);

struct Request {
    std::string command;
    Json members;  // the object without "command"
};
Result<Request> read_request(std::string_view line);  // Errc::protocol

struct Reply {
    bool ok = false;
    Json result;                       // when ok
    Error error;                       // when not ok
    std::optional<std::size_t> index;  // of the command of a batch that failed
};
Result<Reply> read_reply(std::string_view line);  // Errc::protocol: not a reply at all

// Values that an operator sends.
Json to_wire(const ServiceKey& key);
Json to_wire(const ServiceOptions& options);
Json to_wire(const ServerKey& key);
Json to_wire(const ServerOptions& options);
Json to_wire(const Timeouts& timeouts);
Json to_wire(const MarkRule& rule);
Result<ServiceKey> read_service_key(const Json& json);
// The family gives persistence_bits its default and its range.
Result<ServiceOptions> read_service_options(const Json& json, Family family);
Result<ServerKey> read_server_key(const Json& json);
Result<ServerOptions> read_server_options(const Json& json);
Result<Timeouts> read_timeouts(const Json& json);  // all three; 0 leaves one as it is

Result<MarkRule> read_mark_rule(const Json& json);
Result<std::vector<MarkRule>> read_mark_rules(const Json& json);  // an array of them
Json to_wire(const MasqueradeRule& rule);
Result<std::vector<MasqueradeRule>> read_masquerade_rules(const Json& json);  // likewise

// Listings.
Json to_wire(const ServiceRow& row);
Json to_wire(const ServiceListing& listing);
Json to_wire(const ConnectionRow& row);
Json to_wire(const WorkerRow& row);
Json to_wire(const PortRow& row);
Json to_wire(const TableRow& row);
Json to_wire(const VsRow& row);
Json to_wire(const std::vector<DropRow>& rows);  // one object: reason -> count, sorted by reason
Result<ServiceListing> read_service_listing(const Json& json);
Result<std::vector<ConnectionRow>> read_connections(const Json& json);
Result<std::vector<WorkerRow>> read_workers(const Json& json);
Result<std::vector<PortRow>> read_ports(const Json& json);
Result<TableRow> read_table(const Json& json);
Result<std::vector<VsRow>> read_vs_rows(const Json& json);
Result<std::vector<DropRow>> read_drops(const Json& json);
Json to_wire(const MasqueradeListing& listing);
Result<MasqueradeListing> read_masquerade_listing(const Json& json);

template <class Row>
Json to_wire_array(const std::vector<Row>& rows) {
    Json out = Json::array();
    for (const Row& row : rows)
        out.push_back(to_wire(row));
    return out;
}

}  // namespace usher
