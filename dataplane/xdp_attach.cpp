// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xdp_attach.hpp"

#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <linux/if_link.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "dataplane/driver_log.hpp"

namespace usher {

namespace {

bool generic = false;
bool keeps = false;
std::string refused;

// libbpf's, which ours stands before.
template <class Function>
Function* own(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// What the kernel said beside the number, if it has: libbpf logs it.
std::string why(int error) {
    constexpr std::string_view kBefore = "Kernel error message: ";
    std::string said = driver_messages();
    const std::size_t at = said.rfind(kBefore);
    if (at == std::string::npos) return std::strerror(-error);
    said.erase(0, at + kBefore.size());
    return said.substr(0, said.find("; "));
}

// By the driver of the NIC, which knows why.
bool is_refusal(int error) {
    return error < 0 && error != -EPERM && error != -EACCES && error != -EBUSY && error != -EEXIST;
}

}  // namespace

AttachGeneric::AttachGeneric(bool wanted) : before_(std::exchange(generic, wanted || generic)) {}

AttachGeneric::~AttachGeneric() {
    generic = before_;
}

KeepAttached::KeepAttached(bool wanted) : before_(std::exchange(keeps, wanted || keeps)) {}

KeepAttached::~KeepAttached() {
    keeps = before_;
}

const std::string& refused_attachment() {
    return refused;
}

void forget_refused_attachment() {
    refused.clear();
}

}  // namespace usher

extern "C" {

int bpf_xdp_attach(int ifindex, int program, __u32 flags, const bpf_xdp_attach_opts* options) {
    static auto* const kAttach = usher::own<decltype(bpf_xdp_attach)>("bpf_xdp_attach");
    if (kAttach == nullptr) return -ENOSYS;
    if (usher::generic) flags |= XDP_FLAGS_SKB_MODE;
    const int error = kAttach(ifindex, program, flags, options);
    if (!usher::is_refusal(error) || (flags & XDP_FLAGS_SKB_MODE) != 0) return error;
    usher::refused = usher::why(error);
    return kAttach(ifindex, program, flags | XDP_FLAGS_SKB_MODE, options);
}

int bpf_xdp_detach(int ifindex, __u32 flags, const bpf_xdp_attach_opts* options) {
    static auto* const kDetach = usher::own<decltype(bpf_xdp_detach)>("bpf_xdp_detach");
    if (kDetach == nullptr) return -ENOSYS;
    return usher::keeps ? 0 : kDetach(ifindex, flags, options);
}
}
