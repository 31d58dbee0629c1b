// SPDX-License-Identifier: BSD-3-Clause
#include "control/trace_log.hpp"

#include "control/log.hpp"
#include "nat/tcp_state.hpp"

namespace usher {

// The two enumerations have the same bits, so that one need not know the other.
static_assert(kDebugSchedule == std::uint32_t{kTraceSchedule});
static_assert(kDebugState == std::uint32_t{kTraceState});
static_assert(kDebugTable == std::uint32_t{kTraceTable});
static_assert(kDebugDrop == std::uint32_t{kTraceDrop});
static_assert(kDebugNeighbour == std::uint32_t{kTraceNeighbour});

namespace {

constexpr std::uint32_t kWorkerAreas =
    kTraceSchedule | kTraceState | kTraceTable | kTraceDrop | kTraceNeighbour;
constexpr int kLinesATime = 1000;

std::string flow_text(const TraceEvent& event) {
    return fmt::format("{} {} > {}", protocol_name(static_cast<Protocol>(event.protocol)),
                       endpoint_text(event.source, event.source_port.host()),
                       endpoint_text(event.destination, event.destination_port.host()));
}

std::string_view state_text(std::uint32_t value) {
    return state_name(static_cast<State>(value & 0xff));
}

DebugArea area_of(TraceEvent::Kind kind) {
    switch (kind) {
        case TraceEvent::Kind::scheduled:
            return kDebugSchedule;
        case TraceEvent::Kind::transition:
            return kDebugState;
        case TraceEvent::Kind::expired:
        case TraceEvent::Kind::evicted:
        case TraceEvent::Kind::replaced:
            return kDebugTable;
        case TraceEvent::Kind::dropped:
            return kDebugDrop;
        case TraceEvent::Kind::neighbour:
            return kDebugNeighbour;
    }
    return kDebugDrop;
}

}  // namespace

std::uint32_t trace_areas(const LogConfig& log) {
    return (log.level == LogLevel::debug ? kWorkerAreas : log.debug) & kWorkerAreas;
}

std::string trace_text(const TraceEvent& event, const SlotBook& slots) {
    switch (event.kind) {
        case TraceEvent::Kind::scheduled: {
            const std::optional<SlotOwner> owner = slots.owner(event.value);
            return fmt::format("{} goes to {}", flow_text(event),
                               owner ? owner->second.to_string() : "a server that is gone");
        }
        case TraceEvent::Kind::transition:
            return fmt::format("{}: {} -> {}", flow_text(event), state_text(event.value >> 8),
                               state_text(event.value));
        case TraceEvent::Kind::expired:
            return fmt::format("{} expired in {}", flow_text(event), state_text(event.value));
        case TraceEvent::Kind::evicted:
            return fmt::format("{} gave way in {}", flow_text(event), state_text(event.value));
        case TraceEvent::Kind::replaced:
            return fmt::format("{} begins again after {}", flow_text(event),
                               state_text(event.value));
        case TraceEvent::Kind::dropped:
            return fmt::format("{} dropped: {}", flow_text(event),
                               drop_name(static_cast<Drop>(event.value)));
        case TraceEvent::Kind::neighbour:
            return fmt::format("waiting for the neighbour {}", event.destination.to_string());
    }
    return {};
}

void log_traces(Trace& trace, const SlotBook& slots) {
    TraceEvent event{};
    for (int i = 0; i < kLinesATime && trace.take(event); ++i)
        log_debug(area_of(event.kind), "{}", trace_text(event, slots));
    if (const std::uint64_t lost = trace.lost_since())
        log_warning("{} debug events of a worker were lost: its ring was full", lost);
}

}  // namespace usher
