// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "tools/cli/ipvsadm_messages.hpp"

namespace usher {

std::string ipvsadm_version() {
    return fmt::format("ipvsadm of Usher {} (the command line of ipvsadm 1.31)\n", USHER_VERSION);
}

std::string ipvsadm_help(std::string_view program) {
    constexpr std::string_view kText = R"(Usage:
  {0} -A|-E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M MASK] [--pe NAME] [-b FLAGS] [-o]
  {0} -D SERVICE
  {0} -a|-e SERVICE -r SERVER [-m|-g|-i] [-w N] [-x N] [-y N] [tunnel options]
  {0} -d SERVICE -r SERVER
  {0} -L|-l [SERVICE] [listing options]
  {0} -Z [SERVICE]
  {0} -C
  {0} -S [-n]
  {0} -R
  {0} --set TCP TCPFIN UDP
  {0} --start-daemon|--stop-daemon master|backup

Commands (one, and first; without any the table is listed)
  -A, --add-service       add a virtual service
  -E, --edit-service      replace the options of a virtual service
  -D, --delete-service    delete a virtual service with its servers
  -a, --add-server        add a real server
  -e, --edit-server       replace the options of a real server
  -d, --delete-server     delete a real server
  -L, -l, --list          list services and servers, or connections
  -Z, --zero              set counters to zero
  -C, --clear             delete all virtual services
  -S, --save              write the table as commands, for -R
  -R, --restore           read commands from standard input and apply all of them, or none
      --set T F U         timeouts of TCP, TCP after FIN, UDP in seconds; 0 keeps one
      --start-daemon, --stop-daemon    connection synchronisation
  -h, --help, -v, --version

SERVICE
  -t, --tcp-service HOST[:PORT]    -u, --udp-service HOST[:PORT]
      --sctp-service HOST[:PORT]   -f, --fwmark-service MARK [-6, --ipv6]

Of a virtual service
  -s, --scheduler NAME    rr, wrr, lc, wlc (the default) and so on
  -p, --persistent [SECONDS]       one server for a client; 360 when none are given
  -M, --netmask MASK      which clients count as one: dotted for IPv4, 1..128 for IPv6
      --pe NAME           persistence engine (sip)
  -b, --sched-flags LIST  sh-fallback,sh-port  mh-fallback,mh-port  flag-1,flag-2,flag-3
  -o, --ops               one-packet scheduling (UDP)

Of a real server
  -r, --real-server HOST[:PORT]    the service's port when none is given
  -m, --masquerading      forward by NAT
  -g, --gatewaying        forward by direct routing (the default)
  -i, --ipip              forward by tunnel
  -w, --weight N          0 to 2147483647; 0: no new connections
  -x, --u-threshold N     no new connections at N
  -y, --l-threshold N     new connections again below N
      --tun-type TYPE     ipip (the default), gue, gre
      --tun-port PORT     of gue
      --tun-nocsum, --tun-csum, --tun-remcsum

Of a listing
  -n, --numeric           addresses and ports as numbers
  -c, --connection        connections
      --timeout           the timeouts of --set
      --daemon            synchronisation daemons
      --stats, --rate, --thresholds, --persistent-conn, --tun-info
  -X, --exact             long numbers in full
      --nosort            in the director's own order (--sort is accepted)

Of a synchronisation daemon
      --syncid N  --mcast-interface NAME  --mcast-group ADDRESS  --mcast-port PORT
      --mcast-ttl N  --sync-maxlen BYTES
)";
    return ipvsadm_version() + fmt::format(fmt::runtime(kText), program);
}

}  // namespace usher
