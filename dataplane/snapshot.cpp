// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/snapshot.hpp"

#include <memory>
#include <new>

namespace usher {

template <Family F>
std::shared_ptr<Service<F>> Service<F>::make(std::span<const Server> servers) {
    constexpr std::align_val_t kAlignment{alignof(Service)};
    void* memory = ::operator new(sizeof(Service) + servers.size_bytes(), kAlignment);
    auto* service = new (memory) Service(static_cast<std::uint32_t>(servers.size()));
    std::uninitialized_copy(servers.begin(), servers.end(), reinterpret_cast<Server*>(service + 1));
    return {service, [](Service* gone) {
                gone->~Service();
                ::operator delete(gone, kAlignment);
            }};
}

template <Family F>
ServiceTable<F>::ServiceTable(List services)
    : services_(std::move(services)), places_(services_.size()) {
    for (const auto& service : services_) {
        const bool marked = service->mark != 0;
        places_.put(marked ? place_of(service->mark)
                           : Endpoint<F>{service->address, service->port, service->protocol},
                    service.get());
        has_marks_ |= marked;
        has_any_port_ |= !marked && service->port == Be16();
        has_ftp_ |= service->protocol == kTcp && service->port.host() == kFtpControlPort;
    }
}

template struct Service<Family::ipv4>;
template struct Service<Family::ipv6>;
template class ServiceTable<Family::ipv4>;
template class ServiceTable<Family::ipv6>;

}  // namespace usher
