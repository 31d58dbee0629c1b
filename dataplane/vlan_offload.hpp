// SPDX-License-Identifier: BSD-3-Clause
// A NIC that takes VLAN tags off what it receives puts them beside the frame, where neither the XDP
// program nor the workers see them. Control thread; needs CAP_NET_ADMIN.
#pragma once

#include <string>

#include "nat/result.hpp"

namespace usher {

// Has the interface leave tags in the frames. The value says, for the log, that something was
// changed; empty: nothing was. Fails when the NIC cannot, with a sentence.
Result<std::string> leave_tags_in_frames(const std::string& interface);

}  // namespace usher
