// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/data_plane.hpp"

namespace usher {

DataPlane::DataPlane(unsigned bits, unsigned workers, const HashSeed& seed,
                     const FragmentTable::Limits& fragments)
    : fragment_limits(fragments),
      table(bits, seed),
      pool(table),
      grace(workers + 1),
      due(table.capacity()),
      loads(kMaxServers),
      ftp(table.capacity()),
      workers_(workers),
      snapshot_(new Snapshot) {}

DataPlane::~DataPlane() {
    delete snapshot_.load(std::memory_order_relaxed);
}

// The exchange releases what the control thread wrote; pairs with the acquire in snapshot().
void DataPlane::publish(std::unique_ptr<const Snapshot> next) {
    const std::unique_ptr<const Snapshot> before(
        snapshot_.exchange(next.release(), std::memory_order_acq_rel));
    grace.wait();
}

}  // namespace usher
