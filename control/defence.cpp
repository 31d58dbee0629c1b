// SPDX-License-Identifier: BSD-3-Clause
#include "control/defence.hpp"

namespace usher {

Pressure Pressure::of(std::uint64_t connections, std::uint64_t capacity) {
    const std::uint64_t reserve = capacity / 8;  // as IPVS's amemthresh
    const std::uint64_t free = capacity > connections ? capacity - connections : 0;
    if (free >= reserve) return {};
    return {static_cast<std::uint32_t>(reserve / (reserve - free))};
}

Policy policy_of(const VsSettings& vs, Pressure pressure) {
    Policy policy;
    policy.replace_closed = vs.conn_reuse_mode != 0;
    policy.expire_nodest = vs.expire_nodest_conn != 0;
    policy.expire_quiescent = vs.expire_quiescent_template != 0;
    policy.refuse_strays = vs.nat_icmp_send != 0;
    policy.sloppy_tcp = vs.sloppy_tcp != 0;
    policy.sloppy_sctp = vs.sloppy_sctp != 0;
    policy.drop_entries = is_on(vs.drop_entry, pressure);
    if (is_on(vs.drop_packet, pressure))
        policy.drop_rate = vs.drop_packet == 3 ? vs.am_droprate : pressure.rate;
    return policy;
}

}  // namespace usher
