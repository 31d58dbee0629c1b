// SPDX-License-Identifier: BSD-3-Clause
#include "control/desired_state.hpp"

#include <algorithm>
#include <utility>

#include "conf/masquerade.hpp"
#include "conf/rules.hpp"
#include "conf/vs_settings.hpp"
#include "conf/words.hpp"
#include "control/supported.hpp"

namespace usher {
namespace {

using Servers = std::vector<DesiredServer>;

Servers::iterator find_server(Servers& servers, const ServerKey& key) {
    return std::find_if(servers.begin(), servers.end(),
                        [&](const DesiredServer& server) { return server.key == key; });
}

tl::unexpected<Error> no_such_service() {
    return fail(Errc::no_such_service, "No such service");
}
tl::unexpected<Error> service_not_defined() {
    return fail(Errc::no_such_service, "Service not defined");
}
tl::unexpected<Error> no_such_server() {
    return fail(Errc::no_such_entry, "No such destination");
}

tl::unexpected<Error> broken_rule(const Mistake& mistake) {
    return fail(mistake.code, std::string(mistake.key) + ": " + mistake.message);
}

// In IPVS an address that no packet comes for is accepted and then never answers.
bool can_be_virtual(const IpAddress& address) {
    return !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast();
}

Result<void> valid_service(const ServiceKey& key, const ServiceOptions& options,
                           const Rules& rules) {
    if (key.fwmark == 0 && !can_be_virtual(key.address))
        return fail(Errc::invalid,
                    "address: expected a unicast address, found " + key.address.to_string());
    if (const auto mistake = mistake_in(key, options)) return broken_rule(*mistake);
    if (auto ok = supported(options); !ok) return ok;
    if (!rules.scheduler_exists(options.scheduler))
        return fail(Errc::no_such_entry, "Scheduler or persistence engine not found");
    return {};
}

Result<void> valid_server(const ServiceKey& service, const ServerKey& server,
                          const ServerOptions& options) {
    if (const auto mistake = mistake_in(service, {server, options})) return broken_rule(*mistake);
    return supported(options);
}

// IPVS hands such a connection to the box's own sockets. One whose address was added later may be
// edited and drained.
Result<void> valid_new_server(const ServerAdd& add, const Rules& rules) {
    if (auto ok = valid_server(add.service, add.server, add.options); !ok) return ok;
    if (!rules.is_own_address || !rules.is_own_address(add.server.address)) return {};
    return fail(Errc::not_supported, add.server.address.to_string() +
                                         " is an address of the box itself; servers there are not "
                                         "supported by this version of Usher");
}

Result<void> valid_mark(const MarkRule& rule, const Rules& rules) {
    if (const auto mistake = mistake_in(rule)) return broken_rule(*mistake);
    if (!rule.interface.empty() && rules.interface_exists &&
        !rules.interface_exists(rule.interface))
        return fail(Errc::invalid, "interface: \"" + rule.interface +
                                       "\" is none of the [[interface]]s that usherd serves; one "
                                       "that is new in the file needs a restart");
    return {};
}

// Two who fetch, change and set the rules at the same time: the second one is told.
template <class Rule>
Result<void> still_there(const std::optional<std::vector<Rule>>& expected,
                         const std::vector<Rule>& now) {
    if (!expected || *expected == now) return {};
    return fail(Errc::no_such_entry, "the rules have been changed meanwhile");
}

// One overload a change. `state.revision` is already that of the change.
struct Apply {
    DesiredState& state;
    const Rules& rules;

    Result<void> operator()(const ServiceAdd& add) const {
        if (state.services.contains(add.service))
            return fail(Errc::exists, "Service already exists");
        if (auto ok = valid_service(add.service, add.options, rules); !ok) return ok;
        state.services.emplace(add.service,
                               DesiredService{add.options, {}, state.revision, state.revision});
        return {};
    }

    Result<void> operator()(const ServiceEdit& edit) const {
        const auto found = state.services.find(edit.service);
        if (found == state.services.end()) return no_such_service();
        if (auto ok = valid_service(edit.service, edit.options, rules); !ok) return ok;
        ServiceOptions& options = found->second.options;
        const ServiceOptions before = std::exchange(options, edit.options);
        if (edit.keeps_idle_timeout) options.idle_timeout = before.idle_timeout;
        if (edit.keeps_slow_start) options.slow_start = before.slow_start;
        if (edit.keeps_mss_clamp) options.mss_clamp = before.mss_clamp;
        if (edit.keeps_ftp) options.ftp = before.ftp;
        if (edit.keeps_ftp_third_party) options.ftp_third_party = before.ftp_third_party;
        return {};
    }

    Result<void> operator()(const ServiceDelete& gone) const {
        if (state.services.erase(gone.service) == 0) return no_such_service();
        return {};
    }

    Result<void> operator()(const ServiceClear&) const {
        state.services.clear();
        return {};
    }

    Result<void> operator()(const ServerAdd& add) const {
        const auto service = state.services.find(add.service);
        if (service == state.services.end()) return service_not_defined();
        Servers& servers = service->second.servers;
        if (find_server(servers, add.server) != servers.end())
            return fail(Errc::exists, "Destination already exists");
        if (auto ok = valid_new_server(add, rules); !ok) return ok;
        servers.insert(servers.begin(), DesiredServer{add.server, add.options});
        service->second.servers_changed = state.revision;
        return {};
    }

    Result<void> operator()(const ServerEdit& edit) const {
        const auto service = state.services.find(edit.service);
        if (service == state.services.end()) return service_not_defined();
        const auto server = find_server(service->second.servers, edit.server);
        if (server == service->second.servers.end()) return no_such_server();
        if (auto ok = valid_server(edit.service, edit.server, edit.options); !ok) return ok;
        server->options = edit.options;
        service->second.servers_changed = state.revision;
        return {};
    }

    Result<void> operator()(const ServerDelete& gone) const {
        const auto service = state.services.find(gone.service);
        if (service == state.services.end()) return service_not_defined();
        const auto server = find_server(service->second.servers, gone.server);
        if (server == service->second.servers.end()) return no_such_server();
        service->second.servers.erase(server);
        service->second.servers_changed = state.revision;
        return {};
    }

    Result<void> operator()(const TimeoutSet& set) const {
        const Timeouts& wanted = set.timeouts;
        if (std::max({wanted.tcp, wanted.tcp_fin, wanted.udp}) > kMaxTimeout)
            return fail(Errc::out_of_range, "a timeout is at most 2678400 seconds");
        if (wanted.tcp != 0) state.timeouts.tcp = wanted.tcp;
        if (wanted.tcp_fin != 0) state.timeouts.tcp_fin = wanted.tcp_fin;
        if (wanted.udp != 0) state.timeouts.udp = wanted.udp;
        return {};
    }

    Result<void> operator()(const VsSet& set) const {
        return set_vs(state.vs, set.name, set.value);
    }

    Result<void> operator()(const MarksSet& set) const {
        if (auto ok = still_there(set.expected, state.marks); !ok) return ok;
        if (set.marks.size() > kMaxMarkRules)
            return fail(Errc::no_space, "at most " + std::to_string(kMaxMarkRules) + " mark rules");
        for (std::size_t i = 0; i < set.marks.size(); ++i)
            if (auto ok = valid_mark(set.marks[i], rules); !ok)
                return fail(ok.error().code,
                            "mark rule " + std::to_string(i + 1) + ": " + ok.error().message);
        state.marks = set.marks;
        return {};
    }

    Result<void> operator()(const MasqueradeSet& set) const {
        if (auto ok = still_there(set.expected, state.masquerade); !ok) return ok;
        if (set.rules.size() > kMaxMasqueradeRules)
            return fail(Errc::no_space,
                        "at most " + std::to_string(kMaxMasqueradeRules) + " masquerade rules");
        for (std::size_t i = 0; i < set.rules.size(); ++i)
            if (const auto mistake = mistake_in(set.rules[i], std::span(set.rules).first(i)))
                return fail(mistake->code, "masquerade rule " + std::to_string(i + 1) + ": " +
                                               std::string(mistake->key) + ": " + mistake->message);
        state.masquerade = set.rules;
        return {};
    }

    Result<void> operator()(const OtherSet& set) const {
        state.other = set.other;
        return {};
    }
};

struct Describe {
    std::string operator()(const ServiceAdd& c) const { return "service.add " + text(c.service); }
    std::string operator()(const ServiceEdit& c) const { return "service.edit " + text(c.service); }
    std::string operator()(const ServiceDelete& c) const {
        return "service.delete " + text(c.service);
    }
    std::string operator()(const ServiceClear&) const { return "service.clear"; }
    std::string operator()(const ServerAdd& c) const { return "server.add " + both(c); }
    std::string operator()(const ServerEdit& c) const { return "server.edit " + both(c); }
    std::string operator()(const ServerDelete& c) const { return "server.delete " + both(c); }
    std::string operator()(const TimeoutSet&) const { return "timeout.set"; }
    std::string operator()(const VsSet& c) const {
        return "vs.set " + c.name + " " + std::to_string(c.value);
    }
    std::string operator()(const MarksSet& c) const {
        return "marks.set, rules: " + std::to_string(c.marks.size());
    }
    std::string operator()(const MasqueradeSet& c) const {
        return "masquerade.set, rules: " + std::to_string(c.rules.size());
    }
    std::string operator()(const OtherSet& c) const {
        return "forwarding.set " + std::string(word_of(kOtherWords, c.other));
    }

    static std::string text(const ServiceKey& key) { return key.to_string(); }
    template <class C>
    static std::string both(const C& change) {
        return change.service.to_string() + " " + change.server.to_string();
    }
};

}  // namespace

Result<void> apply(DesiredState& state, const Change& change, const Rules& rules) {
    ++state.revision;
    auto done = std::visit(Apply{state, rules}, change);
    if (!done) --state.revision;
    return done;
}

tl::expected<DesiredState, BatchError> apply_all(DesiredState state,
                                                 const std::vector<Change>& changes,
                                                 const Rules& rules) {
    for (std::size_t i = 0; i < changes.size(); ++i)
        if (const auto done = apply(state, changes[i], rules); !done)
            return tl::unexpected<BatchError>(BatchError{i, done.error()});
    return state;
}

std::string describe(const Change& change) {
    return std::visit(Describe{}, change);
}

}  // namespace usher
