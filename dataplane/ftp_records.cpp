// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/ftp_records.hpp"

#include <algorithm>

namespace usher {

namespace {
constexpr std::uint64_t top_of(FtpIndex index, std::uint64_t before) {
    return ((before >> 32) + 1) << 32 | index;
}
}  // namespace

FtpRecords::FtpRecords(std::uint32_t connections) : records_(std::min(connections / 4, kMost)) {}

FtpIndex FtpRecords::pop() {
    std::uint64_t top = top_.load(std::memory_order_acquire);
    while (static_cast<FtpIndex>(top) != kNoFtp) {
        const auto index = static_cast<FtpIndex>(top);
        // Should another worker take it meanwhile, the swap fails and what we read is not used.
        const auto below =
            static_cast<FtpIndex>(records_[index].next_free.load(std::memory_order_relaxed));
        if (top_.compare_exchange_weak(top, top_of(below, top), std::memory_order_acquire))
            return index;
    }
    std::uint32_t fresh = fresh_.load(std::memory_order_relaxed);
    do {
        if (fresh >= records_.size()) return kNoFtp;
    } while (!fresh_.compare_exchange_weak(fresh, fresh + 1, std::memory_order_relaxed));
    return static_cast<FtpIndex>(fresh);
}

void FtpRecords::push(FtpIndex index) {
    std::uint64_t top = top_.load(std::memory_order_relaxed);
    do {
        records_[index].next_free.store(static_cast<FtpIndex>(top), std::memory_order_relaxed);
    } while (!top_.compare_exchange_weak(top, top_of(index, top), std::memory_order_release,
                                         std::memory_order_relaxed));
}

FtpIndex FtpRecords::take(std::uint16_t timeout_class, bool third_party) {
    const FtpIndex index = pop();
    if (index == kNoFtp) return kNoFtp;
    FtpRecord& record = records_[index];
    // Nobody holds it, so nobody has a side of it in hand.
    record.control.restart();
    record.timeout_class.store(timeout_class, std::memory_order_relaxed);
    record.third_party = third_party;
    record.owner.store(kNoConnection, std::memory_order_relaxed);
    // Release: who holds it from now on sees all of this.
    record.references.store(1, std::memory_order_release);
    return index;
}

bool FtpRecords::hold(FtpIndex index, ConnectionIndex owner) {
    FtpRecord& record = records_[index];
    std::uint32_t references = record.references.load(std::memory_order_relaxed);
    do {
        if (references == 0) return false;
    } while (!record.references.compare_exchange_weak(
        references, references + 1, std::memory_order_acq_rel, std::memory_order_relaxed));
    if (record.owner.load(std::memory_order_acquire) == owner) return true;
    release(index);
    return false;
}

void FtpRecords::release(FtpIndex index) {
    if (records_[index].references.fetch_sub(1, std::memory_order_acq_rel) == 1) push(index);
}

bool FtpRecords::expect(FtpIndex index) {
    FtpRecord& record = records_[index];
    std::uint32_t expected = record.expected.load(std::memory_order_relaxed);
    do {
        if (expected >= kMaxExpected) return false;
    } while (
        !record.expected.compare_exchange_weak(expected, expected + 1, std::memory_order_relaxed));
    record.references.fetch_add(1, std::memory_order_relaxed);
    expected_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void FtpRecords::no_longer_expected(FtpIndex index) {
    records_[index].expected.fetch_sub(1, std::memory_order_relaxed);
    expected_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace usher
