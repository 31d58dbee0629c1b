// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nat/ftp_path.hpp"

#include <deque>
#include <memory>

#include "nat/ftp_control.hpp"
#include "tests/nat/ftp_expected.hpp"
#include "tests/nat/ftp_frames.hpp"
#include "tests/nat/ftp_script.hpp"

namespace usher::test {
namespace {

using Frame = std::vector<std::uint8_t>;
using Queue = std::deque<Frame>;

constexpr std::size_t kLongestText = 64;  // in a segment
constexpr int kPatience = 6;              // rounds without progress in a network that works

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

template <Family F>
FtpParties parties_of(Choices& choices) {
    FtpParties parties;
    if constexpr (F == Family::ipv4) {
        constexpr const char* kOurs[]{"203.0.113.10", "1.1.1.1", "203.203.113.110", "10.0.0.99"};
        parties = {address("198.51.100.7"), address(kOurs[choices.below(4)])};
    } else {
        parties = {address("2001:db8::7"), address("2001:db8::10")};
    }
    parties.third_party = choices.below(4) == 0;
    return parties;
}

// One direction: who sends, what is on its way to us and from us, who receives.
struct Way {
    Direction direction;
    Endpoint& sender;
    Endpoint& receiver;
    bool nagle = false;
    Queue to_us{};
    Queue from_us{};
    std::vector<FtpEndpoint> found{};
};

template <Family F>
class Path {
  public:
    explicit Path(Choices& choices)
        : choices_(choices),
          parties_(parties_of<F>(choices)),
          commands_text_(command_script(choices)),
          replies_text_(reply_script(choices)),
          client_(commands_text_, choices.word()),
          server_(replies_text_, choices.word()),
          ways_{Way{Direction::original, client_, server_}, {Direction::reply, server_, client_}} {
        const unsigned bits = choices.next();
        ways_[0].nagle = bits & 1;
        ways_[1].nagle = bits & 2;
        // What a full segment takes, and 0 to 3 more.
        limit_ = kEthernetHeader + (F == Family::ipv4 ? 40 : 60) + kLongestText + (bits >> 6);
    }

    void run() {
        open();
        for (int steps = 0; !choices_.is_used_up() && steps < 4000; ++steps)
            step();
        finish();
        check();
    }

  private:
    void open() {
        send(ways_[0], client_.syn(false));
        deliver_all(ways_[0]);
        send(ways_[1], server_.syn(true));
        deliver_all(ways_[1]);
    }

    void send(Way& way, std::optional<Segment> segment) {
        if (!segment) return;
        const bool original = way.direction == Direction::original;
        const Ends there{parties_.client, parties_.virtual_address};
        const Ends back{parties_.virtual_address, parties_.client};
        Frame frame = frame_of<F>(*segment, original ? there : back);
        if (frame.size() > limit_) {
            segment->sack.reset();
            frame = frame_of<F>(*segment, original ? there : back);
        }
        way.to_us.push_back(std::move(frame));
    }

    void step() {
        const unsigned choice = choices_.next();
        Way& way = ways_[choice & 1];
        const std::size_t size = choice >> 5;
        switch (choice >> 1 & 15) {
            case 0:
            case 1:
            case 2:
                if (!way.nagle || !way.sender.waits())
                    send(way, way.sender.send_new(1 + choices_.next() % kLongestText));
                return;
            case 3:
                if (!way.nagle || !way.sender.waits()) send(way, way.sender.send_new(1 + size));
                return;
            case 4:
                return send(way, way.sender.send_again(choices_.word() >> 16, 1 + 8 * size));
            case 5:
                return send(way, way.sender.send_first_again());
            case 6:
                return send(way, way.sender.keep_alive(size & 1));
            case 7:
                return lose(way, size);
            case 8:
                return repeat(way, size);
            case 9:
                return deliver_all(way);
            default:
                return pass(way, size);
        }
    }

    void lose(Way& way, std::size_t which) {
        Queue& queue = which & 1 ? way.to_us : way.from_us;
        if (!queue.empty()) queue.erase(queue.begin() + (which >> 1) % queue.size());
    }

    void repeat(Way& way, std::size_t which) {
        Queue& queue = which & 1 ? way.to_us : way.from_us;
        if (!queue.empty() && queue.size() < 64)
            queue.push_back(Frame(queue[(which >> 1) % queue.size()]));
    }

    // One frame through us, or from us to the end; any in the queue.
    void pass(Way& way, std::size_t which) {
        Queue& queue = which & 1 ? way.to_us : way.from_us;
        if (queue.empty()) return;
        const auto chosen = queue.begin() + (which >> 1) % queue.size();
        Frame frame = std::move(*chosen);
        queue.erase(chosen);
        if (which & 1)
            through_us(way, std::move(frame));
        else
            receive(way, frame);
    }

    void through_us(Way& way, Frame frame) {
        Headers headers;
        if (parse<F>(frame, headers) != Drop::none) throw Broken("a frame of our own");
        // What lies behind the frame is not to be looked at: in a buffer of exactly the limit.
        const auto room = std::make_unique<std::uint8_t[]>(limit_);
        std::copy(frame.begin(), frame.end(), room.get());
        FtpFindings findings;
        const FtpVerdict verdict =
            pass_ftp<F>(control_, way.direction, {room.get(), limit_}, headers, parties_, findings);
        way.found.insert(way.found.end(), findings.all().begin(), findings.all().end());
        if (verdict == FtpVerdict::wait) return;
        const std::size_t size = kEthernetHeader + std::size_t{headers.ip_length};
        if (size > limit_) throw Broken("too long");
        way.from_us.emplace_back(room.get(), room.get() + size);
    }

    void receive(Way& way, const Frame& frame) {
        const Segment segment = segment_of<F>(frame);
        way.receiver.receive(segment);
        if (!segment.text.empty() || segment.flags == (kSyn | kAck) || (segment.flags & kFin))
            send(ways_[&way == &ways_[0]], way.receiver.acknowledge());
    }

    void deliver_all(Way& way) {
        while (!way.to_us.empty() || !way.from_us.empty()) {
            pass(way, 1);
            pass(way, 0);
        }
    }

    // The network works from here on; segments are as they were cut.
    void finish() {
        int idle = 0;
        while (!client_.is_done() || !server_.is_done()) {
            const auto before = progress();
            for (Way& way : ways_)
                deliver_all(way);
            for (Way& way : ways_) {
                const bool waits = way.sender.waits();
                if (waits) send(way, way.sender.send_first_again());
                if (!waits || !way.nagle) send(way, way.sender.send_new(kLongestText));
                deliver_all(way);
                deliver_all(ways_[&way == &ways_[0]]);
            }
            idle = progress() == before ? idle + 1 : 0;
            if (idle > kPatience) throw Broken("stalls");
        }
    }

    std::size_t progress() const {
        return client_.received().size() + server_.received().size() + client_.acknowledged() +
               server_.acknowledged();
    }

    void check() const {
        const Expected commands = expected_of_commands(commands_text_, parties_);
        const Expected replies = expected_of_replies(replies_text_, parties_);
        compare(commands, server_.received());
        compare(replies, client_.received());
        if (commands.found != ways_[0].found) throw Broken("other commands found");
        if (replies.found != ways_[1].found) throw Broken("other replies found");
    }

    Choices& choices_;
    FtpParties parties_;
    std::string commands_text_;
    std::string replies_text_;
    Endpoint client_;
    Endpoint server_;
    Way ways_[2];
    std::size_t limit_;
    FtpControl control_;
};

}  // namespace

void run_ftp_path(std::span<const std::uint8_t> bytes) {
    Choices choices(bytes);
    if (choices.below(4) == 0)
        Path<Family::ipv6>(choices).run();
    else
        Path<Family::ipv4>(choices).run();
}

}  // namespace usher::test
