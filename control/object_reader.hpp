// SPDX-License-Identifier: BSD-3-Clause
// Reads one JSON object strictly: each member is asked for by name with its type and range, the
// first thing wrong is kept, and finish() also refuses members that nobody asked for.
//
//   ObjectReader in(json, "server");
//   in.require({"address", "port"});
//   key.port = in.number<std::uint16_t>("port", 0, 0, 65535);
//   if (auto done = in.finish(); !done) return tl::unexpected(done.error());
//
// Errors: Errc::protocol for the wrong shape (type, missing, unknown), Errc::invalid for a value of
// the right type that cannot be. Any thread; keeps references to the JSON, not copies.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/result.hpp"

namespace usher {

// Its objects are sorted by name: looking a member up stays cheap in a hostile message, where an
// insertion-ordered object would be quadratic.
using Json = nlohmann::json;

class ObjectReader {
  public:
    // `what` names the object in messages: "server" gives "server: unknown member 'x'".
    ObjectReader(const Json& json, std::string_view what);

    void require(std::initializer_list<std::string_view> names);
    bool has(std::string_view name) const;

    // The member, or nullptr when absent; for what has no reader below.
    const Json* member(std::string_view name);

    template <class T>
    T number(std::string_view name, T fallback, std::uint64_t least, std::uint64_t most) {
        return static_cast<T>(integer(name, fallback, least, most));
    }
    std::uint64_t counter(std::string_view name);  // any unsigned 64-bit number; absent: 0
    double real(std::string_view name);            // absent: 0
    bool flag(std::string_view name);              // absent: false
    std::string text(std::string_view name, std::string_view fallback);

    void fail_with(Errc code, std::string_view name, std::string_view problem);

    Result<void> finish() const;  // an error, or a member that was not asked for
    Result<void> error() const;   // an error; unknown members are ignored

  private:
    std::uint64_t integer(std::string_view name, std::uint64_t fallback, std::uint64_t least,
                          std::uint64_t most);

    const Json& json_;
    std::string what_;
    std::vector<std::string_view> known_;
    std::optional<Error> error_;
};

}  // namespace usher
