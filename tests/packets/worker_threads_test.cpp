// SPDX-License-Identifier: BSD-3-Clause
// Workers as threads, with one small table: they admit, join, end and evict the same connections,
// templates, mappings and expectations, while the control thread takes servers and services away
// and gives them back, and time goes by. In the end nothing may be left: whatever was counted, held
// or leased by one of them was given back exactly once, whoever did it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "dataplane/eal.hpp"
#include "tests/packets/packet_text.hpp"
#include "tools/in_process.hpp"

namespace usher::test {
namespace {

constexpr unsigned kWorkers = 3;
constexpr unsigned kTableBits = 8;
constexpr unsigned kTurns = 100000;   // of each worker
constexpr unsigned kPackets = 2047;   // of each worker
constexpr std::size_t kLongest = 12;  // steps that one worker plays in a row
constexpr ServerSlot kSlots = 32;     // more than are configured

#define SERVICE(protocol, host, port)                                                             \
    R"("service":{"protocol":")" protocol R"(","address":"203.0.113.)" #host R"(","port":)" #port \
    "}"
#define ADD(service, options) R"({"command":"service.add",)" service R"(,"options":{)" options "}}"
#define SERVER(service, host, port, options)                                       \
    R"({"command":"server.add",)" service R"(,"server":{"address":"10.0.0.)" #host \
    R"(","port":)" #port R"(},"options":{)" options "}}"
#define REMOVE(service, host, port)                                                   \
    R"({"command":"server.delete",)" service R"(,"server":{"address":"10.0.0.)" #host \
    R"(","port":)" #port "}}"

#define WEB SERVICE("tcp", 10, 80)
#define SHOP SERVICE("tcp", 10, 443)
#define FTP SERVICE("tcp", 10, 21)
#define NAMES SERVICE("udp", 10, 53)
#define ONCE SERVICE("udp", 10, 69)
#define OTHER SERVICE("tcp", 12, 80)

constexpr const char* kFirst[] = {
    ADD(WEB, R"("scheduler":"wlc")"),
    SERVER(WEB, 100, 8080, R"("upper_threshold":40)"),
    SERVER(WEB, 101, 80, ""),
    ADD(SHOP, R"("scheduler":"rr","persistence":5)"),
    SERVER(SHOP, 100, 443, ""),
    SERVER(SHOP, 102, 443, ""),
    ADD(FTP, R"("scheduler":"rr")"),
    SERVER(FTP, 100, 21, ""),
    ADD(NAMES, R"("scheduler":"rr","idle_timeout":2)"),
    SERVER(NAMES, 101, 5353, ""),
    ADD(ONCE, R"("scheduler":"rr","flags":4)"),
    SERVER(ONCE, 102, 6969, ""),
    ADD(OTHER, R"("scheduler":"rr")"),
    SERVER(OTHER, 100, 8080, ""),
    R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/16"],"outside":["203.0.113.20"],"ports":"2000-2063"}]})",
};
constexpr const char* kChanges[] = {
    REMOVE(WEB, 101, 80),
    SERVER(WEB, 101, 80, ""),
    REMOVE(SHOP, 102, 443),
    SERVER(SHOP, 102, 443, ""),
    REMOVE(FTP, 100, 21),
    SERVER(FTP, 100, 21, ""),
    R"({"command":"service.delete",)" OTHER "}",
    ADD(OTHER, R"("scheduler":"rr")"),
    SERVER(OTHER, 100, 8080, ""),
    R"({"command":"vs.set","name":"expire_nodest_conn","value":1})",
    R"({"command":"vs.set","name":"expire_nodest_conn","value":0})",
    R"({"command":"vs.set","name":"expire_quiescent_template","value":1})",
    R"({"command":"vs.set","name":"drop_entry","value":3})",
    R"({"command":"vs.set","name":"drop_entry","value":0})",
};

struct Step {
    PortIndex port;
    Frame frame;
};

// Few clients with few ports, so that the workers meet.
std::vector<Step> script() {
    std::vector<Step> steps;
    const auto add = [&](PortIndex port, const std::string& text) {
        const auto frame = frame_of(text);
        if (!frame) ADD_FAILURE() << text;
        if (frame) steps.push_back({port, *frame});
    };
    constexpr PortIndex kExt = 0, kInt = 1;
    const auto life = [&](const std::string& client, const std::string& service,
                          const std::string& server) {
        add(kExt, fmt::format("tcp {} > {} S seq=1", client, service));
        add(kInt, fmt::format("tcp {} > {} SA seq=9 ack=2", server, client));
        add(kExt, fmt::format("tcp {} > {} A seq=2 ack=10", client, service));
        add(kExt, fmt::format("tcp {} > {} FA seq=2 ack=10", client, service));
        add(kInt, fmt::format("tcp {} > {} FA seq=10 ack=3", server, client));
        add(kExt, fmt::format("tcp {} > {} R seq=3", client, service));
    };
    const auto login = [&](const std::string& host, int port) {
        const std::string client = fmt::format("{}:{}", host, port);
        add(kExt, fmt::format("tcp {} > 203.0.113.10:21 S seq=100", client));
        add(kInt, fmt::format("tcp 10.0.0.100:21 > {} SA seq=500 ack=101", client));
        add(kExt,
            fmt::format("tcp {} > 203.0.113.10:21 PA seq=101 ack=501 text=\"PASV\\r\\n\"", client));
        add(kInt, fmt::format("tcp 10.0.0.100:21 > {} PA seq=501 ack=107 text=\"227 Entering "
                              "Passive Mode (10,0,0,100,157,13).\\r\\n\"",
                              client));
        add(kExt, fmt::format("tcp {}:{} > 203.0.113.10:40205 S seq=1", host, port + 100));
        add(kInt, fmt::format("tcp 10.0.0.100:40205 > {}:{} SA seq=1 ack=2", host, port + 100));
        add(kExt, fmt::format("tcp {}:{} > 203.0.113.10:40205 R seq=2", host, port + 100));
    };
    for (int i = 0; i < 24; ++i) {
        const std::string host = fmt::format("198.51.100.{}", 2 + i % 4);
        const std::string client = fmt::format("{}:{}", host, 4000 + i / 4);
        life(client, "203.0.113.10:80", i % 2 ? "10.0.0.100:8080" : "10.0.0.101:80");
        life(client, "203.0.113.12:80", "10.0.0.100:8080");
        life(client, "203.0.113.10:443", i % 2 ? "10.0.0.100:443" : "10.0.0.102:443");
        login(host, 4500 + i / 4);
        add(kExt, fmt::format("udp {} > 203.0.113.10:53 len=9", client));
        add(kInt, fmt::format("udp 10.0.0.101:5353 > {} len=9", client));
        add(kExt, fmt::format("udp {} > 203.0.113.10:69 len=9", client));
        add(kExt, fmt::format("udp {} > 203.0.113.10:69 len=2000 id={} from=0 to=1480", client, i));
        add(kExt,
            fmt::format("udp {} > 203.0.113.10:69 len=2000 id={} from=1480 to=2008", client, i));
        const std::string inside = fmt::format("10.0.0.{}:{}", 110 + i % 4, 2000 + i);
        add(kInt, fmt::format("udp {} > 192.0.2.53:53 len=9", inside));
        add(kExt, fmt::format("udp 192.0.2.53:53 > 203.0.113.20:{} len=9", 2000 + i));
        add(kInt, fmt::format("tcp {} > 192.0.2.80:80 S seq=1", inside));
        add(kExt, fmt::format("tcp 192.0.2.80:80 > 203.0.113.20:{} SA seq=1 ack=2", 2000 + i));
        add(kInt, fmt::format("icmp 10.0.0.{} > 192.0.2.1 8/0 query={}", 110 + i % 4, 2000 + i));
        add(kInt, fmt::format("tcp 10.0.0.{}:5000 > 203.0.113.10:80 S seq=1", 100 + i % 4));
    }
    return steps;
}

// A worker, its thread's packets and what it sends.
class Runner {
  public:
    Runner(unsigned id)
        : pool_(make_packet_pool(fmt::format("worker{}", id), kPackets, 0, -1, PacketLayout::dense)
                    .value()),
          random_(id) {
        constexpr unsigned kRoom = 256;
        const auto size = static_cast<std::size_t>(rte_ring_get_memsize(kRoom));
        wire_ = static_cast<rte_ring*>(std::aligned_alloc(64, (size + 63) / 64 * 64));
        rte_ring_init(wire_, "wire", kRoom, RING_F_SP_ENQ | RING_F_SC_DEQ);
    }
    ~Runner() {
        std::free(wire_);
        rte_mempool_free(pool_);
    }
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    std::vector<PortAccess> ports() const {
        PortAccess access;
        access.handover = wire_;
        return {access, access};
    }
    void play(Worker& worker, const std::vector<Step>& script, const std::atomic<Ticks>& clock) {
        worker.start();
        for (unsigned turn = 0; turn < kTurns; ++turn) {
            const Ticks now = clock.load(std::memory_order_relaxed);
            const std::size_t first = random_() % script.size();
            const std::size_t end = std::min(first + 1 + random_() % kLongest, script.size());
            for (std::size_t at = first; at < end;)
                at = send(worker, script, at, end, now);
            upkeep(worker, now);
            worker.quiescent();
        }
        worker.stop();
    }
    void pass(Worker& worker, const std::vector<Step>& steps, Ticks now) {
        for (std::size_t at = 0; at < steps.size();)
            at = send(worker, steps, at, steps.size(), now);
    }
    void upkeep(Worker& worker, Ticks now) {
        worker.upkeep(now);
        worker.transmit().flush();
        take();
    }
    unsigned packets_in_use() const { return rte_mempool_in_use_count(pool_); }

  private:
    // Those from `at` on that come in on one port are a burst. Returns the next one.
    std::size_t send(Worker& worker, const std::vector<Step>& script, std::size_t at,
                     std::size_t end, Ticks now) {
        const PortIndex port = script[at].port;
        std::vector<rte_mbuf*> burst;
        for (; at < end && script[at].port == port; ++at) {
            const Frame& frame = script[at].frame;
            rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
            if (packet == nullptr) continue;
            char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
            std::copy(frame.begin(), frame.end(), room);
            burst.push_back(packet);
        }
        worker.process(burst, port, now);
        worker.transmit().flush();
        take();
        return at;
    }
    void take() {
        void* packet = nullptr;
        while (rte_ring_dequeue(wire_, &packet) == 0)
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }

    rte_mempool* pool_;
    rte_ring* wire_;
    std::mt19937 random_;
};

class WorkerThreads : public testing::Test {
  protected:
    WorkerThreads() {
        process_pool(1023, std::size_t{64} << 20);
        DirectorInProcess::Options options;
        options.table_bits = kTableBits;
        for (unsigned id = 0; id < kWorkers; ++id) {
            runners_.push_back(std::make_unique<Runner>(id));
            options.ports.push_back(runners_.back()->ports());
        }
        box_ = std::make_unique<DirectorInProcess>(options);
        for (const char* line : kFirst)
            EXPECT_NE(box_->request(line).find("\"ok\":true"), std::string::npos) << line;
        first_ = box_->director().desired();
    }

    // The control thread, while the workers run.
    void meddle(std::atomic<Ticks>& clock, const std::atomic<unsigned>& running) {
        std::mt19937 random(99);
        while (running.load() > 0) {
            box_->request(kChanges[random() % std::size(kChanges)]);
            box_->now += static_cast<Ticks>(random() % 40);
            clock.store(box_->now, std::memory_order_relaxed);
            box_->director().on_second();
            box_->plane().ports.begin_generation();
            std::this_thread::yield();
        }
    }

    void let_all_expire() {
        for (int minute = 0; minute < 200; ++minute) {
            box_->now += seconds(61);
            for (unsigned id = 0; id < kWorkers; ++id) {
                box_->worker(id).sweep_all(box_->now);
                runners_[id]->upkeep(box_->worker(id), box_->now);
            }
        }
    }

    void expect_nothing_is_left() {
        DataPlane& plane = box_->plane();
        for (ConnectionIndex i = 0; i < plane.pool.ever_used(); ++i)
            EXPECT_FALSE(plane.table[i].status.load() & kLive) << i;
        const auto expect_zero = [&](ServerSlot slot) {
            EXPECT_EQ(plane.loads[slot].active.load(), 0) << slot;
            EXPECT_EQ(plane.loads[slot].inactive.load(), 0) << slot;
            EXPECT_EQ(plane.loads[slot].persistent.load(), 0) << slot;
        };
        for (ServerSlot slot = 0; slot < kSlots; ++slot)
            expect_zero(slot);
        expect_zero(kNobodysSlot);
        for (OutsideIndex i = 0; i < 4; ++i)
            for (const PortKind kind : {PortKind::tcp, PortKind::udp, PortKind::query})
                EXPECT_EQ(plane.ports.use(i, kind).used, 0U);
        EXPECT_FALSE(plane.ftp.expects_any());
        for (std::size_t i = 0; i < plane.ftp.size(); ++i)
            EXPECT_NE(plane.ftp.take(0, false), kNoFtp) << "the " << i << "th record of FTP";
        for (const auto& runner : runners_)
            EXPECT_EQ(runner->packets_in_use(), 0U);
    }

    // But for what the workers have on their own lists of free ones.
    void expect_room() {
        constexpr std::uint32_t kKept = (kWorkers - 1) * 2 * ConnectionPool::kChunk;
        FreeList free(box_->plane().table, box_->plane().pool, box_->plane().grace);
        std::uint32_t room = 0;
        while (free.allocate() != kNoConnection)
            ++room;
        EXPECT_GE(room, box_->plane().table.capacity() - kKept - 2 * ConnectionPool::kChunk);
    }

    std::vector<std::unique_ptr<Runner>> runners_;
    std::unique_ptr<DirectorInProcess> box_;
    DesiredState first_;
};

TEST_F(WorkerThreads, EverythingIsGivenBackOnce) {
    const std::vector<Step> steps = script();
    std::atomic<Ticks> clock{box_->now};
    std::atomic<unsigned> running{kWorkers};
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < kWorkers; ++id)
        threads.emplace_back([&, id] {
            runners_[id]->play(box_->worker(id), steps, clock);
            --running;
        });
    meddle(clock, running);
    for (std::thread& thread : threads)
        thread.join();
    ASSERT_TRUE(box_->director().publish(first_));
    let_all_expire();
    expect_nothing_is_left();
    expect_room();
}

// A flood on one worker's port has filled the table and is over; who comes to another worker, which
// has nothing of its own to give up, is not kept out by it.
TEST_F(WorkerThreads, HalfOpenOnesGiveWayToAnotherWorkersClients) {
    const auto open = [&](unsigned worker, int host, int port) {
        const std::vector<Step> syn{
            {0,
             *frame_of(fmt::format("tcp 198.51.{}.2:{} > 203.0.113.10:80 S seq=1", host, port))}};
        runners_[worker]->pass(box_->worker(worker), syn, box_->now);
    };
    for (int port = 1000; port < 1600; ++port)
        open(0, 100, port);
    constexpr int kClients = 200;
    for (int port = 1000; port < 1000 + kClients; ++port) {
        open(1, 101, port);
        for (unsigned id = 0; id < kWorkers; ++id)
            runners_[id]->upkeep(box_->worker(id), box_->now);
    }
    unsigned found = 0;
    for (ConnectionIndex i = 0; i < box_->plane().pool.ever_used(); ++i)
        found += box_->plane().table[i].worker == 1;
    EXPECT_GE(found, ConnectionPool::kChunk);  // its own half-open ones give way to each other, too
    const auto full = static_cast<std::size_t>(Drop::table_full);
    EXPECT_LT(box_->worker(1).counters().drops[full].read(), kClients / 10U);
    let_all_expire();
}

}  // namespace
}  // namespace usher::test
