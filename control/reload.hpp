// SPDX-License-Identifier: BSD-3-Clause
// From what runs to what the file says, as the fewest changes. Pure.
#pragma once

#include <vector>

#include "conf/model.hpp"
#include "control/desired_state.hpp"

namespace usher {

// What must change so that exactly the file's services run: services and servers that are not in
// the file are deleted, those whose options differ are edited, those that are equal are not
// mentioned (they keep their place in the list, so schedulers and connections see nothing), and
// new ones are added in the file's order (the last written becomes the head, as with a script of
// ipvsadm commands). A changed order alone changes nothing.
std::vector<Change> reload_changes(const DesiredState& running,
                                   const std::vector<ServiceConfig>& file);
// The same for all of the file that is not read at start only: [timeouts], [vs], [[mark]],
// [[masquerade]], [forwarding], services.
std::vector<Change> reload_changes(const DesiredState& running, const Config& file);

// The same, applied; the error names what was refused. Boot is a reload of an empty state.
Result<DesiredState> reload(const DesiredState& running, const std::vector<ServiceConfig>& file,
                            const Rules& rules);
Result<DesiredState> reload(const DesiredState& running, const Config& file, const Rules& rules);

// Whether the file also differs from what was started in what is read at start only.
bool needs_restart(const Config& started, Config file);

// The way back: what runs, in the file's order (oldest server first), so that a boot from it makes
// the same lists.
std::vector<ServiceConfig> as_written(const DesiredState& running);

}  // namespace usher
