// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm's command line, and -R's lines: the input is a file for -R, and each of its lines is also
// a command line. Whatever is accepted must come back from the wire as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "control/wire.hpp"
#include "tools/cli/ipvsadm.hpp"
#include "tools/cli/ipvsadm_grammar.hpp"
#include "tools/cli/ipvsadm_restore.hpp"

namespace {

const usher::NameResolver kNames{
    [](const std::string& host) -> std::optional<usher::IpAddress> {
        if (host == "www") return usher::IpAddress::parse("192.0.2.1");
        return std::nullopt;
    },
    [](const std::string& name, usher::Protocol) -> std::optional<std::uint16_t> {
        if (name == "http") return std::uint16_t{80};
        return std::nullopt;
    }};

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const usher::Invocation& call) {
    if (usher::change_request(call).is_null()) return;
    if (call.service) {
        require(usher::read_service_key(usher::to_wire(*call.service)) == *call.service);
        const auto options = usher::read_service_options(usher::to_wire(call.service_options),
                                                         call.service->family());
        require(options.has_value());
    }
    require(usher::read_server_options(usher::to_wire(call.server_options)) == call.server_options);
    usher::to_line(usher::change_request(call));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto call = usher::parse_ipvsadm("ipvsadm", usher::restore_words(line), kNames);
        if (call) check(*call);
        if (!call) require(!call.error().text.empty() && call.error().exit_code != 0);
    }
    std::istringstream file(text);
    (void)usher::read_restore(file, kNames, usher::FirstStep::clear);
    return 0;
}
