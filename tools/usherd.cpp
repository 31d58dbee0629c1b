// SPDX-License-Identifier: BSD-3-Clause
// usherd(8): the director's daemon.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "control/daemon.hpp"
#include "control/daemon_config.hpp"

int main(int argc, char** argv) {
    CLI::App app("usherd: a kernel-bypass load balancer. In the foreground; logs on stderr.");
    std::string path = "/etc/usher/usher.toml";
    bool only_check = false;
    app.add_option("--config", path, "The configuration file")->capture_default_str();
    app.add_flag("--check", only_check, "Only say whether the file is right for this machine");
    app.set_version_flag("--version", std::string("usherd ") + USHER_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }

    const usher::ConfigResult read = usher::load_config(path);
    if (!read) {
        std::fputs(usher::to_string(read.error()).c_str(), stderr);
        return 1;
    }
    if (only_check) {
        std::printf("%s: fine\n", path.c_str());
        return 0;
    }
    try {
        const std::string whole_path = std::filesystem::absolute(path).string();
        const auto ended = usher::run_daemon(*read, whole_path);
        if (ended) return 0;
        std::fprintf(stderr, "usherd: %s\n", ended.error().message.c_str());
    } catch (const std::bad_alloc&) {
        std::fputs("usherd: no memory; is connection_table_bits too high for this machine?\n",
                   stderr);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "usherd: %s\n", error.what());
    }
    return 1;
}
