// SPDX-License-Identifier: BSD-3-Clause
// usherd(8): the director's daemon.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "control/daemon.hpp"
#include "control/daemon_config.hpp"
#include "control/machine_check.hpp"
#include "control/start_check.hpp"

namespace {

// Its exit status.
int check_machine_for(const usher::Config& config, const std::string& path) {
    usher::Machine machine = usher::read_machine("/", config);
    usher::ask_kernel(machine, config);
    const std::vector<unsigned> workers = usher::worker_cores(config);
    usher::Findings findings =
        usher::check_machine(config, machine, {workers, usher::main_core(workers)});
    const usher::Findings refusals = usher::check_start(config);
    findings.insert(findings.end(), refusals.begin(), refusals.end());
    std::fputs(usher::to_text(findings).c_str(), stdout);
    const bool wrong = usher::has_error(findings);
    std::printf("%s: %s\n", path.c_str(), wrong ? "not on this machine as it is" : "fine");
    return wrong ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("usherd: a kernel-bypass load balancer. In the foreground; logs on stderr.");
    std::string path = "/etc/usher/usher.toml";
    app.add_option("--config", path, "The configuration file")->capture_default_str();
    std::string checked;
    CLI::Option* const check =
        app.add_option("--check", checked, "Only say whether the file, and this machine, will do")
            ->expected(0, 1)
            ->type_name("[FILE]");
    app.set_version_flag("--version", std::string("usherd ") + USHER_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }

    if (!checked.empty()) path = checked;
    const usher::ConfigResult read = usher::load_config(path);
    if (!read) {
        std::fputs(usher::to_string(read.error()).c_str(), stderr);
        return 1;
    }
    if (check->count() > 0) return check_machine_for(read->config, path);
    // Whoever reads the log may go; connections are not to go with it.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const std::string whole_path = std::filesystem::absolute(path).lexically_normal().string();
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
