// SPDX-License-Identifier: BSD-3-Clause
// What is kept of FTP control connections besides the connection: where the helper is in its two
// streams (nat/ftp_control.hpp), and how many data connections hang on it. The connection names its
// record in `timeout_class`, each of its data connections in `next`.
//
// A record is held by references: its control connection's, one of each data connection, expected
// or open, and of each worker that has a segment of it in hand. Whoever gives back the last one
// frees it, so a worker that was late finds it gone, or with another owner (hold()).
//
// Threads: any worker, at any time, without waiting for another.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/connection.hpp"
#include "dataplane/mapped_array.hpp"
#include "nat/ftp_control.hpp"

namespace usher {

using FtpIndex = std::uint16_t;
inline constexpr FtpIndex kNoFtp = 0xffff;

struct FtpRecord {
    FtpControl control;
    std::atomic<std::uint32_t> references;
    std::atomic<std::uint32_t> expected;  // data connections that have not come yet
    std::atomic<ConnectionIndex> owner;   // the control connection
    std::atomic<std::uint32_t> next_free;
    // Constant while it is held.
    std::atomic<std::uint16_t> timeout_class;  // as Connection::timeout_class of others
    bool third_party;                          // FtpParties
};

class FtpRecords {
  public:
    // Of one control connection at a time; a client has one open at once.
    static constexpr std::uint32_t kMaxExpected = 16;
    static constexpr std::uint32_t kMost = 0xfffe;

    // For a table of so many connections: a quarter of them, at most kMost.
    explicit FtpRecords(std::uint32_t connections);

    // A record of a control connection that begins, with one reference; kNoFtp: none is free.
    FtpIndex take(std::uint16_t timeout_class, bool third_party);
    void set_owner(FtpIndex index, ConnectionIndex owner) {
        records_[index].owner.store(owner, std::memory_order_release);
    }

    // One more reference, to the record of `owner`; false: that is gone.
    bool hold(FtpIndex index, ConnectionIndex owner);
    void release(FtpIndex index);
    // For a data connection, while the record is held: false when kMaxExpected are expected.
    bool expect(FtpIndex index);
    bool expects_most(FtpIndex index) const {
        return records_[index].expected.load(std::memory_order_relaxed) >= kMaxExpected;
    }
    // An expectation has come, or came to its end. Its reference is another matter.
    void no_longer_expected(FtpIndex index);

    std::uint16_t timeout_class(FtpIndex index) const {
        return records_[index].timeout_class.load(std::memory_order_relaxed);
    }
    bool has_data_connections(FtpIndex index) const {
        return records_[index].references.load(std::memory_order_relaxed) > 1;
    }
    // Whether there is any expectation at all: read at each first packet, seldom written.
    bool expects_any() const { return expected_.load(std::memory_order_relaxed) != 0; }

    FtpRecord& operator[](FtpIndex index) { return records_[index]; }
    const FtpRecord& operator[](FtpIndex index) const { return records_[index]; }
    std::size_t size() const { return records_.size(); }

  private:
    FtpIndex pop();
    void push(FtpIndex index);

    MappedArray<FtpRecord> records_;
    std::atomic<std::uint32_t> fresh_{0};  // from here on never used
    // The free ones: the top's index, and a count against ABA in the upper half.
    std::atomic<std::uint64_t> top_{kNoFtp};
    alignas(64) std::atomic<std::uint32_t> expected_{0};
};

}  // namespace usher
