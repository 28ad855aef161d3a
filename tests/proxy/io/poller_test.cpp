// The poller alone, over a pair of sockets: who is called, when, and who is not any more.
#include "proxy/io/poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <thread>

namespace weir::proxy {
namespace {

struct Recorder final : public Watcher {
  void on_ready(bool readable, bool writable) override {
    said += std::string(readable ? "r" : "") + (writable ? "w" : "") + " ";
    if (then) then();
  }
  std::string said;
  std::function<void()> then;
};

class PollerTest : public testing::Test {
 protected:
  PollerTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    watcher.then = [this] { stop(); };
  }
  ~PollerTest() override {
    ::close(pair[0]);
    if (pair[1] >= 0) ::close(pair[1]);
  }
  /// As a worker's thread does it, until stop() was called; false: nobody called it in ten seconds.
  bool run() {
    bool late = false;
    boost::asio::steady_timer timer(io, std::chrono::seconds(10));
    timer.async_wait([&](boost::system::error_code error) {
      if (error) return;
      late = true;
      stop();
    });
    io.restart();
    io.run();
    return !late;
  }
  void stop() {
    io.stop();
    poller.yield();
  }
  /// Everything that is ready now, and nothing more.
  void run_what_is_ready() {
    boost::asio::steady_timer timer(io, std::chrono::milliseconds(20));
    timer.async_wait([&](boost::system::error_code) { stop(); });
    io.restart();
    io.run();
  }
  void send(const char* text) { ASSERT_EQ(::write(pair[1], text, 1), 1); }

  boost::asio::io_context io{1};
  int knocks = 0;
  std::function<void()> on_knock;
  Poller poller{io, [this] {
                  ++knocks;
                  if (on_knock) on_knock();
                }};
  Recorder watcher;
  int pair[2] = {-1, -1};
};

TEST_F(PollerTest, SaysWhatCanBeReadAndWrittenAndOnlyWhatWasAskedFor) {
  poller.watch(watcher, pair[0], true, false);
  send("x");
  ASSERT_TRUE(run());
  EXPECT_EQ(watcher.said, "r ");
  watcher.said.clear();
  poller.watch(watcher, pair[0], false, true);
  ASSERT_TRUE(run());
  EXPECT_EQ(watcher.said, "w ");
  watcher.said.clear();
  poller.watch(watcher, pair[0], true, true);
  ASSERT_TRUE(run());
  EXPECT_EQ(watcher.said, "rw ");
  poller.unwatch(watcher, pair[0]);
}

TEST_F(PollerTest, AnEndIsBoth) {
  poller.watch(watcher, pair[0], true, false);
  ::close(std::exchange(pair[1], -1));
  ASSERT_TRUE(run());
  EXPECT_EQ(watcher.said, "rw ");
  poller.unwatch(watcher, pair[0]);
}

TEST_F(PollerTest, OneThatIsWatchedForNothingOrNotAtAllIsNotCalled) {
  poller.watch(watcher, pair[0], true, false);
  poller.watch(watcher, pair[0], false, false);
  ::close(std::exchange(pair[1], -1));
  run_what_is_ready();
  EXPECT_EQ(watcher.said, "") << "not even for the end";
}

TEST_F(PollerTest, EventsOfOneThatIsUnwatchedMeanwhileAreDropped) {
  int others[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, others), 0);
  Recorder other;
  // Whoever is called first takes the other away, in the same batch.
  watcher.then = [&] { poller.unwatch(other, others[0]); };
  other.then = [&] { poller.unwatch(watcher, pair[0]); };
  poller.watch(watcher, pair[0], false, true);
  poller.watch(other, others[0], false, true);
  poller.yield();
  run_what_is_ready();
  EXPECT_TRUE(watcher.said.empty() != other.said.empty()) << watcher.said << "and " << other.said;
  poller.unwatch(watcher, pair[0]);
  poller.unwatch(other, others[0]);
  ::close(others[0]);
  ::close(others[1]);
}

TEST_F(PollerTest, CallAgainCallsOnceThoughThereIsNothing) {
  poller.watch(watcher, pair[0], true, false);
  watcher.then = nullptr;
  poller.call_again(watcher);
  poller.call_again(watcher);
  run_what_is_ready();
  EXPECT_EQ(watcher.said, "r ");
  poller.call_again(watcher);
  poller.unwatch(watcher, pair[0]);
  run_what_is_ready();
  EXPECT_EQ(watcher.said, "r ") << "it may be gone";
}

TEST_F(PollerTest, AKnockFromAnotherThreadIsHeardWhileNothingHappens) {
  on_knock = [this] { stop(); };
  std::thread other([this] { poller.knock(); });
  EXPECT_TRUE(run());
  other.join();
  EXPECT_GE(knocks, 1);
}

TEST_F(PollerTest, WhatIsPostedGetsItsTurnAlsoWhereASocketIsReadyAllTheTime) {
  watcher.then = nullptr;
  poller.watch(watcher, pair[0], false, true);
  bool had_its_turn = false;
  std::thread other([&] {
    boost::asio::post(io, [&] {
      had_its_turn = true;
      stop();
    });
    poller.interrupt();
  });
  EXPECT_TRUE(run());
  other.join();
  EXPECT_TRUE(had_its_turn);
  poller.unwatch(watcher, pair[0]);
}

TEST_F(PollerTest, WhatIsForLaterComesBehindAllEventsAtHand) {
  int others[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, others), 0);
  std::string said;
  Recorder other;
  const auto say = [&] {
    said += "event ";
    poller.at_rest([&] {
      said += "later ";
      if (said.size() > 12) stop();
    });
  };
  watcher.then = other.then = [&] {
    say();
    poller.watch(watcher, pair[0], true, false);
    poller.watch(other, others[0], true, false);
  };
  poller.watch(watcher, pair[0], false, true);
  poller.watch(other, others[0], false, true);
  ASSERT_TRUE(run());
  EXPECT_EQ(said, "event event later later ");
  poller.unwatch(watcher, pair[0]);
  poller.unwatch(other, others[0]);
  ::close(others[0]);
  ::close(others[1]);
}

TEST_F(PollerTest, WhatIsForLaterIsNotForgottenWhereNoEventIsAtHand) {
  poller.at_rest([&] { poller.at_rest([&] { stop(); }); });
  EXPECT_TRUE(run());
}

}  // namespace
}  // namespace weir::proxy
