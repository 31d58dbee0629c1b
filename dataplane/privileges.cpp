// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/privileges.hpp"

#include <cap-ng.h>
#include <sys/prctl.h>

#include <initializer_list>
#include <vector>

namespace usher {

namespace {

Result<void> keep_only(std::initializer_list<unsigned> capabilities) {
    // Only those that we have: a container or a service manager may already have taken some.
    bool fine = capng_get_caps_process() == 0;
    std::vector<unsigned> ours;
    for (const unsigned capability : capabilities)
        if (capng_have_capability(CAPNG_PERMITTED, capability)) ours.push_back(capability);
    capng_clear(CAPNG_SELECT_BOTH);
    const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
    for (const unsigned capability : ours)
        fine = capng_update(CAPNG_ADD, kept, capability) == 0 && fine;
    fine = fine && capng_apply(CAPNG_SELECT_CAPS) == 0;
    if (!fine || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(
            Errc::permission,
            "cannot give up the privileges that are not needed; a container or service manager "
            "must allow capset() and prctl()");
    return {};
}

}  // namespace

Result<void> keep_privileges_to_start() {
    return keep_only({CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN,
                      CAP_SYS_RESOURCE, CAP_SYS_NICE, CAP_IPC_LOCK, CAP_CHOWN, CAP_FOWNER,
                      CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_RAWIO});
}

Result<void> keep_privileges_to_run() {
    return keep_only(
        {CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON, CAP_IPC_LOCK, CAP_DAC_READ_SEARCH});
}

Result<void> give_up_all_privileges() {
    return keep_only({});
}

}  // namespace usher
