// SPDX-License-Identifier: BSD-3-Clause
// Errors as values, for everything that is not a packet.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace usher {

// What went wrong, for programs. The names are errno's, because ipvsadm's messages are chosen by
// (operation, errno).
enum class Errc {
    invalid,          // EINVAL: a value that cannot be
    exists,           // EEXIST
    no_such_entry,    // ENOENT: no such real server, scheduler, persistence engine
    no_such_service,  // ESRCH
    out_of_range,     // ERANGE
    not_supported,    // EOPNOTSUPP: known, but not built (yet); the message says what
    no_space,         // ENOSPC: a table of fixed size is full
    permission,       // EACCES
    unavailable,      // the daemon is not there, or a device or the kernel refused
    protocol,         // EPROTO: a message that is not one of docs/protocol.md
};

struct Error {
    Errc code = Errc::invalid;
    std::string message;  // a sentence for a person, without a final newline
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Errc code, std::string message) {
    return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace usher
