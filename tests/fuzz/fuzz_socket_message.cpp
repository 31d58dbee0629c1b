// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as lines on the control socket: each gets one line of valid JSON, a refusal has a code
// and a message and changes nothing, and what the daemon then runs can be written down.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/commands.hpp"
#include "control/wire.hpp"
#include "tests/control/fake_director.hpp"

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

void check(std::string_view line, usher::FakeDirector& director) {
    const std::uint64_t before = director.state.revision;
    std::string text = usher::handle_line(line, director);
    must(!text.empty() && text.find('\n') == text.size() - 1);
    text.pop_back();
    const auto reply = usher::read_reply(text);
    must(reply.has_value());
    if (reply->ok) return;
    must(!reply->error.message.empty());
    must(director.state.revision == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    usher::FakeDirector director;
    director.connections.resize(2);
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        check(rest.substr(0, end), director);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    const auto file = usher::as_written(director.state);
    must(usher::reload_changes(director.state, file).empty());
    return 0;
}
