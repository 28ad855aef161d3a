// A listener alone: what it asks its handler, and when it gives it who has come.
#include "proxy/io/listener.h"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tests/proxy/io/tcp_end.h"

namespace weir::proxy {
namespace {

/// Answers each with a byte.
struct Greeter final : public ConnectionHandler {
  bool has_room() override {
    said += "room? ";
    if (full > 0) --full;
    return full == 0;
  }
  void connected(const Connected& who) override {
    said += who.local ? "local " : "tcp ";
    ends.emplace_back(who.socket).send("!");
    if (ends.size() == awaited) then();
  }
  void nobody_came() override { said += "nobody "; }

  int full = 0;  // so many times there is no room
  std::size_t awaited = 1;
  std::string said;
  std::vector<TcpEnd> ends;
  std::function<void()> then;
};

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    greeter.then = [this] {
      io.stop();
      poller.yield();
    };
  }
  std::unique_ptr<Listener> open(const HostPort& address) {
    auto opened = Listener::open({io, poller, greeter}, address, {});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  /// Until the handler has all that it awaits; false: not in ten seconds.
  bool run() {
    bool late = false;
    boost::asio::steady_timer timer(io, std::chrono::seconds(10));
    timer.async_wait([&](boost::system::error_code error) {
      if (error) return;
      late = true;
      greeter.then();
    });
    io.restart();
    io.run();
    return !late;
  }

  boost::asio::io_context io{1};
  Poller poller{io, [] {}};
  Greeter greeter;
};

TEST_F(ListenerTest, GivesWhoComesToItsHandler) {
  const auto listener = open({"127.0.0.1", 0});
  ASSERT_TRUE(listener);
  EXPECT_NE(listener->address().port, 0);
  listener->start();
  TcpEnd one = TcpEnd::connect(listener->address().port);
  TcpEnd two = TcpEnd::connect(listener->address().port);
  greeter.awaited = 2;
  ASSERT_TRUE(run());
  EXPECT_EQ(one.receive(1) + two.receive(1), "!!");
  EXPECT_TRUE(greeter.said.starts_with("room? tcp ")) << greeter.said;
  listener->close();
}

TEST_F(ListenerTest, WhoComesWaitsWhileThereIsNoRoom) {
  const auto listener = open({"127.0.0.1", 0});
  ASSERT_TRUE(listener);
  listener->start();
  greeter.full = 3;
  TcpEnd end = TcpEnd::connect(listener->address().port);
  ASSERT_TRUE(run());
  EXPECT_TRUE(greeter.said.starts_with("room? room? room? tcp ")) << greeter.said;
  listener->close();
}

TEST_F(ListenerTest, WhatWasKeptForOneWhoDoesNotComeIsFreeAgain) {
  const auto listener = open({"127.0.0.1", 0});
  ASSERT_TRUE(listener);
  listener->start();
  TcpEnd first = TcpEnd::connect(listener->address().port);
  ASSERT_TRUE(run());
  TcpEnd second = TcpEnd::connect(listener->address().port);
  greeter.awaited = 2;
  ASSERT_TRUE(run());
  // Behind each one the queue was looked at once more, and was empty.
  EXPECT_EQ(greeter.said.find("tcp room? nobody "), greeter.said.find("tcp ")) << greeter.said;
  listener->close();
}

TEST_F(ListenerTest, WhereItCannotListenItSaysWhere) {
  const auto listener = open({"127.0.0.1", 0});
  ASSERT_TRUE(listener);
  const auto taken = Listener::open({io, poller, greeter}, listener->address(), {});
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("cannot listen on 127.0.0.1:"), std::string::npos) << taken.error().message;
}

}  // namespace
}  // namespace weir::proxy
