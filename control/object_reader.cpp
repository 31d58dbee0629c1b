// SPDX-License-Identifier: BSD-3-Clause
#include "control/object_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace usher {

ObjectReader::ObjectReader(const Json& json, std::string_view what) : json_(json), what_(what) {
    if (!json.is_object()) error_ = Error{Errc::protocol, fmt::format("{}: not an object", what)};
}

void ObjectReader::require(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names)
        if (!has(name)) fail_with(Errc::protocol, name, "is missing");
}

bool ObjectReader::has(std::string_view name) const {
    return json_.is_object() && json_.contains(name);
}

const Json* ObjectReader::member(std::string_view name) {
    known_.push_back(name);
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
}

std::uint64_t ObjectReader::integer(std::string_view name, std::uint64_t fallback,
                                    std::uint64_t least, std::uint64_t most) {
    const Json* value = member(name);
    if (value == nullptr) return fallback;
    if (!value->is_number_integer()) {
        fail_with(Errc::protocol, name, "must be an integer");
        return fallback;
    }
    // A parsed number is unsigned when it is not negative; one built in the program may not be.
    const bool negative = !value->is_number_unsigned() && value->get<std::int64_t>() < 0;
    const auto number = value->get<std::uint64_t>();
    if (negative || number < least || number > most) {
        fail_with(Errc::invalid, name, fmt::format("must be from {} to {}", least, most));
        return fallback;
    }
    return number;
}

std::uint64_t ObjectReader::counter(std::string_view name) {
    return integer(name, 0, 0, std::numeric_limits<std::uint64_t>::max());
}

double ObjectReader::real(std::string_view name) {
    const Json* value = member(name);
    if (value == nullptr) return 0;
    if (value->is_number()) return value->get<double>();
    fail_with(Errc::protocol, name, "must be a number");
    return 0;
}

bool ObjectReader::flag(std::string_view name) {
    const Json* value = member(name);
    if (value == nullptr) return false;
    if (value->is_boolean()) return value->get<bool>();
    fail_with(Errc::protocol, name, "must be true or false");
    return false;
}

std::string ObjectReader::text(std::string_view name, std::string_view fallback) {
    const Json* value = member(name);
    if (value == nullptr) return std::string(fallback);
    if (value->is_string()) return value->get<std::string>();
    fail_with(Errc::protocol, name, "must be a string");
    return std::string(fallback);
}

void ObjectReader::fail_with(Errc code, std::string_view name, std::string_view problem) {
    if (!error_) error_ = Error{code, fmt::format("{}: '{}' {}", what_, name, problem)};
}

Result<void> ObjectReader::error() const {
    if (error_) return tl::unexpected<Error>(*error_);
    return {};
}

Result<void> ObjectReader::finish() const {
    if (error_) return tl::unexpected<Error>(*error_);
    for (const auto& item : json_.items())
        if (std::find(known_.begin(), known_.end(), item.key()) == known_.end())
            return fail(Errc::protocol,
                        fmt::format("{}: unknown member '{}'", what_, item.key().substr(0, 64)));
    return {};
}

}  // namespace usher
