// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "conf/model.hpp"

namespace usher {

// A [[service]] table, its servers one a line. Internal to conf/.
std::string service_text(const ServiceConfig& service);

}  // namespace usher
