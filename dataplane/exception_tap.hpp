// SPDX-License-Identifier: BSD-3-Clause
// Linux's interface in the place of a NIC that is all ours: a tap. What Linux sends there is read
// here, what is written here Linux receives. Made and changed by the control thread.
//
// An interface of that name that is there already is used when it is a tap that nobody has open
// (`ip tuntap add dev wan0 mode tap`): it stays, with its addresses, when usherd ends. Otherwise
// it is made, and goes with us.
#pragma once

#include <string>

#include "nat/address.hpp"
#include "nat/result.hpp"
#include "nat/unique_fd.hpp"

namespace usher {

class ExceptionTap {
  public:
    // Up, without a link. Fails with a sentence that says what to do.
    static Result<ExceptionTap> open(const std::string& name, const MacAddress& mac,
                                     std::uint16_t mtu);

    const std::string& name() const { return name_; }
    unsigned ifindex() const { return ifindex_; }
    int fd() const { return fd_.get(); }  // non-blocking; a read or write is a frame

    // As Linux shows it: without a link, its routes are not used. Needs no privilege.
    void set_link(bool up);

  private:
    ExceptionTap() = default;
    Result<void> take(const std::string& name);
    Result<void> dress(const MacAddress& mac, std::uint16_t mtu) const;

    UniqueFd fd_;
    std::string name_;
    unsigned ifindex_ = 0;
    bool link_ = true;  // what a new tap has
};

}  // namespace usher
