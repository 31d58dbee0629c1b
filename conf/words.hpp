// SPDX-License-Identifier: BSD-3-Clause
// The words that stand for values in the TOML file, each table in one place for reader and writer.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "conf/model.hpp"

namespace usher {

template <class T>
struct Word {
    std::string_view text;
    T value;
};

inline constexpr std::array<Word<Role>, 3> kRoleWords{
    {{"external", Role::external}, {"internal", Role::internal}, {"both", Role::both}}};

inline constexpr std::array<Word<AttachKind>, 3> kAttachWords{
    {{"af_xdp", AttachKind::af_xdp}, {"pci", AttachKind::pci}, {"device", AttachKind::device}}};

inline constexpr std::array<Word<XdpMode>, 3> kXdpWords{
    {{"auto", XdpMode::automatic}, {"native", XdpMode::native}, {"generic", XdpMode::generic}}};

inline constexpr std::array<Word<ZeroCopy>, 3> kZeroCopyWords{
    {{"auto", ZeroCopy::automatic}, {"on", ZeroCopy::on}, {"off", ZeroCopy::off}}};

inline constexpr std::array<Word<Idle>, 2> kIdleWords{
    {{"spin", Idle::spin}, {"sleep", Idle::sleep}}};

inline constexpr std::array<Word<Family>, 2> kFamilyWords{
    {{"ipv4", Family::ipv4}, {"ipv6", Family::ipv6}}};

inline constexpr std::array<Word<Protocol>, 3> kProtocolWords{
    {{"tcp", Protocol::tcp}, {"udp", Protocol::udp}, {"sctp", Protocol::sctp}}};

inline constexpr std::array<Word<Forwarding>, 4> kForwardingWords{
    {{"masquerade", Forwarding::masquerade},
     {"local", Forwarding::local},
     {"tunnel", Forwarding::tunnel},
     {"route", Forwarding::route}}};

inline constexpr std::array<Word<TunnelType>, 3> kTunnelWords{
    {{"ipip", TunnelType::ipip}, {"gue", TunnelType::gue}, {"gre", TunnelType::gre}}};

inline constexpr std::array<Word<std::uint32_t>, 2> kTunnelFlagWords{
    {{"checksum", 1}, {"remote-checksum", 2}}};

inline constexpr std::array<Word<OtherTraffic>, 2> kOtherWords{
    {{"drop", OtherTraffic::drop}, {"kernel", OtherTraffic::kernel}}};

inline constexpr std::array<Word<LogLevel>, 5> kLogLevelWords{{{"error", LogLevel::error},
                                                               {"warning", LogLevel::warning},
                                                               {"notice", LogLevel::notice},
                                                               {"info", LogLevel::info},
                                                               {"debug", LogLevel::debug}}};

inline constexpr std::array<Word<std::uint32_t>, 6> kDebugWords{{{"schedule", kDebugSchedule},
                                                                 {"state", kDebugState},
                                                                 {"table", kDebugTable},
                                                                 {"drop", kDebugDrop},
                                                                 {"neighbour", kDebugNeighbour},
                                                                 {"control", kDebugControl}}};

// One bit has several names (ipvsadm -b): which one is written depends on the scheduler.
inline constexpr std::array<Word<std::uint32_t>, 8> kFlagWords{{{"one-packet", kFlagOnePacket},
                                                                {"sh-fallback", kFlagSched1},
                                                                {"sh-port", kFlagSched2},
                                                                {"mh-fallback", kFlagSched1},
                                                                {"mh-port", kFlagSched2},
                                                                {"flag-1", kFlagSched1},
                                                                {"flag-2", kFlagSched2},
                                                                {"flag-3", kFlagSched3}}};

// The word for a value; empty when there is none.
template <class T, std::size_t N>
constexpr std::string_view word_of(const std::array<Word<T>, N>& words, T value) {
    for (const auto& word : words)
        if (word.value == value) return word.text;
    return {};
}

}  // namespace usher
