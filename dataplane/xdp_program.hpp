// SPDX-License-Identifier: BSD-3-Clause
// The steering program as a thing that is loaded, found on an interface and taken off again.
// Called by the control thread only. Needs CAP_NET_ADMIN and CAP_BPF (in practice: root).
//
// A killed daemon leaves its program on the interface; the program then passes everything to the
// kernel, because the sockets it redirected to are gone. Nothing needs cleaning up by hand: the
// next start takes the leftover off.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <optional>
#include <string>

#include "nat/result.hpp"
#include "nat/unique_fd.hpp"

namespace usher {

// The compiled program as an anonymous file. Its path, /proc/self/fd/N, is what DPDK's af_xdp
// driver takes as xdp_prog= while the descriptor is open.
Result<UniqueFd> steering_object_file();

struct AttachedProgram {
    std::uint32_t id = 0;
    std::string name;
    bool is_ours = false;
    std::optional<pid_t> user;  // another process that has it open; only looked for when ours
};

// What XDP program the interface has; nothing: none.
Result<std::optional<AttachedProgram>> attached_program(const std::string& interface);

// Makes the interface free for us. A leftover of ours is taken off; the value is then a note for
// the log, otherwise empty. Fails when the program is foreign or belongs to a running daemon; the
// message names it and says how to remove it.
Result<std::string> free_interface(const std::string& interface);

// Takes our program off, if it is there and is ours. The interface may be gone already.
Result<void> detach_steering(unsigned ifindex);

}  // namespace usher
