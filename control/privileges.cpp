// SPDX-License-Identifier: BSD-3-Clause
#include "control/privileges.hpp"

#include <cap-ng.h>
#include <sys/prctl.h>

namespace usher {

Result<void> drop_privileges() {
    capng_clear(CAPNG_SELECT_BOTH);
    const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
    if (capng_updatev(CAPNG_ADD, kept, CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, -1) != 0 ||
        capng_apply(CAPNG_SELECT_BOTH) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(Errc::permission, "cannot give up the privileges that are not needed");
    return {};
}

}  // namespace usher
