// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/snapshot.hpp"

#include <bit>

namespace usher {

ServiceTable::ServiceTable(List services) : services_(std::move(services)) {
    const std::size_t size = std::bit_ceil(services_.size() * 2 + 2);  // at most half full
    places_.resize(size);
    mask_ = size - 1;
    shift_ = 64 - std::countr_zero(size);
    for (const auto& service : services_) {
        const std::uint64_t key = key_of(service->protocol, service->address, service->port);
        std::size_t at = first_place(key);
        while (places_[at].service)
            at = (at + 1) & mask_;
        places_[at] = {key, service.get()};
        has_any_port_ |= service->port == Be16();
    }
}

}  // namespace usher
