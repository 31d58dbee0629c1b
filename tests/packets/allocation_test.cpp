// SPDX-License-Identifier: BSD-3-Clause
// A worker allocates nothing: not for a new connection, by whatever scheduler, not for a refusal,
// not when one ends. Every call of malloc is counted here while the worker runs.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "schedulers/registry.hpp"
#include "tests/packets/packet_text.hpp"
#include "tools/benchmark/sink.hpp"
#include "tools/in_process.hpp"

namespace {
thread_local bool counting = false;
std::size_t allocations = 0;
}  // namespace

// The C library's own, under the name that it keeps for those who replace it. operator new and
// rte_malloc's callers end here, too.
extern "C" {
void* __libc_malloc(std::size_t size);                     // NOLINT(*-reserved-*,*-naming)
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT(*-reserved-*,*-naming)
void* malloc(std::size_t size) {
    if (counting) ++allocations;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    if (counting) ++allocations;
    return __libc_calloc(count, size);
}
}

namespace usher::test {
namespace {

class Bench {
  public:
    Bench() : ext_(RTE_MAX_ETHPORTS - 1), in_(RTE_MAX_ETHPORTS - 2) {
        DirectorInProcess::Options options;
        options.ports = {{ext_.access(), in_.access()}};
        box_ = std::make_unique<DirectorInProcess>(options);
    }

    void ask(const std::string& line) {
        const std::string reply = box_->request(line);
        ASSERT_NE(reply.find("\"ok\":true"), std::string::npos) << line << reply;
    }

    void pass(PortIndex port, const std::string& text) {
        const std::vector<std::uint8_t> frame = *frame_of(text);
        rte_mbuf* packet = rte_pktmbuf_alloc(process_pool());
        rte_mbuf_refcnt_set(packet, 2);  // the sink keeps nothing; a drop frees one
        std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())),
                    frame.data(), frame.size());
        counting = true;
        box_->worker().process({&packet, 1}, port, box_->now);
        box_->worker().upkeep(box_->now);
        box_->worker().transmit().flush();
        counting = false;
        rte_mbuf_refcnt_set(packet, 1);
        rte_pktmbuf_free(packet);
    }

    void wait(std::uint32_t time) {
        box_->now += seconds(time);
        counting = true;
        box_->worker().sweep_all(box_->now);
        counting = false;
    }

    std::uint64_t sent() const { return ext_.packets() + in_.packets(); }

  private:
    bench::Sink ext_, in_;
    std::unique_ptr<DirectorInProcess> box_;
};

class Allocation : public testing::TestWithParam<std::string> {};

TEST_P(Allocation, NoneWhileTheWorkerRuns) {
    Bench bench;
    for (const char* persistence : {"", R"(,"persistence":300)"}) {
        const int port = persistence[0] == '\0' ? 80 : 81;
        const std::string service = fmt::format(
            R"("service":{{"protocol":"tcp","address":"203.0.113.10","port":{}}})", port);
        bench.ask(fmt::format(R"({{"command":"service.add",{},"options":{{"scheduler":"{}"{}}}}})",
                              service, GetParam(), persistence));
        for (int server = 100; server < 110; ++server)
            bench.ask(fmt::format(R"({{"command":"server.add",{},"server":{{"address":)"
                                  R"("10.0.0.{}","port":80}},"options":{{}}}})",
                                  service, server));
        for (int client = 2; client < 9; ++client)
            for (const char* flags : {"S", "A", "R"})
                bench.pass(0, fmt::format("tcp 198.51.100.{}:{} > 203.0.113.10:{} {} seq=1", client,
                                          4000 + client, port, flags));
    }
    bench.pass(0, "tcp 198.51.100.2:4001 > 203.0.113.10:80 A seq=1");  // refused by a reset
    bench.pass(0, "udp 198.51.100.2:4001 > 203.0.113.10:99 len=4");    // no such service
    EXPECT_GE(bench.sent(), 42U);
    bench.wait(2000);  // all of them expire
    EXPECT_EQ(allocations, 0U);
}

std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const SchedulerKind& kind : scheduler_kinds())
        all.emplace_back(kind.name);
    return all;
}
INSTANTIATE_TEST_SUITE_P(Schedulers, Allocation, testing::ValuesIn(names()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace usher::test
