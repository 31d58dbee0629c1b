// SPDX-License-Identifier: BSD-3-Clause
// The interfaces that Linux has in the place of ports that are all ours (attach = "pci"): opened
// with the ports, and closed before them. Control thread.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "conf/model.hpp"
#include "control/kernel_network.hpp"
#include "dataplane/exception_thread.hpp"
#include "dataplane/network.hpp"
#include "dataplane/port.hpp"

namespace usher {

// Of the file: what DPDK may take from the PCI bus.
std::vector<std::string> pci_devices(const Config& config);

// Buffers for what Linux sends, beside those of the interfaces.
unsigned exception_packets(const Config& config);

// Whether this machine can give them: else the first thing that is in the way, and the remedy.
Result<void> check_pci(const Config& config);

class Exceptions {
  public:
    // `interfaces` and `ports` by PortIndex; the ports outlive it.
    static Result<std::unique_ptr<Exceptions>> open(const std::vector<InterfaceConfig>& interfaces,
                                                    const std::vector<Port>& ports);
    ~Exceptions();  // after the workers have stopped

    bool empty() const { return opened_.empty(); }
    unsigned ifindex(PortIndex port) const;     // of Linux's interface; 0: the port has none
    std::vector<ExceptionPath*> paths() const;  // by PortIndex; none: null

    void start();  // carries packets from now on
    void stop();   // before the workers stop
    // A NIC without a link is shown to Linux as such. Now and then.
    void follow_links();
    // Says in the log when Linux's interfaces are set down, set up or deleted. After each news.
    void look(const KernelNetwork& kernel);

  private:
    struct Opened {
        const Port* port;
        ExceptionTap tap;
        std::unique_ptr<ExceptionPath> path;
        bool up = true;
        bool gone = false;
        static void log(const std::string& name, bool up, bool gone);
    };
    Exceptions() = default;
    Result<void> make_thread();

    std::size_t ports_ = 0;
    std::map<PortIndex, Opened> opened_;
    std::unique_ptr<ExceptionThread> thread_;
};

}  // namespace usher
