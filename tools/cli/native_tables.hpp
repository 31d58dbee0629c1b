// SPDX-License-Identifier: BSD-3-Clause
// The daemon's results as the tables that `usher` prints. Pure.
#pragma once

#include <string>

#include "control/wire.hpp"

namespace usher {

Result<std::string> services_table(const Json& result);
Result<std::string> servers_table(const Json& result);
Result<std::string> connections_table(const Json& result);
Result<std::string> workers_table(const Json& result);
Result<std::string> ports_table(const Json& result);
Result<std::string> drops_table(const Json& result);
Result<std::string> table_summary(const Json& result);
Result<std::string> timeouts_table(const Json& result);
Result<std::string> vs_table(const Json& result);
Result<std::string> marks_table(const Json& result);
Result<std::string> masquerade_table(const Json& result);
Result<std::string> outside_table(const Json& result);  // of the same result
Result<std::string> log_summary(const Json& result);

}  // namespace usher
