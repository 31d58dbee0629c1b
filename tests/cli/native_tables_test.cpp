// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/native_tables.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "control/wire.hpp"

namespace usher {
namespace {

// The words under a column's title in the rows of a table. Columns are two blanks apart.
std::vector<std::string> column(const std::string& table, const std::string& title) {
    const auto cells = [](const std::string& line) {
        std::vector<std::string> out;
        for (std::size_t at = 0; at < line.size();) {
            const std::size_t end = std::min(line.find("  ", at), line.size());
            if (end > at) out.push_back(line.substr(at, end - at));
            at = std::min(line.find_first_not_of(' ', end), line.size());
        }
        return out;
    };
    std::vector<std::string> out;
    std::size_t index = 0;
    for (std::size_t at = 0; at < table.size();) {
        const std::size_t end = table.find('\n', at);
        const auto row = cells(table.substr(at, end - at));
        if (at == 0)
            index =
                static_cast<std::size_t>(std::find(row.begin(), row.end(), title) - row.begin());
        else if (index < row.size())
            out.push_back(row[index]);
        at = end + 1;
    }
    return out;
}

ServiceRow tcp_service(std::uint16_t port) {
    ServiceRow row;
    row.key = {0, Protocol::tcp, *IpAddress::parse("192.0.2.1"), port};
    return row;
}

std::string listed(const std::vector<ServiceRow>& services) {
    return services_table(to_wire(ServiceListing{"1.2.1", 1048576, services})).value();
}

TEST(NativeTables, ServicesShowTheClampedMss) {
    ServiceRow plain = tcp_service(80);
    ServiceRow fixed = tcp_service(81);
    fixed.options.mss_clamp = 1360;
    ServiceRow by_mtu = tcp_service(82);
    by_mtu.options.mss_clamp = kMssAuto;
    EXPECT_EQ(column(listed({plain, fixed, by_mtu}), "MSS CLAMP"),
              (std::vector<std::string>{"-", "1360", "auto"}));
}

TEST(NativeTables, ServicesShowWhereFtpIsRead) {
    ServiceRow other_port = tcp_service(2121);
    other_port.options.ftp = true;
    other_port.options.ftp_third_party = true;
    ServiceRow turned_off = tcp_service(21);
    turned_off.key.address = *IpAddress::parse("192.0.2.2");
    turned_off.options.ftp = false;
    ServiceRow marked;
    marked.key = {7, Protocol::ip, IpAddress(), 0};
    EXPECT_EQ(column(listed({tcp_service(21), tcp_service(80)}), "FTP"),
              (std::vector<std::string>{"21", "-"}));
    EXPECT_EQ(column(listed({other_port}), "FTP"), std::vector<std::string>{"2121, third party"});
    EXPECT_EQ(column(listed({turned_off}), "FTP"), std::vector<std::string>{"-"});
    EXPECT_EQ(column(listed({marked}), "FTP"), std::vector<std::string>{"21"});
}

}  // namespace
}  // namespace usher
