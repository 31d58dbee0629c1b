// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xdp_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include "dataplane/steer_object.hpp"
#include "dataplane/steering_layout.h"

namespace usher {

namespace {

std::optional<pid_t> to_pid(const std::string& name) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return pid;
}

bool names_program(const std::filesystem::path& fdinfo, const std::string& wanted) {
    std::ifstream file(fdinfo);
    for (std::string line; std::getline(file, line);)
        if (line == wanted) return true;
    return false;
}

// The kernel says in /proc/PID/fdinfo which descriptor is which program.
std::optional<pid_t> process_with_program(std::uint32_t id) {
    namespace fs = std::filesystem;
    const std::string wanted = fmt::format("prog_id:\t{}", id);
    std::error_code gone;  // processes end while we look
    for (fs::directory_iterator process("/proc", gone), last; !gone && process != last;
         process.increment(gone)) {
        const auto pid = to_pid(process->path().filename().string());
        if (!pid || *pid == getpid()) continue;
        std::error_code ended;
        for (fs::directory_iterator info(process->path() / "fdinfo", ended), end;
             !ended && info != end; info.increment(ended))
            if (names_program(info->path(), wanted)) return pid;
    }
    return std::nullopt;
}

bpf_xdp_query_opts attached_to(unsigned ifindex) {
    bpf_xdp_query_opts found{};
    found.sz = sizeof(found);
    if (bpf_xdp_query(static_cast<int>(ifindex), 0, &found) < 0) found.attach_mode = 0;
    return found;
}

std::string name_of(unsigned ifindex) {
    char name[IF_NAMESIZE];
    return if_indextoname(ifindex, name) != nullptr ? name : fmt::format("interface {}", ifindex);
}

// Wherever it runs: the kernel takes it off only where it was put.
Result<void> detach(unsigned ifindex) {
    const bool generic = attached_to(ifindex).attach_mode == XDP_ATTACHED_SKB;
    const int error =
        bpf_xdp_detach(static_cast<int>(ifindex), generic ? XDP_FLAGS_SKB_MODE : 0U, nullptr);
    if (error < 0)
        return fail(Errc::unavailable,
                    fmt::format("cannot take the XDP program off {0}: {1}; do it by hand: ip link "
                                "set {0} xdp off; ip link set {0} xdpgeneric off",
                                name_of(ifindex), std::strerror(-error)));
    return {};
}

}  // namespace

Result<UniqueFd> steering_object_file() {
    UniqueFd file(memfd_create("usher_steer", MFD_CLOEXEC));
    if (file.get() < 0)
        return fail(Errc::unavailable,
                    fmt::format("cannot create a memory file: {}", std::strerror(errno)));
    if (write(file.get(), kSteerObject, sizeof(kSteerObject)) != ssize_t{sizeof(kSteerObject)})
        return fail(Errc::no_space, "cannot write the XDP program into a memory file");
    return file;
}

Result<std::optional<AttachedProgram>> attached_program(const std::string& interface) {
    const unsigned ifindex = if_nametoindex(interface.c_str());
    if (ifindex == 0)
        return fail(Errc::unavailable, fmt::format("there is no interface {}; `ip link` lists "
                                                   "those that exist",
                                                   interface));
    std::uint32_t id = 0;
    if (const int error = bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id); error < 0)
        return fail(Errc::unavailable, fmt::format("cannot ask for the XDP program of {}: {}",
                                                   interface, std::strerror(-error)));
    if (id == 0) return std::optional<AttachedProgram>();

    UniqueFd program(bpf_prog_get_fd_by_id(id));
    if (program.get() < 0)
        return fail(
            Errc::permission,
            fmt::format(
                "{0} has an XDP program which is not ours (id {1}; it cannot be looked at: {2}). "
                "`bpftool prog show id {1}` names it; stop its owner or remove it: ip link "
                "set {0} xdp off",
                interface, id, std::strerror(errno)));
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(program.get(), &info, &size) < 0)
        return fail(Errc::unavailable, fmt::format("cannot read about XDP program {} of {}: {}", id,
                                                   interface, std::strerror(errno)));
    AttachedProgram found{.id = id, .name = info.name, .is_ours = false, .user = {}};
    found.is_ours = found.name == STEERING_PROGRAM;
    program = UniqueFd();  // else we should find ourselves
    if (found.is_ours) found.user = process_with_program(id);
    return std::optional(found);
}

Result<std::string> free_interface(const std::string& interface) {
    const auto found = attached_program(interface);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::string();
    const AttachedProgram& program = **found;
    if (!program.is_ours)
        return fail(Errc::unavailable,
                    fmt::format("{0} already has an XDP program, {1} (id {2}), which is not ours; "
                                "stop its owner or remove it: ip link set {0} xdp off",
                                interface, program.name, program.id));
    if (program.user)
        return fail(Errc::unavailable, fmt::format("{} is in use by another usherd, process {}; "
                                                   "stop that one first",
                                                   interface, *program.user));
    const auto detached = detach_steering(if_nametoindex(interface.c_str()));
    if (!detached) return tl::unexpected(detached.error());
    return fmt::format("{}: took off the XDP program that an earlier usherd left", interface);
}

Result<void> detach_steering(unsigned ifindex) {
    std::uint32_t id = 0;
    if (bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id) < 0 || id == 0) return {};
    UniqueFd program(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (program.get() < 0 || bpf_obj_get_info_by_fd(program.get(), &info, &size) < 0) return {};
    if (std::string_view(info.name) != STEERING_PROGRAM) return {};
    return detach(ifindex);
}

std::vector<int> bpf_descriptors() {
    namespace fs = std::filesystem;
    std::vector<int> found;
    std::error_code gone;
    for (fs::directory_iterator entry("/proc/self/fd", gone), last; !gone && entry != last;
         entry.increment(gone)) {
        std::error_code closed;
        const std::string what = fs::read_symlink(entry->path(), closed).string();
        if (what.starts_with("anon_inode:bpf-") || what == "anon_inode:btf")
            found.push_back(std::atoi(entry->path().filename().c_str()));
    }
    std::sort(found.begin(), found.end());
    return found;
}

bool is_bpf_map(int descriptor) {
    std::error_code closed;
    return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", descriptor), closed) ==
           "anon_inode:bpf-map";
}

bool is_generic(unsigned ifindex) {
    return attached_to(ifindex).attach_mode == XDP_ATTACHED_SKB;
}

std::optional<std::uint32_t> attached_id(unsigned ifindex) {
    std::uint32_t id = 0;
    if (bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id) < 0) return std::nullopt;
    return id;
}

void detach_id(unsigned ifindex, std::uint32_t id) {
    if (id != 0 && attached_id(ifindex) == id) static_cast<void>(detach(ifindex));
}

Result<void> map_xdp_sockets(const std::vector<int>& maps, const std::vector<int>& sockets) {
    for (const int map : maps) {
        bpf_map_info info{};
        std::uint32_t size = sizeof(info);
        if (bpf_obj_get_info_by_fd(map, &info, &size) < 0 || info.type != BPF_MAP_TYPE_XSKMAP)
            continue;
        for (std::uint32_t queue = 0; queue < sockets.size(); ++queue)
            if (bpf_map_update_elem(map, &queue, &sockets[queue], BPF_ANY) < 0)
                return fail(Errc::unavailable,
                            fmt::format("the XDP program does not take the socket of queue {}: {}",
                                        queue, std::strerror(errno)));
    }
    return {};
}

}  // namespace usher
