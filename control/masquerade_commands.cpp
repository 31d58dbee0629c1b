// SPDX-License-Identifier: BSD-3-Clause
#include "control/masquerade_commands.hpp"

#include "conf/words.hpp"

namespace usher {

Result<Change> read_masquerade_set(const Json& members) {
    ObjectReader in(members, "request");
    in.member("command");
    in.require({"rules"});
    const Json* given = in.member("rules");
    const Json* expected = in.member("expected");
    if (const auto ok = in.finish(); !ok) return tl::unexpected<Error>(ok.error());
    MasqueradeSet set;
    auto rules = read_masquerade_rules(*given);
    if (!rules) return tl::unexpected<Error>(rules.error());
    set.rules = *std::move(rules);
    if (expected == nullptr) return set;
    auto before = read_masquerade_rules(*expected);
    if (!before) return tl::unexpected<Error>(before.error());
    set.expected = *std::move(before);
    return set;
}

Result<Change> read_forwarding_set(const Json& members) {
    ObjectReader in(members, "request");
    in.member("command");
    in.require({"other"});
    const std::string other = in.text("other", "");
    if (const auto ok = in.finish(); !ok) return tl::unexpected<Error>(ok.error());
    for (const auto& word : kOtherWords)
        if (word.text == other) return OtherSet{word.value};
    return fail(Errc::invalid, "request: 'other' must be \"drop\" or \"kernel\"");
}

std::string masquerade_list(const Json&, Director& director) {
    const DesiredState& desired = director.desired();
    return success_line(
        to_wire(MasqueradeListing{desired.masquerade, desired.other, director.outside()}));
}

}  // namespace usher
