// What the I/O owes an engine: bytes kept and offered again, stalls, posted functions, the end told exactly once.
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/proxy/io/stand.h"
#include "tests/support/child_process.h"
#include "wire/frame.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using testing::cstring;
using testing::frame;

/// What happened to the engines of a test, seen from the test's thread.
struct Seen {
  std::atomic<int> made = 0;
  std::atomic<int> client_finished = 0;
  std::atomic<int> upstream_gone = 0;
  std::atomic<int> destroyed = 0;
  std::atomic<int> gone_when_destroyed = 0;
  std::atomic<int> calls_while_stalled = 0;
};

/// Takes whole frames of the client only, one at a time, and after each 'Q' stalls until somebody posts.
class Gate : public wire::Relay {
 public:
  explicit Gate(Seen& seen) : seen_(seen) { ++seen_.made; }
  ~Gate() override {
    ++seen_.destroyed;
    if (gone_) ++seen_.gone_when_destroyed;
  }

  std::size_t from_client(std::string_view received, wire::Turn& turn) override {
    if (stalled_) ++seen_.calls_while_stalled;
    std::size_t used = 0;
    while (!stalled_) {
      const wire::FrameHeader header = wire::read_header(received.substr(used));
      frame_size_ = header.state == wire::FrameHeader::State::valid ? header.size : 0;
      if (frame_size_ == 0 || received.size() - used < frame_size_) break;
      turn.to_upstream.relay(received.substr(used, frame_size_));
      used += frame_size_;
      stalled_ = header.type == 'Q';
    }
    return used;
  }
  wire::Standing standing() const override {
    return {.stalled = stalled_,
            .holds_for_client = holds_,
            .holds_for_upstream = holds_,
            .client_frame_size = frame_size_};
  }
  void hold(bool holds) { holds_ = holds; }
  void client_finished(wire::Turn& turn) override {
    ++seen_.client_finished;
    turn.to_upstream.buffer() += frame('X');
  }
  void upstream_gone() override {
    ++seen_.upstream_gone;
    gone_ = true;
  }
  void go_on() { stalled_ = false; }

 private:
  Seen& seen_;
  bool stalled_ = false;
  bool holds_ = false;
  bool gone_ = false;
  std::size_t frame_size_ = 0;
};

const std::string kQuery = frame('Q', cstring("INSERT INTO t VALUES (1)"));
const std::string kNotice = frame('N', "posted");

class EngineIoTest : public Stand {
 protected:
  EngineIoTest() {
    options.workers = 1;
    options.engine_factory = [this](const SessionInfo& info) {
      info_made.set_value(info);
      auto made = std::make_unique<Gate>(seen);
      gate = made.get();
      return made;
    };
  }
  ~EngineIoTest() override {
    if (server) server->stop(seconds(0));
  }

  /// Ends the stall from this thread.
  void let_go(const SessionHandle& handle) {
    handle.post([this](wire::Turn& turn) {
      turn.to_client.buffer() += kNotice;
      gate->go_on();
    });
  }

  Seen seen;
  Gate* gate = nullptr;  // of the last session, for its own thread
  std::promise<SessionInfo> info_made;
};

TEST_F(EngineIoTest, TheFactoryIsToldWhoLogsIn) {
  start();
  TcpEnd client = connect();
  const std::string startup =
      testing::startup_packet(kProtocol3, testing::parameters({"user", "ann", "application_name", "till", "options",
                                                               "-c geqo=off", "replication", "database"}));
  client.send(startup);
  TcpEnd database = database_port.accept();
  database.receive(startup.size());
  database.send(kAuthenticationOk);
  const SessionInfo info = info_made.get_future().get();
  EXPECT_EQ(info.user, "ann");
  EXPECT_EQ(info.database, "ann");
  EXPECT_EQ(info.application_name, "till");
  EXPECT_EQ(info.options, "-c geqo=off");
  EXPECT_TRUE(info.replication);
  EXPECT_EQ(info.client.substr(0, 10), "127.0.0.1:");
  EXPECT_EQ(info.worker, 0u);
  EXPECT_EQ(info.id, 1u);
}

TEST_F(EngineIoTest, NoEngineForALoginThatFails) {
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  TcpEnd database = database_port.accept();
  database.receive(startup_message().size());
  const std::string fatal = testing::error_response("FATAL", "28P01", "password authentication failed");
  database.send(fatal);
  database.close();
  EXPECT_EQ(client.receive_all(), fatal);
  EXPECT_EQ(seen.made, 0);
}

TEST_F(EngineIoTest, WhatTheClientSendsAheadOfItsLoginReachesTheEngine) {
  start();
  TcpEnd client = connect();
  client.send(startup_message() + kQuery);
  TcpEnd database = database_port.accept();
  database.receive(startup_message().size());
  EXPECT_FALSE(database.readable());
  database.send(kAuthenticationOk + kReadyForQuery);
  EXPECT_EQ(database.receive(kQuery.size()), kQuery);
}

TEST_F(EngineIoTest, AWholeFrameIsThereInTheEndHoweverItCame) {
  start();
  Ends ends = login();
  const std::string copy = frame('d', std::string(3'000'000, 'x'));
  ends.client.send(copy.substr(0, 3));
  ends.client.send(copy.substr(3, 100'000));
  ends.client.send(copy.substr(100'003));
  EXPECT_TRUE(ends.database.receive(copy.size()) == copy);
  for (const char byte : kQuery) ends.client.send({&byte, 1});
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
}

TEST_F(EngineIoTest, AStallHoldsTheClientUntilAPostEndsIt) {
  start();
  Ends ends = login();
  const SessionInfo info = info_made.get_future().get();
  ends.client.send(kQuery + kQuery + kQuery);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
    // The database's answers pass while the client is held.
    ends.database.send(kReadyForQuery);
    EXPECT_EQ(ends.client.receive(kReadyForQuery.size()), kReadyForQuery);
    EXPECT_FALSE(ends.database.readable());
    let_go(info.handle);
    EXPECT_EQ(ends.client.receive(kNotice.size()), kNotice);
  }
  EXPECT_EQ(seen.calls_while_stalled, 0);
}

TEST_F(EngineIoTest, AStalledSessionReadsNoMoreThanOneBufferAhead) {
  start();
  Ends ends = login();
  const SessionInfo info = info_made.get_future().get();
  ends.client.send(kQuery);
  ends.database.receive(kQuery.size());
  const std::string copy = frame('d', std::string(32'000'000, 'x'));
  auto sent = std::async(std::launch::async, [&] { ends.client.send(copy); });
  EXPECT_EQ(sent.wait_for(seconds(1)), std::future_status::timeout);
  EXPECT_LT(server->counters().client_bytes, 200'000u);
  let_go(info.handle);
  EXPECT_TRUE(ends.database.receive(copy.size()) == copy);
  sent.get();
}

class HoldingTest : public EngineIoTest {
 protected:
  /// A session whose engine holds, with `bytes` given out for both peers meanwhile.
  std::pair<Ends, SessionHandle> holding(const std::string& bytes) {
    start();
    Ends ends = login();
    const SessionInfo info = info_made.get_future().get();
    std::promise<void> held;
    info.handle.post([&](wire::Turn& turn) {
      gate->hold(true);
      turn.to_client.buffer() += bytes;
      turn.to_upstream.buffer() += bytes;
    });
    info.handle.post([&](wire::Turn&) { held.set_value(); });
    held.get_future().wait();
    return {std::move(ends), info.handle};
  }
};

TEST_F(HoldingTest, WhatIsHeldGoesOutInFrontOfWhatEndsIt) {
  auto [ends, handle] = holding(kNotice);
  EXPECT_FALSE(ends.client.readable());
  EXPECT_FALSE(ends.database.readable());
  const std::string last = frame('Z', "I");
  handle.post([&](wire::Turn& turn) {
    gate->hold(false);
    turn.to_client.buffer() += last;
  });
  EXPECT_EQ(ends.client.receive(kNotice.size() + last.size()), kNotice + last);
  EXPECT_EQ(ends.database.receive(kNotice.size()), kNotice) << "also where nothing is added";
}

TEST_F(HoldingTest, NoMoreIsHeldThanTheDatabaseItselfWouldKeep) {
  const std::string large = frame('D', std::string(10'000, 'x'));
  auto [ends, handle] = holding(large);
  EXPECT_EQ(ends.client.receive(large.size()), large);
  EXPECT_EQ(ends.database.receive(large.size()), large);
}

TEST_F(HoldingTest, WhatIsHeldReachesTheClientWhenTheDatabaseIsGone) {
  auto [ends, handle] = holding(kNotice);
  ends.database.close();
  EXPECT_EQ(ends.client.receive_all(), kNotice);
}

TEST_F(HoldingTest, WhatIsHeldReachesTheDatabaseWhenTheClientIsDone) {
  auto [ends, handle] = holding(kNotice);
  ends.client.half_close();
  EXPECT_EQ(ends.database.receive_all(), kNotice + frame('X'));
}

TEST_F(EngineIoTest, AClientThatEndsDuringAStallIsFinishedAfterIt) {
  start();
  Ends ends = login();
  const SessionInfo info = info_made.get_future().get();
  ends.client.send(kQuery + kQuery);
  ends.client.half_close();
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  // Time for the worker to see the end: what it is told first it does first.
  info.handle.post([](wire::Turn& turn) { turn.to_client.buffer() += kNotice; });
  EXPECT_EQ(ends.client.receive(kNotice.size()), kNotice);
  EXPECT_EQ(seen.client_finished, 0);
  let_go(info.handle);
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  EXPECT_EQ(seen.client_finished, 0);
  let_go(info.handle);
  EXPECT_EQ(ends.database.receive_all(), frame('X'));
  EXPECT_EQ(seen.client_finished, 1);
  ends.database.close();
  EXPECT_EQ(ends.client.receive_all(), kNotice + kNotice);
}

TEST_F(EngineIoTest, WhatAClientHadSentIsDeliveredThoughNothingReachesItAnyMore) {
  start();
  Ends ends = login();
  const SessionInfo info = info_made.get_future().get();
  ends.client.send(kQuery + kQuery);
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  EXPECT_TRUE(eventually(
      seconds(10), [&] { return server->counters().client_bytes == startup_message().size() + 2 * kQuery.size(); }));
  ends.client.reset();
  const std::string rows = frame('D', std::string(500'000, 'x'));
  const std::uint64_t before = server->counters().upstream_bytes;
  ends.database.send(rows + rows);
  EXPECT_TRUE(eventually(seconds(10), [&] { return server->counters().upstream_bytes == before + 2 * rows.size(); }));
  let_go(info.handle);
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  let_go(info.handle);
  EXPECT_EQ(ends.database.receive_all(), frame('X'));
}

TEST_F(EngineIoTest, ManyPostsFromManyThreadsAllRunInTheirOrder) {
  start();
  Ends ends = login();
  const SessionHandle handle = info_made.get_future().get().handle;
  std::vector<std::thread> threads;
  std::vector<int> last(4, -1);  // written on the worker's thread only
  std::atomic<int> out_of_order = 0;
  for (std::size_t thread = 0; thread < last.size(); ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 1000; ++i) {
        handle.post([&, thread, i](wire::Turn& turn) {
          if (std::exchange(last[thread], i) != i - 1) ++out_of_order;
          turn.to_client.buffer() += 'p';
        });
      }
    });
  }
  EXPECT_EQ(ends.client.receive(4000), std::string(4000, 'p'));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(out_of_order, 0);
}

TEST_F(EngineIoTest, ATurnThatClosesIsWrittenFirst) {
  start();
  Ends ends = login();
  const std::string last_words(2'000'000, 'w');
  info_made.get_future().get().handle.post([&](wire::Turn& turn) {
    turn.to_client.buffer() += last_words;
    turn.to_upstream.buffer() += frame('X');
    turn.close = true;
  });
  EXPECT_EQ(ends.database.receive_all(), frame('X'));
  EXPECT_TRUE(ends.client.receive_all() == last_words);
}

class EndsOnce : public EngineIoTest, public ::testing::WithParamInterface<int> {};

TEST_P(EndsOnce, HoweverTheSessionEnds) {
  start();
  Ends ends = login();
  const SessionHandle handle = info_made.get_future().get().handle;
  ends.client.send(kQuery);  // stalled from here on
  ends.database.receive(kQuery.size());
  switch (GetParam()) {
    case 0:
      ends.database.close();
      break;
    case 1:
      ends.database.reset();
      break;
    case 2:
      ends.client.close();
      let_go(handle);
      EXPECT_EQ(ends.database.receive_all(), frame('X'));
      ends.database.close();
      break;
    case 3:
      ends.client.reset();
      let_go(handle);
      ends.database.receive_all();
      ends.database.close();
      break;
    case 4:
      handle.post([](wire::Turn& turn) { turn.close = true; });
      break;
    case 5:
      server->stop(seconds(0));
      break;
  }
  EXPECT_TRUE(eventually(seconds(10), [&] { return seen.destroyed == 1; }));
  EXPECT_EQ(seen.upstream_gone, 1);
  EXPECT_EQ(seen.gone_when_destroyed, 1);
  handle.post([](wire::Turn&) { FAIL() << "the session is gone"; });
  server->stop(seconds(0));
  handle.post([](wire::Turn&) { FAIL() << "the worker is gone"; });
}

INSTANTIATE_TEST_SUITE_P(Ways, EndsOnce, ::testing::Range(0, 6));

}  // namespace
}  // namespace weir::proxy
