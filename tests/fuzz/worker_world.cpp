// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/worker_world.hpp"

#include <algorithm>
#include <array>

namespace usher::fuzz {

namespace {

std::vector<IpAddress> list(std::initializer_list<const char*> texts) {
    std::vector<IpAddress> addresses;
    for (const char* text : texts)
        addresses.push_back(*IpAddress::parse(text));
    return addresses;
}

bool is_in(const std::vector<IpAddress>& list, const IpAddress& address) {
    return std::find(list.begin(), list.end(), address) != list.end();
}

#define TCP4(port) R"("service":{"protocol":"tcp","address":"203.0.113.10","port":)" #port "}"
#define UDP4(port) R"("service":{"protocol":"udp","address":"203.0.113.10","port":)" #port "}"
#define TCP6(port) R"("service":{"protocol":"tcp","address":"2001:db8:9::10","port":)" #port "}"
#define UDP6(port) R"("service":{"protocol":"udp","address":"2001:db8:9::10","port":)" #port "}"
#define SCTP4 R"("service":{"protocol":"sctp","address":"203.0.113.10","port":9})"
#define SCTP6 R"("service":{"protocol":"sctp","address":"2001:db8:9::10","port":9})"
#define ALL4 R"("service":{"protocol":"tcp","address":"203.0.113.11","port":0})"
// On a server of another service: their clients' ports may meet there.
#define OTHER4 R"("service":{"protocol":"tcp","address":"203.0.113.12","port":80})"
#define OTHER6 R"("service":{"protocol":"tcp","address":"2001:db8:9::12","port":80})"
#define MARK R"("service":{"fwmark":7,"family":"ipv4"})"
#define ADD(service, options) R"({"command":"service.add",)" service R"(,"options":{)" options "}}"
#define SERVER(service, address, port, options)                                                    \
    R"({"command":"server.add",)" service R"(,"server":{"address":")" address R"(","port":)" #port \
    R"(},"options":{)" options "}}"

constexpr std::string_view kFirst[] = {
    ADD(TCP4(80), R"("scheduler":"rr")"),
    SERVER(TCP4(80), "10.0.0.100", 8080, ""),
    SERVER(TCP4(80), "10.0.0.101", 80, ""),
    ADD(TCP4(21), R"("scheduler":"wlc")"),
    SERVER(TCP4(21), "10.0.0.100", 21, ""),
    ADD(TCP4(443), R"("scheduler":"wlc","persistence":300,"mss_clamp":1200)"),
    SERVER(TCP4(443), "10.0.0.100", 443, R"("upper_threshold":3)"),
    SERVER(TCP4(443), "10.0.0.102", 443, ""),
    ADD(UDP4(53), R"("scheduler":"wrr","idle_timeout":20)"),
    SERVER(UDP4(53), "10.0.0.101", 5353, ""),
    ADD(UDP4(69), R"("scheduler":"rr","flags":4)"),
    SERVER(UDP4(69), "10.0.0.102", 6969, ""),
    ADD(TCP4(82), R"("scheduler":"sh","mss_clamp":"auto")"),
    SERVER(TCP4(82), "10.0.0.99", 80, ""),
    ADD(TCP4(81), ""),
    ADD(ALL4, R"("persistence":100)"),
    SERVER(ALL4, "10.0.0.103", 0, ""),
    ADD(OTHER4, R"("scheduler":"rr")"),
    SERVER(OTHER4, "10.0.0.100", 8080, ""),
    ADD(OTHER6, R"("scheduler":"rr")"),
    SERVER(OTHER6, "2001:db8:b::100", 8080, ""),
    ADD(SCTP4, R"("scheduler":"rr")"),
    SERVER(SCTP4, "10.0.0.103", 9009, ""),
    ADD(TCP6(80), R"("scheduler":"rr")"),
    SERVER(TCP6(80), "2001:db8:b::100", 8080, ""),
    SERVER(TCP6(80), "2001:db8:b::101", 80, ""),
    ADD(TCP6(21), ""),
    SERVER(TCP6(21), "2001:db8:b::100", 21, ""),
    ADD(TCP6(443), R"("scheduler":"dh","persistence":300)"),
    SERVER(TCP6(443), "2001:db8:b::102", 443, ""),
    ADD(UDP6(53), R"("scheduler":"rr")"),
    SERVER(UDP6(53), "2001:db8:b::101", 5353, ""),
    ADD(UDP6(69), R"("scheduler":"rr","flags":4)"),
    SERVER(UDP6(69), "2001:db8:b::102", 6969, ""),
    ADD(TCP6(82), ""),
    SERVER(TCP6(82), "2001:db8:b::99", 80, ""),
    ADD(SCTP6, ""),
    SERVER(SCTP6, "2001:db8:b::103", 9009, ""),
    R"({"command":"marks.set","marks":[]})",
    R"({"command":"masquerade.set","rules":[{"inside":["10.0.1.0/24"],"outside":["203.0.113.21"],"ports":"61007-61009"},{"inside":["10.0.0.0/16","2001:db8:b::/64"],"outside":["203.0.113.20","2001:db8:9::20"]}]})",
    R"({"command":"vs.set","name":"expire_nodest_conn","value":0})",
    R"({"command":"vs.set","name":"expire_quiescent_template","value":0})",
    R"({"command":"vs.set","name":"nat_icmp_send","value":0})",
    R"({"command":"vs.set","name":"sloppy_tcp","value":0})",
    R"({"command":"vs.set","name":"conn_reuse_mode","value":1})",
    R"({"command":"vs.set","name":"drop_packet","value":0})",
    R"({"command":"vs.set","name":"drop_entry","value":0})",
    R"({"command":"timeout.set","tcp":900,"tcp_fin":120,"udp":300})",
};

constexpr std::string_view kChanges[] = {
    R"({"command":"server.edit",)" TCP4(
        80) R"(,"server":{"address":"10.0.0.100","port":8080},"options":{"weight":0}})",
    R"({"command":"server.edit",)" TCP4(
        443) R"(,"server":{"address":"10.0.0.102","port":443},"options":{"weight":0}})",
    R"({"command":"server.delete",)" TCP4(80) R"(,"server":{"address":"10.0.0.100","port":8080}})",
    SERVER(TCP4(80), "10.0.0.100", 8080, ""),
    SERVER(TCP4(80), "10.0.0.102", 80, R"("weight":3)"),
    R"({"command":"server.delete",)" UDP4(53) R"(,"server":{"address":"10.0.0.101","port":5353}})",
    R"({"command":"server.delete",)" TCP4(443) R"(,"server":{"address":"10.0.0.102","port":443}})",
    R"({"command":"server.delete",)" TCP6(
        80) R"(,"server":{"address":"2001:db8:b::100","port":8080}})",
    R"({"command":"service.delete",)" TCP4(80) "}",
    ADD(TCP4(80), R"("scheduler":"sh")"),
    R"({"command":"service.delete",)" TCP6(443) "}",
    R"({"command":"service.edit",)" TCP4(80) R"(,"options":{"scheduler":"lblc","persistence":50}})",
    R"({"command":"service.edit",)" UDP4(53) R"(,"options":{"scheduler":"rr","flags":4}})",
    R"({"command":"service.edit",)" UDP6(69) R"(,"options":{"scheduler":"rr","flags":0}})",
    R"({"command":"service.edit",)" TCP4(21) R"(,"options":{"scheduler":"rr","ftp":false}})",
    R"({"command":"service.edit",)" TCP4(21) R"(,"options":{"ftp":true,"ftp_third_party":true}})",
    ADD(MARK, R"("scheduler":"rr","persistence":60)"),
    SERVER(MARK, "10.0.0.104", 0, ""),
    R"({"command":"marks.set","marks":[{"mark":7,"protocol":"tcp","destination":"203.0.113.10"}]})",
    R"({"command":"marks.set","marks":[]})",
    R"({"command":"masquerade.set","rules":[]})",
    R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/16","2001:db8:b::/64"]}]})",
    R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/16"],"outside":["203.0.113.10"],"ports":"50-54"}]})",
    R"({"command":"forwarding.set","other":"kernel"})",
    R"({"command":"vs.set","name":"expire_nodest_conn","value":1})",
    R"({"command":"vs.set","name":"expire_quiescent_template","value":1})",
    R"({"command":"vs.set","name":"nat_icmp_send","value":1})",
    R"({"command":"vs.set","name":"sloppy_tcp","value":1})",
    R"({"command":"vs.set","name":"conn_reuse_mode","value":0})",
    R"({"command":"vs.set","name":"drop_packet","value":3})",
    R"({"command":"vs.set","name":"drop_entry","value":3})",
    R"({"command":"timeout.set","tcp":5,"tcp_fin":1,"udp":2})",
    R"({"command":"service.clear"})",
    R"({"command":"log.set","debug":["schedule","drop","state","table","neighbour"]})",
    R"({"command":"log.set","debug":[]})",
};

}  // namespace

const World& world(bool v4) {
    static const World kFour{
        list({"198.51.100.2", "198.51.100.3", "192.0.2.7", "198.51.100.77"}),
        list({"203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.13"}),
        list({"10.0.0.100", "10.0.0.101", "10.0.0.102", "10.0.0.103", "10.0.0.104", "10.0.0.99"}),
        list({"10.0.0.110", "10.0.0.111", "10.0.1.7"}),
        list({"203.0.113.20", "203.0.113.21"}),
        list({"198.51.100.1", "10.0.0.1"}),
        list({"127.0.0.1", "224.0.0.5", "255.255.255.255", "0.0.0.0", "169.254.1.1"})};
    static const World kSix{
        list({"2001:db8:ffff::2", "2001:db8:ffff::3", "2001:db8:a::fe", "2001:db8:a::77"}),
        list({"2001:db8:9::10", "2001:db8:9::12", "2001:db8:9::13"}),
        list({"2001:db8:b::100", "2001:db8:b::101", "2001:db8:b::102", "2001:db8:b::103",
              "2001:db8:b::99"}),
        list({"2001:db8:b::110", "2001:db8:b::1f0"}),
        list({"2001:db8:9::20"}),
        list({"2001:db8:a::1", "2001:db8:b::1"}),
        list({"::1", "::", "ff02::1", "fe80::1"})};
    return v4 ? kFour : kSix;
}

bool is_inside(const IpAddress& address) {
    static const Prefix kFour = Prefix::of(*IpAddress::parse("10.0.0.0"), 16);
    static const Prefix kSix = Prefix::of(*IpAddress::parse("2001:db8:b::"), 64);
    return (address.is_ipv4() ? kFour : kSix).contains(address);
}

bool is_server(const IpAddress& address) {
    return is_in(world(address.is_ipv4()).servers, address);
}

bool is_own(const IpAddress& address) {
    return is_in(world(address.is_ipv4()).own, address);
}

bool is_outside_name(const IpAddress& address) {
    const World& all = world(address.is_ipv4());
    return is_in(all.virtuals, address) || is_in(all.outside, address) || address == all.own[0];
}

bool is_martian(const IpAddress& address) {
    return address.is_multicast() || address.is_broadcast() || address.is_loopback() ||
           address.is_unspecified() || address.is_link_local();
}

std::uint8_t protocol_of_port(std::uint16_t port) {
    return port == 53 || port == 69 ? kNumberUdp : port == 9 ? kNumberSctp : kNumberTcp;
}

std::span<const std::string_view> first_configuration() {
    return kFirst;
}

std::span<const std::string_view> changes() {
    return kChanges;
}

}  // namespace usher::fuzz
