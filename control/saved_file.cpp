// SPDX-License-Identifier: BSD-3-Clause
#include "control/saved_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "control/log.hpp"
#include "nat/unique_fd.hpp"

namespace usher {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> cannot_write(const std::string& path) {
    return fail(Errc::unavailable, "cannot write " + path + ": " + std::strerror(errno));
}

// As it is when it cannot be found out.
fs::path real(const fs::path& path) {
    std::error_code error;
    const fs::path found = fs::canonical(path, error);
    return error ? path.lexically_normal() : found;
}

bool is_link(const fs::path& path) {
    std::error_code ignored;
    return fs::is_symlink(path, ignored);
}

Result<void> write_all(int file, const std::string& path, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t count = write(file, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cannot_write(path);
        done += static_cast<std::size_t>(count);
    }
    return {};
}

// Before the mode, which a change of owner may cut down.
Result<void> give_what_it_had(int file, const std::string& path) {
    struct stat old {};
    struct stat now {};
    const bool is_new = stat(path.c_str(), &old) != 0;
    if (fstat(file, &now) != 0) return cannot_write(path);
    const bool is_same = is_new || (old.st_uid == now.st_uid && old.st_gid == now.st_gid);
    if (!is_same && fchown(file, old.st_uid, old.st_gid) != 0)
        log_warning("{}: owner and group {}:{} cannot be kept: {}", path, old.st_uid, old.st_gid,
                    std::strerror(errno));
    if (fchmod(file, is_new ? 0644 : old.st_mode & 0777) != 0) return cannot_write(path);
    return {};
}

Result<void> fill(int file, const std::string& path, const std::string& text) {
    if (auto written = write_all(file, path, text); !written) return written;
    if (auto given = give_what_it_had(file, path); !given) return given;
    if (fsync(file) != 0) return cannot_write(path);
    return {};
}

// Only then is a rename on the disk.
Result<void> sync_directory(const fs::path& directory) {
    const UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) != 0) return cannot_write(directory.string());
    return {};
}

}  // namespace

Result<std::string> path_to_save(const std::string& own, const std::optional<std::string>& asked) {
    const fs::path ours = fs::path(own).lexically_normal();
    const fs::path wanted = fs::path(asked.value_or(own)).lexically_normal();
    const bool beside = wanted.is_absolute() && wanted.has_filename() &&
                        real(wanted.parent_path()) == real(ours.parent_path());
    const bool is_ours = beside && wanted.filename() == ours.filename();
    if (!is_ours && (!beside || wanted.extension() != ".toml"))
        return fail(Errc::permission, "usherd writes only .toml files beside its own, " +
                                          ours.string() +
                                          "; for elsewhere: usher config show > FILE");
    const fs::path target = ours.parent_path() / wanted.filename();
    if (is_ours) return real(target).string();
    if (is_link(target))
        return fail(Errc::permission, target.string() +
                                          " is a symbolic link, and usherd writes through no other "
                                          "than its own file's");
    return target.string();
}

Result<void> replace_file(const std::string& path, const std::string& text) {
    const fs::path target(path);
    std::string aside =
        (target.parent_path() / fmt::format(".{}.XXXXXX", target.filename().string())).string();
    const UniqueFd file(mkostemp(aside.data(), O_CLOEXEC));
    if (!file) return cannot_write(path);
    auto done = fill(file.get(), path, text);
    if (done && std::rename(aside.c_str(), path.c_str()) != 0) done = cannot_write(path);
    if (!done) {
        unlink(aside.c_str());
        return done;
    }
    return sync_directory(target.parent_path());
}

}  // namespace usher
