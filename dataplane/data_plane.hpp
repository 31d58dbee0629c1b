// SPDX-License-Identifier: BSD-3-Clause
// What the workers share: the connection table, the servers' loads, and the snapshot in force.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/connection_pool.hpp"
#include "dataplane/connection_table.hpp"
#include "dataplane/due_times.hpp"
#include "dataplane/ftp_records.hpp"
#include "dataplane/grace.hpp"
#include "dataplane/port_pool.hpp"
#include "dataplane/snapshot.hpp"
#include "nat/fragment_table.hpp"

namespace usher {

class DataPlane {
  public:
    // Everything that is ever used is reserved here: `bits` for 2^bits connections.
    // `fragments`: of each worker.
    DataPlane(unsigned bits, unsigned workers, const HashSeed& seed,
              const FragmentTable::Limits& fragments = {});
    ~DataPlane();

    const Snapshot& snapshot() const { return *snapshot_.load(std::memory_order_acquire); }

    // The control thread: puts `next` in force and returns when every worker sees it; the one
    // before is destroyed then.
    void publish(std::unique_ptr<const Snapshot> next);

    // The control thread, around its own walks over the table: nothing that it reads is reused
    // before pass() or the end. A walk passes after each connection (a load and a comparison),
    // holding nothing of it: until then no connection's memory is free again.
    class Reading {
      public:
        explicit Reading(DataPlane& plane) : plane_(plane) { plane_.grace.online(plane_.workers_); }
        ~Reading() { plane_.grace.offline(plane_.workers_); }
        void pass() const { plane_.grace.quiescent(plane_.workers_); }
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;

      private:
        DataPlane& plane_;
    };

    unsigned workers() const { return workers_; }

    const FragmentTable::Limits fragment_limits;
    ConnectionTable table;
    ConnectionPool pool;
    Grace grace;
    DueTimes due;
    MappedArray<ServerLoad> loads;
    PortPool ports;  // of masquerading
    FtpRecords ftp;

  private:
    const unsigned workers_;
    std::atomic<const Snapshot*> snapshot_;
};

}  // namespace usher
