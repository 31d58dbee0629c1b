// SPDX-License-Identifier: BSD-3-Clause
// What a service manager is told, as sd_notify(3) does: a datagram to the socket that
// $NOTIFY_SOCKET names. Without one, nothing happens; nor does it when nobody reads. Control
// thread.
#pragma once

#include <string_view>

namespace usher {

// `status` is what `systemctl status` shows.
void tell_ready(std::string_view status);
// Between these two the manager shows it as reloading.
void tell_reloading();
void tell_reloaded(std::string_view status);
void tell_stopping();

}  // namespace usher
