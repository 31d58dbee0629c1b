// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/snapshot.hpp"

#include <bit>
#include <memory>
#include <new>

namespace usher {

std::shared_ptr<Service> Service::make(std::span<const Server> servers) {
    constexpr std::align_val_t kAlignment{alignof(Service)};
    void* memory = ::operator new(sizeof(Service) + servers.size_bytes(), kAlignment);
    auto* service = new (memory) Service(static_cast<std::uint32_t>(servers.size()));
    std::uninitialized_copy(servers.begin(), servers.end(), reinterpret_cast<Server*>(service + 1));
    return {service, [](Service* gone) {
                gone->~Service();
                ::operator delete(gone, kAlignment);
            }};
}

ServiceTable::ServiceTable(List services) : services_(std::move(services)) {
    const std::size_t size = std::bit_ceil(services_.size() * 2 + 2);  // at most half full
    places_.resize(size);
    mask_ = size - 1;
    shift_ = 64 - std::countr_zero(size);
    for (const auto& service : services_) {
        const bool marked = service->mark != 0;
        const std::uint64_t key = marked
                                      ? key_of_mark(service->mark)
                                      : key_of(service->protocol, service->address, service->port);
        std::size_t at = first_place(key);
        while (places_[at].service)
            at = (at + 1) & mask_;
        places_[at] = {key, service.get()};
        has_marks_ |= marked;
        has_any_port_ |= !marked && service->port == Be16();
    }
}

}  // namespace usher
