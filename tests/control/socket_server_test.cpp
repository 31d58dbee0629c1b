// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket_server.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace usher {
namespace {

using std::chrono::milliseconds;

// Answers "echo" lines; "big N" with N bytes.
std::string echo(std::string_view line) {
    if (line.substr(0, 4) == "big ")
        return std::string(std::stoul(std::string(line.substr(4))), 'x') + "\n";
    return "<" + std::string(line) + ">\n";
}

struct SocketServerTest : testing::Test {
    std::string directory;
    ControlConfig config;
    EventLoop loop = *EventLoop::make();
    std::unique_ptr<SocketServer> server;

    SocketServerTest() {
        char name[] = "/tmp/usher-socket-XXXXXX";
        directory = mkdtemp(name);
        config.socket = directory + "/run/usher.sock";
    }
    ~SocketServerTest() override {
        server.reset();
        std::filesystem::remove_all(directory);
    }

    void serve(SocketLimits limits = {}) {
        auto made = SocketServer::listen(loop, config, echo, limits);
        ASSERT_TRUE(made) << made.error().message;
        server = *std::move(made);
    }
    UniqueFd client() {
        UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, config.socket.c_str());
        EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        turn();
        return fd;
    }
    void turn(int times = 20) {
        for (int i = 0; i < times; ++i)
            loop.run_once(milliseconds(0));
    }
    void turn_for(milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end)
            loop.run_once(milliseconds(5));
    }
    static bool send_all(const UniqueFd& fd, std::string_view text) {
        return send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    // All that is there now; "EOF" is added at the end of the stream.
    static std::string receive(const UniqueFd& fd) {
        std::string text;
        char chunk[65536];
        ssize_t got = 0;
        while ((got = recv(fd.get(), chunk, sizeof chunk, 0)) > 0)
            text.append(chunk, static_cast<std::size_t>(got));
        return got == 0 || errno == ECONNRESET ? text + "EOF" : text;
    }
};

TEST_F(SocketServerTest, AnswersLinesInOrder) {
    serve();
    const UniqueFd fd = client();
    send_all(fd, "a\nb\n\nc\n");
    turn();
    EXPECT_EQ(receive(fd), "<a>\n<b>\n<>\n<c>\n");
}

TEST_F(SocketServerTest, ALineMayComeByteByByte) {
    serve();
    const UniqueFd fd = client();
    for (const char c : std::string("hello\n")) {
        EXPECT_EQ(receive(fd), "");
        send_all(fd, std::string(1, c));
        turn(3);
    }
    EXPECT_EQ(receive(fd), "<hello>\n");
}

TEST_F(SocketServerTest, ACutLineIsNoCommand) {
    serve();
    const UniqueFd fd = client();
    send_all(fd, "whole\ncut");
    shutdown(fd.get(), SHUT_WR);
    turn();
    EXPECT_EQ(receive(fd), "<whole>\nEOF");
    EXPECT_EQ(server->clients(), 0U);
}

TEST_F(SocketServerTest, AClientThatHangsUpIsForgotten) {
    serve();
    {
        const UniqueFd fd = client();
        send_all(fd, "big 1000000\nb\nc\n");
        turn(2);
    }
    turn();
    EXPECT_EQ(server->clients(), 0U);
}

TEST_F(SocketServerTest, ALineThatIsTooLongIsAnsweredAndEndsTheConnection) {
    serve({.line = 100});
    const UniqueFd fd = client();
    send_all(fd, std::string(100, 'a') + "\n");
    turn();
    EXPECT_EQ(receive(fd), "<" + std::string(100, 'a') + ">\n");
    send_all(fd, std::string(101, 'a'));
    turn();
    const std::string reply = receive(fd);
    EXPECT_NE(reply.find("EPROTO"), std::string::npos);
    EXPECT_EQ(reply.substr(reply.size() - 4), "\nEOF");
    EXPECT_EQ(server->clients(), 0U);
}

TEST_F(SocketServerTest, AnUnfinishedLineIsWaitedForOnlySoLong) {
    serve({.unfinished_line = milliseconds(80)});
    const UniqueFd slow = client();
    const UniqueFd idle = client();
    for (int i = 0; i < 10; ++i) {  // a byte now and then does not help
        send_all(slow, "x");
        turn_for(milliseconds(20));
    }
    const std::string reply = receive(slow);
    EXPECT_NE(reply.find("EPROTO"), std::string::npos);
    EXPECT_NE(reply.find("EOF"), std::string::npos);
    EXPECT_EQ(server->clients(), 1U);
    send_all(idle, "still here\n");
    turn();
    EXPECT_EQ(receive(idle), "<still here>\n");
}

TEST_F(SocketServerTest, AClientThatDoesNotReadStallsNobody) {
    serve({.unfinished_line = milliseconds(80)});
    const UniqueFd deaf = client();
    send_all(deaf, "big 5000000\nbig 5000000\n");
    const UniqueFd other = client();
    send_all(other, "hello\n");
    turn();
    EXPECT_EQ(receive(other), "<hello>\n");
    EXPECT_EQ(server->clients(), 2U);
    turn_for(milliseconds(200));
    EXPECT_EQ(server->clients(), 1U);
}

TEST_F(SocketServerTest, ASlowReaderGetsAll) {
    serve({.unfinished_line = milliseconds(200)});
    const UniqueFd fd = client();
    send_all(fd, "big 3000000\nend\n");
    std::string text;
    for (int i = 0; i < 200 && text.find("<end>") == std::string::npos; ++i) {
        text += receive(fd);
        turn(2);
    }
    EXPECT_EQ(text.size(), 3000001U + 6U);
}

TEST_F(SocketServerTest, AReplyOverTheBacklogEndsTheConnection) {
    serve({.backlog = 1000});
    const UniqueFd fd = client();
    send_all(fd, "big 2000\n");
    turn();
    EXPECT_EQ(receive(fd), "EOF");
}

TEST_F(SocketServerTest, OneClientTooManyIsTold) {
    serve({.clients = 2, .roots = 0});
    const UniqueFd first = client();
    const UniqueFd second = client();
    for (const UniqueFd* busy : {&first, &second})
        send_all(*busy, "a line");
    turn();
    const UniqueFd third = client();
    const std::string reply = receive(third);
    EXPECT_NE(reply.find("clients are connected already"), std::string::npos);
    EXPECT_NE(reply.find("EOF"), std::string::npos);
    send_all(first, "\n");
    turn();
    EXPECT_EQ(receive(first), "<a line>\n");
}

TEST_F(SocketServerTest, TheClientThatHasBeenIdleLongestGivesWay) {
    serve({.clients = 2, .roots = 0});
    const UniqueFd first = client();
    const UniqueFd second = client();
    turn_for(milliseconds(2));
    send_all(first, "a\n");
    turn();
    EXPECT_EQ(receive(first), "<a>\n");
    const UniqueFd third = client();
    EXPECT_EQ(receive(second), "EOF");
    send_all(third, "c\n");
    turn();
    EXPECT_EQ(receive(third), "<c>\n");
    EXPECT_EQ(server->clients(), 2U);
}

// SO_PEERCRED tells who connects, so this one needs root to be somebody else.
TEST_F(SocketServerTest, OthersCannotLockRootOut) {
    if (geteuid() != 0) GTEST_SKIP() << "not run as root";
    constexpr uid_t kNobody = 65534;
    serve({.clients = 2, .roots = 1});
    ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
    ASSERT_EQ(chmod(config.socket.c_str(), 0666), 0);
    const auto nobodys = [&] {
        EXPECT_EQ(seteuid(kNobody), 0);
        UniqueFd fd = client();
        EXPECT_EQ(seteuid(0), 0);
        return fd;
    };
    const UniqueFd roots = client();
    const UniqueFd others = nobodys();
    const UniqueFd more = nobodys();  // in the other's place, not root's
    EXPECT_EQ(receive(others), "EOF");
    EXPECT_EQ(receive(roots), "");
    send_all(roots, "half");
    send_all(more, "half");
    turn();
    EXPECT_NE(receive(nobodys()).find("clients are connected already"), std::string::npos);
    const UniqueFd again = client();
    send_all(again, "hello\n");
    turn();
    EXPECT_EQ(receive(again), "<hello>\n");
}

TEST_F(SocketServerTest, BytesOfAnyKindArePassedOn) {
    serve();
    const UniqueFd fd = client();
    send_all(fd, std::string("\0\xff\r\n", 4));
    turn();
    EXPECT_EQ(receive(fd), std::string("<\0\xff\r>\n", 6));
}

TEST_F(SocketServerTest, TheFileHasItsModeAndGoesAway) {
    serve();
    struct stat status {};
    ASSERT_EQ(stat(config.socket.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    server.reset();
    EXPECT_NE(stat(config.socket.c_str(), &status), 0);
    config.group = "root";
    serve();
    ASSERT_EQ(stat(config.socket.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0660U);
    EXPECT_EQ(status.st_gid, 0U);
}

TEST_F(SocketServerTest, TheDirectoryThatItMakesHasItsModeWhateverTheUmask) {
    const mode_t before = umask(0077);
    serve();
    umask(before);
    struct stat status {};
    ASSERT_EQ(stat((directory + "/run").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755U);
}

TEST_F(SocketServerTest, AFileLeftBehindIsReplaced) {
    serve();
    server.reset();
    const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, config.socket.c_str());
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    serve();
    const UniqueFd fd = client();
    send_all(fd, "a\n");
    turn();
    EXPECT_EQ(receive(fd), "<a>\n");
}

struct Refusal {
    Errc code;
    std::string message;
};

Refusal refusal(EventLoop& loop, const ControlConfig& config) {
    const auto made = SocketServer::listen(loop, config, echo);
    EXPECT_FALSE(made);
    return made ? Refusal{} : Refusal{made.error().code, made.error().message};
}

TEST_F(SocketServerTest, AnotherDaemonIsLeftAlone) {
    serve();
    const Refusal refused = refusal(loop, config);
    EXPECT_EQ(refused.code, Errc::exists);
    EXPECT_NE(refused.message.find("another daemon answers"), std::string::npos);
    const UniqueFd fd = client();
    send_all(fd, "a\n");
    turn();
    EXPECT_EQ(receive(fd), "<a>\n");
}

TEST_F(SocketServerTest, ImpossibleSocketsHaveASentence) {
    config.group = "no-such-group";
    EXPECT_NE(refusal(loop, config).message.find("no group"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(config.socket));
    config.group.clear();
    std::ofstream(config.socket) << "precious";
    EXPECT_NE(refusal(loop, config).message.find("not a socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(config.socket));
    config.socket = "/" + std::string(200, 'a');
    EXPECT_EQ(refusal(loop, config).code, Errc::invalid);
    config.socket = "";
    EXPECT_EQ(refusal(loop, config).code, Errc::invalid);
}

TEST_F(SocketServerTest, ASocketThatIsNotOursAnyMoreIsLeft) {
    serve();
    std::filesystem::remove(config.socket);
    const std::ofstream taker(config.socket + "x");  // of the inode number, perhaps
    std::ofstream(config.socket) << "someone else's";
    server.reset();
    EXPECT_TRUE(std::filesystem::exists(config.socket));
}

TEST(EventLoop, TimersAndSignals) {
    auto loop = *EventLoop::make();
    int ticks = 0;
    int got = 0;
    EventLoop::TimerId timer = -1;
    timer = *loop.every(milliseconds(1), [&] {
        if (++ticks == 3) loop.cancel(timer);
        if (ticks == 3) raise(SIGUSR1);
    });
    ASSERT_TRUE(loop.on_signals({SIGUSR1}, [&](int signal) {
        got = signal;
        loop.stop();
    }));
    loop.run();
    EXPECT_EQ(ticks, 3);
    EXPECT_EQ(got, SIGUSR1);
}

}  // namespace
}  // namespace usher
