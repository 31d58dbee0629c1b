// SPDX-License-Identifier: BSD-3-Clause
// What an operator can say, as plain values: virtual services, real servers, and the settings of
// the box. The TOML file, the unix socket and the ipvsadm command line all speak in these.
// Ports are in host order; times in seconds unless the name says otherwise.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nat/address.hpp"
#include "nat/ftp_text.hpp"

namespace usher {

// A virtual service is named by (protocol, address, port) or by a firewall mark (and family).
struct ServiceKey {
    std::uint32_t fwmark = 0;  // not 0: named by the mark; protocol is ip, address and port unset
    Protocol protocol = Protocol::tcp;
    IpAddress address;
    std::uint16_t port = 0;

    Family family() const { return address.family(); }  // of a mark: an address of that family
    friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
    std::string to_string() const;  // "TCP 192.0.2.1:80", "FWM 7", "FWM 7 IPv6"
};

// ipvsadm -b; the bits are IPVS's.
enum ServiceFlags : std::uint32_t {
    kFlagOnePacket = 0x04,
    kFlagSched1 = 0x08,  // sh-fallback, mh-fallback
    kFlagSched2 = 0x10,  // sh-port, mh-port
    kFlagSched3 = 0x20,
};

// By the MTU of the way out: 40 or 60 bytes less.
inline constexpr std::uint32_t kMssAuto = 0xffffffff;

struct ServiceOptions {
    std::string scheduler = "wlc";
    std::uint32_t flags = 0;             // ServiceFlags
    std::uint32_t persistence = 0;       // seconds; 0: not persistent
    std::uint8_t persistence_bits = 32;  // prefix length of the client's address (128 for IPv6)
    std::string persistence_engine;      // "sip" or empty

    // Beyond IPVS; 0: off.
    std::uint32_t idle_timeout = 0;  // seconds that replace IPVS's ESTABLISHED or UDP timeout
    std::uint32_t slow_start = 0;    // seconds in which a server that is new or back grows to its
                                     // weight
    std::uint32_t mss_clamp = 0;     // TCP's MSS is at most this, or kMssAuto

    std::optional<bool> ftp = {};  // the FTP helper, for TCP; none: for port 21
    bool ftp_third_party = false;  // PORT and EPRT may name an address that is not the client's

    // Whether connections to this port of the service get the helper. IPVS's, too, goes by the port
    // of the connection, whatever the service is named by.
    bool has_ftp_helper(Protocol protocol, std::uint16_t port) const {
        return protocol == Protocol::tcp && ftp.value_or(port == kFtpControlPort);
    }
    // The port that FTP control connections to a service of these options come to; 0: it has none.
    std::uint16_t ftp_control_port(const ServiceKey& key) const {
        const std::uint16_t port = key.port != 0 ? key.port : kFtpControlPort;
        return has_ftp_helper(key.fwmark != 0 ? Protocol::tcp : key.protocol, port)
                   ? port
                   : std::uint16_t{0};
    }

    friend bool operator==(const ServiceOptions&, const ServiceOptions&) = default;
};

enum class Forwarding : std::uint8_t { masquerade, local, tunnel, route };  // ipvsadm -m, -, -i, -g

enum class TunnelType : std::uint8_t { ipip, gue, gre };

struct ServerKey {
    IpAddress address;
    std::uint16_t port = 0;
    friend auto operator<=>(const ServerKey&, const ServerKey&) = default;
    std::string to_string() const { return endpoint_text(address, port); }
};

struct ServerOptions {
    Forwarding forwarding = Forwarding::masquerade;
    std::uint32_t weight = 1;           // 0..2147483647; 0: quiesced, gets no new connections
    std::uint32_t upper_threshold = 0;  // connections; 0: none
    std::uint32_t lower_threshold = 0;
    TunnelType tunnel = TunnelType::ipip;
    std::uint16_t tunnel_port = 0;
    std::uint16_t tunnel_flags = 0;  // 1: checksum, 2: remote checksum

    friend bool operator==(const ServerOptions&, const ServerOptions&) = default;
};

struct ServerConfig {
    ServerKey key;
    ServerOptions options;
    friend bool operator==(const ServerConfig&, const ServerConfig&) = default;
};

struct ServiceConfig {
    ServiceKey key;
    ServiceOptions options;
    std::vector<ServerConfig> servers;  // in the order of writing: the last one is IPVS's first
    friend bool operator==(const ServiceConfig&, const ServiceConfig&) = default;
};

// The settings of the box that are read once, at start. A reload that changes one says so.
enum class Role : std::uint8_t { external, internal, both };
enum class AttachKind : std::uint8_t { af_xdp, pci, device };

enum class XdpMode : std::uint8_t { automatic, native, generic };  // where the XDP program runs
enum class ZeroCopy : std::uint8_t { automatic, on, off };

struct InterfaceConfig {
    std::string name;  // as in `ip link`; for `device`, a name of our own
                       // of `pci`: of the interface that Linux gets in the NIC's place
    Role role = Role::both;
    AttachKind attach = AttachKind::af_xdp;
    std::string device;                  // a DPDK device string, when attach = "device"
    std::string pci;                     // "0000:03:00.0", when attach = "pci"
    std::string exception;               // with `device`: an interface for Linux, as `pci` has
    std::string parent;                  // of a VLAN that Linux does not know as one, else empty
    std::uint16_t vlan = 0;              // then: the id in its tag
    std::vector<std::string> addresses;  // with `device` only: "10.0.0.1/24", no kernel to ask
    unsigned packet_buffers = 16384;     // for its rings and what is in flight; all share a pool
    unsigned queues = 0;                 // receive queues; 0: as many as there are
    XdpMode xdp = XdpMode::automatic;    // this and the next with `af_xdp` only
    ZeroCopy zero_copy = ZeroCopy::automatic;
    // Linux's interface for what the workers leave to it; empty: there is none.
    const std::string& exception_name() const {
        return attach == AttachKind::pci ? name : exception;
    }
    friend bool operator==(const InterfaceConfig&, const InterfaceConfig&) = default;
};

// Where no kernel owns the wire (attach = "device"), neighbours and routes come from the file.
struct StaticNeighbour {
    IpAddress address;
    MacAddress mac;
    std::string interface;
    friend bool operator==(const StaticNeighbour&, const StaticNeighbour&) = default;
};
struct StaticRoute {
    Prefix destination;
    std::optional<IpAddress> via;
    std::string interface;
    friend bool operator==(const StaticRoute&, const StaticRoute&) = default;
};

enum class LogLevel : std::uint8_t { error, warning, notice, info, debug };

// What IPVS has as a build option (CONFIG_IP_VS_DEBUG), by area and at run time.
enum DebugArea : std::uint32_t {
    kDebugSchedule = 1U << 0,   // which server a new connection got, and why one got none
    kDebugState = 1U << 1,      // each TCP state transition
    kDebugTable = 1U << 2,      // entries made, expired, evicted
    kDebugDrop = 1U << 3,       // each packet dropped, with its reason
    kDebugNeighbour = 1U << 4,  // neighbours asked for, learned, lost
    kDebugControl = 1U << 5,    // commands, snapshots, reloads
};

// ipvsadm --set, in seconds. Those of the other states are fixed, as IPVS's are.
struct Timeouts {
    std::uint32_t tcp = 900;
    std::uint32_t tcp_fin = 120;
    std::uint32_t udp = 300;
    friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

// IPVS's settings under net.ipv4.vs that mean something here, by the same names. Their limits and
// what each does: conf/vs_settings.cpp.
struct VsSettings {
    std::uint32_t am_droprate = 10;     // drop_packet = 3: every how many-th first packet
    std::uint32_t conn_reuse_mode = 1;  // 0: never; 1: when closed; 2, 3: and in a FIN_WAIT
                                        // that saw no answer
    std::uint32_t drop_entry = 0;       // 0 never, 1 and 2 when the table is nearly full,
    std::uint32_t drop_packet = 0;      // 3 always; these two as well
    std::uint32_t secure_tcp = 0;
    std::uint32_t expire_nodest_conn = 0;  // 0 or 1, as the next four
    std::uint32_t expire_quiescent_template = 0;
    std::uint32_t nat_icmp_send = 0;
    std::uint32_t sloppy_sctp = 0;
    std::uint32_t sloppy_tcp = 0;
    std::uint32_t lblc_expiration = 86400;  // seconds
    std::uint32_t lblcr_expiration = 86400;
    friend bool operator==(const VsSettings&, const VsSettings&) = default;
};

struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;
    friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Gives packets a firewall mark, for services that are named by one. In the order of the file, the
// first rule that matches wins; a packet that none matches has mark 0, that is none.
struct MarkRule {
    std::uint32_t mark = 0;
    Family family = Family::ipv4;
    std::optional<Protocol> protocol;  // none: every one
    std::optional<Prefix> source;
    std::optional<Prefix> destination;
    PortRange source_ports;
    PortRange destination_ports;
    std::string interface;  // where it came in; empty: any
    friend bool operator==(const MarkRule&, const MarkRule&) = default;
};

struct AddressRange {  // both ends included
    IpAddress first;
    IpAddress last;
    friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// Connections from inside to elsewhere get an outside address. What must hold: conf/masquerade.hpp.
struct MasqueradeRule {
    std::vector<Prefix> inside;
    std::vector<AddressRange> outside;  // empty: the box's own address on the way out
    // None: 61000-65535 of an address that the box has, else all from 1 on.
    std::optional<PortRange> ports;
    friend bool operator==(const MasqueradeRule&, const MasqueradeRule&) = default;
};

// What is to be forwarded and is neither a service's, an answer, nor masqueraded.
enum class OtherTraffic : std::uint8_t { drop, kernel };

struct ControlConfig {
    std::string socket = "/run/usher/usher.sock";
    std::string group;  // empty: root only (0600); a name: 0660 and that group
    friend bool operator==(const ControlConfig&, const ControlConfig&) = default;
};

struct LogConfig {
    LogLevel level = LogLevel::info;
    std::uint32_t debug = 0;  // DebugArea bits
    friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// Datagrams in fragments on their way through, of each worker.
struct FragmentsConfig {
    unsigned datagrams = 1024;   // at once
    unsigned held = 512;         // packets that came before their datagram's beginning
    std::uint32_t timeout = 30;  // seconds, as ipfrag_time
    friend bool operator==(const FragmentsConfig&, const FragmentsConfig&) = default;
};

// What a worker without packets does: ask on, or sleep until some come.
enum class Idle : std::uint8_t { spin, sleep };

struct Config {
    std::vector<InterfaceConfig> interfaces;
    std::vector<unsigned> worker_cores;  // empty: one worker on the last core we may use
    Idle idle = Idle::sleep;
    bool spread = false;  // queues fewer than workers: their packets are shared out by flow
    unsigned connection_table_bits = 20;  // 8..27, as IPVS's conn_tab_bits
    FragmentsConfig fragments;
    Timeouts timeouts;
    VsSettings vs;
    std::vector<MarkRule> marks;
    std::vector<MasqueradeRule> masquerade;
    OtherTraffic other = OtherTraffic::drop;
    ControlConfig control;
    LogConfig log;
    std::vector<StaticNeighbour> neighbours;
    std::vector<StaticRoute> routes;
    std::vector<ServiceConfig> services;
    friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace usher
