// SPDX-License-Identifier: BSD-3-Clause
// usher, and by the name it is called: ipvsadm, ipvsadm-save, ipvsadm-restore.
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/ipvsadm.hpp"
#include "tools/cli/native.hpp"

namespace usher {
namespace {

int run_as_ipvsadm(const std::string& program, const std::string& name,
                   std::vector<std::string> words, const Terminal& terminal) {
    SocketDaemon daemon(default_socket_path());
    const NameResolver resolver = system_name_resolver();
    const EndpointNames names = system_endpoint_names();
    const IpvsadmContext context{daemon, resolver, names, terminal};
    const bool asks_help = !words.empty() && (words[0] == "-h" || words[0] == "--help");
    if (name == "ipvsadm-restore" && !asks_help) return run_ipvsadm_restore(context);
    if (name == "ipvsadm-save" && !asks_help) words.insert(words.begin(), "-S");
    return run_ipvsadm(program, words, context);
}

int run(const std::vector<std::string>& arguments) {
    const std::string program = arguments.empty() ? "usher" : arguments[0];
    const std::string name = program.substr(program.find_last_of('/') + 1);
    std::vector<std::string> words(arguments.begin() + (arguments.empty() ? 0 : 1),
                                   arguments.end());
    const Terminal terminal{std::cin, std::cout, std::cerr};
    if (std::string_view(name).starts_with("ipvsadm"))
        return run_as_ipvsadm(program, name, std::move(words), terminal);
    if (!words.empty() && words[0] == "ipvsadm") {
        words.erase(words.begin());
        return run_as_ipvsadm(program + " ipvsadm", "ipvsadm", std::move(words), terminal);
    }
    const auto connect = [](const std::string& socket) -> std::unique_ptr<Daemon> {
        return std::make_unique<SocketDaemon>(socket);
    };
    return run_native(std::move(words), {connect, system_name_resolver(), terminal});
}

}  // namespace
}  // namespace usher

int main(int argc, char** argv) {
    return usher::run({argv, argv + argc});
}
