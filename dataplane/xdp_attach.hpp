// SPDX-License-Identifier: BSD-3-Clause
// How DPDK's af_xdp driver attaches our XDP program, and takes it off. The driver asks libbpf to
// attach it wherever the kernel likes, and when it closes it takes off whatever is there: it has no
// option for either. So this program has functions of libbpf's names before libbpf (the linker
// exports them, dataplane/meson.build), which do as is said here and then call libbpf's own.
// Rejected: attaching to the driver first and moving afterwards, which a driver that refuses our
// program does not survive; and a patched DPDK. Control thread only.
//
// Worked example. ext0 is a veth whose other end has an MTU of 9000:
//   DPDK's driver attaches; the kernel says "Peer MTU is too large to set XDP", which
//   refused_attachment() then has; the program is attached behind veth, and DPDK goes on. (Told
//   that it failed, it would forget the packets that it has taken out of the pool.)
#pragma once

#include <string>

namespace usher {

// While it lives, programs are attached behind the NIC's driver (XDP_FLAGS_SKB_MODE).
class AttachGeneric {
  public:
    explicit AttachGeneric(bool wanted);
    ~AttachGeneric();
    AttachGeneric(const AttachGeneric&) = delete;
    AttachGeneric& operator=(const AttachGeneric&) = delete;

  private:
    bool before_;
};

// While it lives, no program is taken off, and who asks for it hears that it was.
class KeepAttached {
  public:
    explicit KeepAttached(bool wanted);
    ~KeepAttached();
    KeepAttached(const KeepAttached&) = delete;
    KeepAttached& operator=(const KeepAttached&) = delete;

  private:
    bool before_;
};

// Why the NIC's driver has not taken the program that was attached last, in the kernel's words.
// Empty: it has; or another one was there, or it is not permitted, and so it would be in the stack.
const std::string& refused_attachment();
void forget_refused_attachment();

}  // namespace usher
