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
#include <vector>

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

// Descriptors of programs, maps and type information that this process has open, lowest first. The
// driver keeps those that it loads to itself: what is new after it was opened is its own.
std::vector<int> bpf_descriptors();
bool is_bpf_map(int descriptor);

// The program runs in the kernel's generic path, not in the driver.
bool is_generic(unsigned ifindex);
// Its number, 0: none; nothing: the kernel does not say. Takes it off if it has that number,
// wherever it runs.
std::optional<std::uint32_t> attached_id(unsigned ifindex);
void detach_id(unsigned ifindex, std::uint32_t id);

// Says in the program's map of sockets which one has queue 0, 1, ...
Result<void> map_xdp_sockets(const std::vector<int>& maps, const std::vector<int>& sockets);

}  // namespace usher
