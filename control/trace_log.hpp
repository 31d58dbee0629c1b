// SPDX-License-Identifier: BSD-3-Clause
// Turns what workers noted (dataplane/trace.hpp) into lines of the log. Control thread only.
#pragma once

#include "conf/model.hpp"
#include "control/slot_book.hpp"
#include "dataplane/trace.hpp"

namespace usher {

// The areas that workers have to note; the others are the control thread's own.
std::uint32_t trace_areas(const LogConfig& log);

std::string trace_text(const TraceEvent& event, const SlotBook& slots);

// Writes what waits, a bounded number at a time, and how many were lost.
void log_traces(Trace& trace, const SlotBook& slots);

}  // namespace usher
