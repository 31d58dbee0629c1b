// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbour_log.hpp"

#include "control/log.hpp"

namespace usher {

namespace {

std::string link_name(const KernelNetwork& kernel, const NeighbourKey& key) {
    const auto link = kernel.links.find(key.ifindex);
    return link == kernel.links.end() ? std::to_string(key.ifindex) : link->second.name;
}

}  // namespace

bool NeighbourLog::may_log() {
    if (lines_left_ > 0) {
        --lines_left_;
        return true;
    }
    ++left_out_;
    return false;
}

void NeighbourLog::note(const KernelNetwork& kernel, const std::set<NeighbourKey>& in_use) {
    const FailedNeighbours::Changes changes = failed_.update(kernel, in_use);
    for (const NeighbourKey& key : changes.failed)
        if (may_log())
            log_warning("{} on {} does not answer: no packet can be sent to or by way of it",
                        key.address.to_string(), link_name(kernel, key));
    for (const NeighbourKey& key : changes.answering)
        if (may_log())
            log_notice("{} on {} answers again", key.address.to_string(), link_name(kernel, key));
}

void NeighbourLog::on_second() {
    lines_left_ = kLinesASecond;
    if (left_out_ == 0) return;
    log_warning("{} more neighbours failed or came back", left_out_);
    left_out_ = 0;
}

}  // namespace usher
