// SPDX-License-Identifier: BSD-3-Clause
// Changes of the desired state out of the control socket's messages. Pure; any thread.
// Each reads an object, whose "command" member (if it still has one) is not looked at.
// Fails with Errc::protocol (shape) or Errc::invalid (a value that cannot be).
#pragma once

#include "control/desired_state.hpp"
#include "control/wire.hpp"

namespace usher {

Result<Change> read_service_add(const Json& members);
Result<Change> read_service_edit(const Json& members);
Result<Change> read_service_delete(const Json& members);
Result<Change> read_service_clear(const Json& members);
Result<Change> read_server_add(const Json& members);
Result<Change> read_server_edit(const Json& members);
Result<Change> read_server_delete(const Json& members);
Result<Change> read_timeout_set(const Json& members);
Result<Change> read_vs_set(const Json& members);
Result<Change> read_marks_set(const Json& members);

}  // namespace usher
