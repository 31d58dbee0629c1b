// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/steering.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

namespace usher {

namespace {

using Key = std::array<std::uint8_t, sizeof(steering_endpoint)>;
using Keys = std::vector<Key>;
static_assert(sizeof(steering_endpoint) == 20, "no padding: the kernel compares every byte");

Key bytes_of(const steering_endpoint& endpoint) {
    Key key;
    std::memcpy(key.data(), &endpoint, sizeof(endpoint));
    return key;
}

std::uint8_t kind_of(const IpAddress& address) {
    return address.is_ipv4() ? STEERING_IPV4 : STEERING_IPV6;
}

steering_endpoint endpoint_of(const IpAddress& address, std::uint8_t protocol, std::uint16_t port) {
    steering_endpoint endpoint{};
    std::memcpy(endpoint.address, address.bytes().data(), sizeof(endpoint.address));
    endpoint.port = Be16::from_host(port).raw();
    endpoint.protocol = protocol;
    endpoint.kind = kind_of(address);
    return endpoint;
}

Key key_of(const MacAddress& mac) {
    steering_endpoint endpoint{};
    std::memcpy(endpoint.address, mac.bytes.data(), mac.bytes.size());
    endpoint.kind = STEERING_MAC;
    return bytes_of(endpoint);
}

Keys sorted(Keys keys) {
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

Keys keys_of(const std::vector<SteeredEndpoint>& endpoints) {
    Keys keys;
    keys.reserve(2 * endpoints.size());
    for (const SteeredEndpoint& each : endpoints) {
        steering_endpoint endpoint =
            endpoint_of(each.address, static_cast<std::uint8_t>(each.protocol), each.port);
        keys.push_back(bytes_of(endpoint));
        endpoint.port = 0;
        endpoint.kind |= STEERING_SOME_PORT;
        keys.push_back(bytes_of(endpoint));
        if (!each.ftp) continue;
        endpoint = endpoint_of(each.address, static_cast<std::uint8_t>(each.protocol), each.port);
        endpoint.kind |= STEERING_FTP;
        keys.push_back(bytes_of(endpoint));
    }
    return sorted(std::move(keys));
}

Keys keys_of(const std::vector<IpAddress>& addresses, const std::vector<MacAddress>& macs) {
    Keys keys;
    for (const IpAddress& address : addresses)
        keys.push_back(bytes_of(endpoint_of(address, 0, 0)));
    for (const MacAddress& mac : macs)
        keys.push_back(key_of(mac));
    return sorted(std::move(keys));
}

Keys missing_from(const Keys& some, const Keys& all) {
    Keys missing;
    std::set_difference(all.begin(), all.end(), some.begin(), some.end(),
                        std::back_inserter(missing));
    return missing;
}

void remove_all(int map, const Keys& keys) {
    for (const Key& key : keys)
        bpf_map_delete_elem(map, key.data());  // it can only be absent
}

template <class T>
std::string text_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

Result<void> add_all(int map, const Keys& keys) {
    const std::uint8_t present = 1;
    for (auto key = keys.begin(); key != keys.end(); ++key) {
        if (bpf_map_update_elem(map, key->data(), &present, BPF_ANY) == 0) continue;
        const int error = errno;
        remove_all(map, Keys(keys.begin(), key));
        if (error == E2BIG)
            return fail(
                Errc::no_space,
                fmt::format("the XDP program has no room for more: at most {} services, {} "
                            "real servers and {} local addresses",
                            STEERING_MAX_SERVICES, STEERING_MAX_SERVERS, STEERING_MAX_LOCALS));
        return fail(Errc::unavailable,
                    fmt::format("cannot write to the XDP program's map: {}", std::strerror(error)));
    }
    return {};
}

}  // namespace

Result<Steering> Steering::if_complete(Steering steering) {
    if (steering.services_.map.get() < 0 || steering.servers_.map.get() < 0 ||
        steering.locals_.map.get() < 0 || steering.marked_.map.get() < 0 ||
        steering.inside_.map.get() < 0 || steering.outside_.map.get() < 0 ||
        steering.policy_.get() < 0 || steering.vlans_.get() < 0 || steering.outcomes_.get() < 0)
        return fail(
            Errc::unavailable,
            "the XDP program lacks a map of ours: it is another version's, or another program "
            "has changed it; start usherd again (`bpftool net` shows what is there)");
    return steering;
}

Result<Steering> Steering::of_maps(const std::vector<int>& maps) {
    Steering steering;
    for (const int map : maps)
        if (auto taken = steering.take_map(UniqueFd(fcntl(map, F_DUPFD_CLOEXEC, 0))); !taken)
            return tl::unexpected(taken.error());
    return if_complete(std::move(steering));
}

Result<void> Steering::take_map(UniqueFd map) {
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (map.get() < 0 || bpf_obj_get_info_by_fd(map.get(), &info, &size) < 0)
        return fail(Errc::unavailable,
                    fmt::format("cannot open a map of the XDP program: {}", std::strerror(errno)));
    const std::pair<std::string_view, UniqueFd*> maps[] = {
        {"services", &services_.map}, {"servers", &servers_.map}, {"locals", &locals_.map},
        {"marked", &marked_.map},     {"inside", &inside_.map},   {"outside", &outside_.map},
        {"policy", &policy_},         {"vlans", &vlans_},         {"outcomes", &outcomes_}};
    for (const auto& [name, place] : maps)
        if (name == info.name) {
            *place = std::move(map);
            break;
        }
    return {};
}

Steering::Entries Steering::entries_of(const std::vector<MarkedDestination>& marked) {
    Entries entries;
    for (const auto& [key, ports] : marked_entries(marked))
        entries.insert_or_assign(text_of(key), text_of(ports));
    return entries;
}

Steering::Entries Steering::entries_of(const std::vector<Prefix>& inside) {
    Entries entries;
    for (const Prefix& prefix : inside) {
        steering_inside_key key{};
        key.prefix_length = STEERING_INSIDE_FIXED_BITS + prefix.length;
        key.kind = kind_of(prefix.address);
        std::memcpy(key.address, prefix.address.bytes().data(), sizeof(key.address));
        entries.insert_or_assign(text_of(key), text_of(std::uint8_t{1}));
    }
    return entries;
}

Steering::Entries Steering::entries_of(const std::vector<OutsidePorts>& outside) {
    Entries entries;
    for (const OutsidePorts& each : outside)
        entries.insert_or_assign(
            text_of(endpoint_of(each.address, 0, 0)),
            text_of(steering_outside_ports{each.first_port, each.last_port, each.first_query,
                                           each.last_query, each.query_bits}));
    return entries;
}

Result<void> Steering::Table::update(Entries wanted) {
    const auto put = [&](const auto& entry) {
        return bpf_map_update_elem(map.get(), entry.first.data(), entry.second.data(), BPF_ANY) ==
               0;
    };
    for (auto entry = wanted.begin(); entry != wanted.end(); ++entry) {
        const auto known = installed.find(entry->first);
        if (known != installed.end() && known->second == entry->second) continue;
        if (put(*entry)) continue;
        for (auto undo = wanted.begin(); undo != entry; ++undo) {
            const auto before = installed.find(undo->first);
            if (before == installed.end())
                bpf_map_delete_elem(map.get(), undo->first.data());
            else
                put(*before);
        }
        return fail(Errc::no_space,
                    fmt::format("the XDP program has no room for more: at most {} {}", room, what));
    }
    for (const auto& [key, value] : installed)
        if (!wanted.contains(key)) bpf_map_delete_elem(map.get(), key.data());
    installed = std::move(wanted);
    return {};
}

Result<void> Steering::update_tables(std::array<Entries, 3> wanted) {
    std::array<Entries, 3> before;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        before[i] = tables()[i]->installed;
        const auto updated = tables()[i]->update(std::move(wanted[i]));
        if (updated) continue;
        for (std::size_t done = 0; done < i; ++done)
            static_cast<void>(tables()[done]->update(std::move(before[done])));
        return updated;
    }
    return {};
}

Result<void> Steering::update_sets(const SteeringSet& wanted) {
    const std::array sets = {&services_, &servers_, &locals_};
    std::array<Keys, 3> keys = {keys_of(wanted.services), keys_of(wanted.servers),
                                keys_of(wanted.local_addresses, wanted.local_macs)};
    for (std::size_t i = 0; i < sets.size(); ++i) {
        const auto added = add_all(sets[i]->map.get(), missing_from(sets[i]->installed, keys[i]));
        if (added) continue;
        for (std::size_t done = 0; done < i; ++done)
            remove_all(sets[done]->map.get(), missing_from(sets[done]->installed, keys[done]));
        return added;
    }
    for (std::size_t i = 0; i < sets.size(); ++i) {
        remove_all(sets[i]->map.get(), missing_from(keys[i], sets[i]->installed));
        sets[i]->installed = std::move(keys[i]);
    }
    return {};
}

Result<void> Steering::update_policy(OtherPackets other, Untagged untagged) {
    const std::uint32_t first = 0;
    const std::uint32_t bits = (other == OtherPackets::to_worker ? STEERING_TAKE_OTHER : 0) |
                               (untagged == Untagged::kernels ? STEERING_LEAVE_UNTAGGED : 0) |
                               (has_ftp_ ? STEERING_HAS_FTP : 0);
    if (bpf_map_update_elem(policy_.get(), &first, &bits, BPF_ANY) == 0) return {};
    return fail(Errc::unavailable,
                fmt::format("cannot write to the XDP program's map: {}", std::strerror(errno)));
}

Result<void> Steering::update_vlans(const std::vector<std::uint16_t>& wanted) {
    const auto put = [&](std::uint32_t id, std::uint8_t ours) {
        return bpf_map_update_elem(vlans_.get(), &id, &ours, BPF_ANY) == 0;
    };
    bool written = true;
    for (const std::uint16_t id : vlans_installed_)
        if (std::find(wanted.begin(), wanted.end(), id) == wanted.end()) written &= put(id, 0);
    for (const std::uint16_t id : wanted)
        written &= put(id, 1);
    vlans_installed_ = wanted;
    if (written) return {};
    return fail(Errc::unavailable,
                fmt::format("cannot write to the XDP program's map: {}", std::strerror(errno)));
}

// What is nobody's is taken last and left first, so that nothing is while the sets still change.
Result<void> Steering::update(const SteeringSet& wanted) {
    const auto is_ftp = [](const SteeredEndpoint& each) { return each.ftp; };
    has_ftp_ = std::any_of(wanted.servers.begin(), wanted.servers.end(), is_ftp);
    if (wanted.other == OtherPackets::to_kernel)
        if (auto updated = update_policy(wanted.other, wanted.untagged); !updated) return updated;
    if (auto updated = update_vlans(wanted.vlans); !updated) return updated;
    std::array<Entries, 3> before = {marked_.installed, inside_.installed, outside_.installed};
    if (auto updated = update_tables(
            {entries_of(wanted.marked), entries_of(wanted.inside), entries_of(wanted.outside)});
        !updated)
        return updated;
    if (auto updated = update_sets(wanted); !updated) {
        static_cast<void>(update_tables(std::move(before)));
        return updated;
    }
    return update_policy(wanted.other, wanted.untagged);
}

Result<SteeringCounts> Steering::counts() const {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 1) return fail(Errc::unavailable, "cannot tell how many CPUs there are");
    SteeringCounts sums{};
    std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(cpus));
    for (std::uint32_t outcome = 0; outcome < sums.size(); ++outcome) {
        if (bpf_map_lookup_elem(outcomes_.get(), &outcome, per_cpu.data()) < 0)
            return fail(Errc::unavailable, fmt::format("cannot read the XDP program's counters: {}",
                                                       std::strerror(errno)));
        for (const std::uint64_t count : per_cpu)
            sums[outcome] += count;
    }
    return sums;
}

}  // namespace usher
