// SPDX-License-Identifier: BSD-3-Clause
// The parts of the file, each read by one function from the top-level table into a ReadConfig.
// Internal to conf/. Mistakes go to the TableReader's errors; what is wrong is left out.
#pragma once

#include "conf/read.hpp"
#include "conf/table_reader.hpp"

namespace usher {

void read_interfaces(TableReader& top, ReadConfig& into);  // [[interface]]
void read_wires(TableReader& top, ReadConfig& into);       // [[neighbour]], [[route]]; after those
void read_settings(TableReader& top, ReadConfig& into);    // [workers] [table] [timeouts] ...
void read_marks(TableReader& top, ReadConfig& into);       // [[mark]]; after the interfaces
void read_masquerade(TableReader& top, ReadConfig& into);  // [[masquerade]]
void read_services(TableReader& top, ReadConfig& into);    // [[service]]

}  // namespace usher
