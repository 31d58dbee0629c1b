// SPDX-License-Identifier: BSD-3-Clause
// Plays tests/packets/cases/*.case through the shipped commands and the shipped worker, in bursts
// of 1 and of 32, which must agree. A case is lines:
//
//   # a comment
//   ipvsadm -A -t 203.0.113.10:80 -s rr        a command, through the command line's own parser
//   request {"command": ...}                   any command, as docs/protocol.md has it
//   table 8                                    (first) a table of 2^8 connections
//   fragments 4 2                              (first) 4 datagrams in fragments, 2 packets held
//   no-default-routes                          (first)
//   ext in PACKET    int out PACKET            packets as packet_text.hpp writes them
//   int out udp 10.0.0.1:?a > 10.0.0.100:53    a port by chance, which has that name from there on
//   wait 61                                    seconds
//   drop no-server 1                           packets dropped for that reason, up to here
//   counts TCP 203.0.113.10:80 10.0.0.100:80 1 0      ActiveConn and InActConn
//   templates TCP 203.0.113.10:80 10.0.0.100:80 1     PersistConn
//   entry TCP 198.51.100.0:0 ASSURED 299              a connection's client, state and seconds
//   entries 3                                         of all connections
//
// "in" lines that follow each other on one port are one batch; every packet that leaves must stand
// in an "out" line after it, in order within its port.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "tests/packets/in_process.hpp"
#include "tools/cli/ipvsadm.hpp"
#include "tools/cli/ipvsadm_grammar.hpp"

namespace usher::test {
namespace {

class Player {
  public:
    explicit Player(unsigned burst) : burst_(burst) {}

    void play(const std::filesystem::path& path) {
        std::ifstream file(path);
        for (std::string line; std::getline(file, line);) {
            ++line_number_;
            SCOPED_TRACE(fmt::format("{}:{}: {}", path.filename().string(), line_number_, line));
            if (line.empty() || line[0] == '#') continue;
            play_line(line);
        }
        settle();
        EXPECT_EQ(director().packets_in_use(), 0U) << "packets leaked";
    }

  private:
    struct Expected {
        PortIndex port;
        std::string text;
    };

    InProcess& director() {
        if (!director_) director_ = std::make_unique<InProcess>(options_);
        return *director_;
    }

    void play_line(const std::string& line) {
        std::istringstream words(line);
        std::string first, second, rest;
        words >> first;
        if (first == "ext" || first == "int") {
            words >> second;
            std::getline(words >> std::ws, rest);
            const PortIndex port = first == "ext" ? 0 : 1;
            if (second == "in") return take_in(port, rest);
            ASSERT_EQ(second, "out");
            return expect_out(port, rest);
        }
        settle();
        if (first == "table")
            words >> options_.table_bits;
        else if (first == "fragments")
            words >> options_.fragments.datagrams >> options_.fragments.held;
        else if (first == "no-default-routes")
            options_.default_routes = false;
        else if (first == "ipvsadm")
            command(line.substr(8));
        else if (first == "request")
            request(line.substr(8));
        else if (first == "wait")
            wait(words);
        else if (first == "drop")
            check_drops(words);
        else if (first == "counts")
            check_counts(words);
        else if (first == "templates")
            check_templates(words);
        else if (first == "entry")
            check_entry(words);
        else if (first == "entries")
            check_entries(words);
        else
            FAIL() << "no such line";
    }

    void take_in(PortIndex port, const std::string& text) {
        if (!expected_.empty() || (!frames_.empty() && port != port_)) settle();
        const auto frame = frame_of(with_ports(text));
        ASSERT_TRUE(frame) << "not a packet";
        port_ = port;
        frames_.push_back(*frame);
    }

    void expect_out(PortIndex port, const std::string& text) { expected_.push_back({port, text}); }

    // Ports that have a name, as numbers.
    std::string with_ports(std::string text) const {
        for (const auto& [name, port] : ports_)
            for (std::size_t at; (at = text.find(name)) != std::string::npos;)
                text.replace(at, name.size(), port);
        return text;
    }

    // Of an endpoint "ADDRESS:?NAME": the name is the port that was really there from now on.
    void name_port(const std::string& wanted, const std::string& real) {
        const std::size_t name = wanted.find(":?");
        const std::size_t port = real.rfind(':');
        if (name != std::string::npos && port != std::string::npos)
            ports_.try_emplace(wanted.substr(name + 1), real.substr(port + 1));
    }

    void name_ports(const std::string& wanted, const std::string& real) {
        std::istringstream a(wanted), b(real);
        std::string x, y;
        while (a >> x && b >> y && x != "{")
            name_port(x, y);
    }

    std::string expectation(const Expected& one) const {
        const auto frame = frame_of(with_ports(one.text));
        return fmt::format("{} {}", one.port == 0 ? "ext" : "int",
                           frame ? describe(*frame) : "not a packet");
    }

    void settle() {
        if (frames_.empty()) return;
        std::stable_sort(expected_.begin(), expected_.end(),
                         [](const auto& a, const auto& b) { return a.port < b.port; });
        std::vector<std::string> sent, expected;
        for (const auto& packet : director().pass(port_, frames_, burst_)) {
            const std::string text = describe(packet.frame);
            if (sent.size() < expected_.size()) name_ports(expected_[sent.size()].text, text);
            sent.push_back(fmt::format("{} {}", packet.port == 0 ? "ext" : "int", text));
        }
        for (const Expected& one : expected_)
            expected.push_back(expectation(one));
        EXPECT_EQ(sent, expected);
        frames_.clear();
        expected_.clear();
    }

    void command(const std::string& line) {
        std::istringstream stream(line);
        const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
        const auto parsed = parse_ipvsadm("ipvsadm", words, NameResolver{});
        ASSERT_TRUE(parsed) << parsed.error().text;
        request(to_line(change_request(*parsed)));
    }

    void request(const std::string& line) {
        EXPECT_EQ(director().request(line), "{\"ok\":true,\"result\":null}\n");
    }

    void wait(std::istream& words) {
        std::uint32_t time = 0;
        words >> time;
        director().wait(time);
    }

    void check_drops(std::istream& words) {
        std::string name;
        std::uint64_t count = 0;
        words >> name >> count;
        const auto reason = std::find(kDropNames.begin(), kDropNames.end(), name);
        ASSERT_NE(reason, kDropNames.end()) << "no such reason";
        EXPECT_EQ(director().dropped(static_cast<Drop>(reason - kDropNames.begin())), count);
    }

    void check_counts(std::istream& words) {
        const std::optional<ServerRow> row = server_row(words);
        std::uint64_t active = 0, inactive = 0;
        words >> active >> inactive;
        ASSERT_TRUE(row) << "no such server";
        EXPECT_EQ(row->active, active) << "active";
        EXPECT_EQ(row->inactive, inactive) << "inactive";
    }

    void check_templates(std::istream& words) {
        const std::optional<ServerRow> row = server_row(words);
        std::uint64_t count = 0;
        words >> count;
        ASSERT_TRUE(row) << "no such server";
        EXPECT_EQ(row->persistent, count);
    }

    std::optional<ServerRow> server_row(std::istream& words) {
        std::string protocol, service, server;
        words >> protocol >> service >> server;
        if (server == "IPv6") {  // of a mark
            service += " IPv6";
            words >> server;
        }
        for (const auto& [key, desired] : director().director().desired().services) {
            if (key.to_string() != fmt::format("{} {}", protocol, service)) continue;
            ServiceRow row{key, desired.options, {}, {}, {}};
            for (const auto& each : desired.servers) {
                ServerRow server_row;
                server_row.key = each.key;
                row.servers.push_back(server_row);
            }
            for (const ServerRow& each : director().director().counted(row).servers)
                if (each.key.to_string() == server) return each;
        }
        return std::nullopt;
    }

    std::vector<ConnectionRow> connections() {
        std::vector<ConnectionRow> rows;
        director().director().each_connection([&](const ConnectionRow& row) {
            rows.push_back(row);
            return true;
        });
        return rows;
    }

    void check_entry(std::istream& words) {
        std::string protocol, client, state;
        std::uint32_t expires = 0;
        words >> protocol >> client >> state >> expires;
        for (const ConnectionRow& row : connections()) {
            if (protocol_name(row.protocol) != protocol || row.client.to_string() != client)
                continue;
            EXPECT_EQ(row.state, state);
            EXPECT_EQ(row.expires, expires);
            return;
        }
        ADD_FAILURE() << "no such connection";
    }

    void check_entries(std::istream& words) {
        std::size_t count = 0;
        words >> count;
        EXPECT_EQ(connections().size(), count);
    }

    const unsigned burst_;
    DirectorInProcess::Options options_;
    int line_number_ = 0;
    std::unique_ptr<InProcess> director_;
    PortIndex port_ = 0;
    std::vector<Frame> frames_;
    std::vector<Expected> expected_;
    std::map<std::string, std::string> ports_;  // by name, with its question mark
};

class PacketCase : public testing::TestWithParam<std::tuple<std::string, unsigned>> {};

TEST_P(PacketCase, Agrees) {
    const auto& [name, burst] = GetParam();
    Player(burst).play(std::filesystem::path(USHER_SOURCE_DIR) / "tests/packets/cases" / name);
}

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    const auto folder = std::filesystem::path(USHER_SOURCE_DIR) / "tests/packets/cases";
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

INSTANTIATE_TEST_SUITE_P(Cases, PacketCase,
                         testing::Combine(testing::ValuesIn(case_names()),
                                          testing::Values(1U, 32U)),
                         [](const auto& instance) {
                             std::string name = std::get<0>(instance.param);
                             name.resize(name.size() - 5);
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name + "_burst" + std::to_string(std::get<1>(instance.param));
                         });

}  // namespace
}  // namespace usher::test
