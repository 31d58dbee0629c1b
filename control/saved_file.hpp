// SPDX-License-Identifier: BSD-3-Clause
// `config save`: which files may be written, and how one is replaced. Control thread.
//
// Whoever may use the socket must not be able to have root overwrite any file there is: only .toml
// files in the directory of the daemon's own are written, and through a symbolic link only the
// daemon's own.
#pragma once

#include <optional>
#include <string>

#include "conf/result.hpp"

namespace usher {

// Where `asked` is to be written, `own` without it: an absolute path without links in its last
// part. EACCES with a sentence when that is not allowed. `own` is absolute.
Result<std::string> path_to_save(const std::string& own, const std::optional<std::string>& asked);

// Written aside under a name of our own and renamed: whoever reads the path sees the old file or
// the new one, whole, and so after a power cut. Mode, owner and group stay (the log warns when the
// latter cannot be set); a new file has 0644. EIO.
Result<void> replace_file(const std::string& path, const std::string& text);

}  // namespace usher
