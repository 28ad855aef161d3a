// The I/O of one session against its contract: every byte, both directions at once, and every way to end.
#include "proxy/io/session.h"

#include <future>
#include <thread>

#include "tests/proxy/io/stand.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using testing::cstring;
using testing::frame;

const std::string kQuery = frame('Q', cstring("UPDATE t SET n = 1"));
const std::string kAnswer = frame('C', cstring("UPDATE 1")) + kReadyForQuery;

/// A frame whose body no two places of are alike.
std::string large_frame(char type, std::size_t size) {
  std::string body(size, '\0');
  for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i ^ i >> 8 ^ i >> 16);
  return frame(type, body);
}

class SessionTest : public Stand {};

const std::string kCutOff =
    testing::error_response("FATAL", "57P01", "terminating connection due to administrator command");

TEST_F(SessionTest, RelaysWholeFramesAndPartsOfThem) {
  start();
  Ends ends = login();
  for (const char byte : kQuery) ends.client.send({&byte, 1});
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  for (const char byte : kAnswer) ends.database.send({&byte, 1});
  EXPECT_EQ(ends.client.receive(kAnswer.size()), kAnswer);
}

TEST_F(SessionTest, RelaysBothDirectionsAtOnceWhileNeitherPeerReads) {
  start();
  Ends ends = login();
  const std::string up = large_frame('d', 24'000'000) + frame('c');
  const std::string down = large_frame('D', 24'000'001) + kAnswer;
  auto client_sent = std::async(std::launch::async, [&] { ends.client.send(up); });
  auto database_sent = std::async(std::launch::async, [&] { ends.database.send(down); });
  auto client_got = std::async(std::launch::async, [&] { return ends.client.receive(down.size()); });
  EXPECT_TRUE(ends.database.receive(up.size()) == up);
  EXPECT_TRUE(client_got.get() == down);
  client_sent.get();
  database_sent.get();
}

TEST_F(SessionTest, ASlowClientSlowsTheDatabaseAndIsServedInTheEnd) {
  start();
  Ends ends = login();
  const std::string rows = large_frame('D', 64'000'000);
  auto sent = std::async(std::launch::async, [&] { ends.database.send(rows); });
  // The kernel's buffers and Weir's own take a part; then nothing moves until the client reads.
  EXPECT_EQ(sent.wait_for(seconds(1)), std::future_status::timeout);
  const std::uint64_t taken = server->counters().upstream_bytes;
  EXPECT_LT(taken, rows.size() / 2);
  EXPECT_TRUE(ends.client.receive(rows.size()) == rows);
  sent.get();
}

TEST_F(SessionTest, ASlowDatabaseSlowsTheClient) {
  start();
  Ends ends = login();
  const std::string copy = large_frame('d', 64'000'000);
  auto sent = std::async(std::launch::async, [&] { ends.client.send(copy); });
  EXPECT_EQ(sent.wait_for(seconds(1)), std::future_status::timeout);
  EXPECT_LT(server->counters().client_bytes, copy.size() / 2);
  // The database's early error reaches the client while it is still sending.
  const std::string error = testing::error_response("ERROR", "23505", "duplicate key");
  ends.database.send(error);
  EXPECT_EQ(ends.client.receive(error.size()), error);
  EXPECT_TRUE(ends.database.receive(copy.size()) == copy);
  sent.get();
}

TEST_F(SessionTest, AHalfClosedClientIsStillAnswered) {
  start();
  Ends ends = login();
  ends.client.send(kQuery);
  ends.client.half_close();
  EXPECT_EQ(ends.database.receive_all(), kQuery);
  ends.database.send(kAnswer);
  ends.database.close();
  EXPECT_EQ(ends.client.receive_all(), kAnswer);
}

TEST_F(SessionTest, WhatAClientSentBeforeItVanishedReachesTheDatabase) {
  start();
  Ends ends = login();
  ends.client.send(kQuery + frame('X'));
  ends.client.close();
  EXPECT_EQ(ends.database.receive_all(), kQuery + frame('X'));
}

TEST_F(SessionTest, AClientThatIsGoneWhileItIsAnsweredLosesNoStatement) {
  start();
  Ends ends = login();
  ends.database.send(large_frame('D', 1'000'000));
  ends.client.send(kQuery);
  ends.client.reset();
  std::string received = ends.database.receive(kQuery.size());
  EXPECT_EQ(received, kQuery);
  ends.database.send(kAnswer);
  EXPECT_EQ(ends.database.receive_all(), "");  // half-closed
}

TEST_F(SessionTest, AVanishedClientDoesNotKeepTheDatabaseSendingForEver) {
  start();
  Ends ends = login();
  ends.client.reset();
  EXPECT_EQ(ends.database.receive_all(), "");
  const std::string rows = large_frame('D', 1'000'000);
  const auto send_until_refused = [&] {
    for (int i = 0; i < 100; ++i) ends.database.send(rows);
  };
  EXPECT_THROW(send_until_refused(), std::system_error);
}

TEST_F(SessionTest, TheDatabasesLastWordsReachTheClient) {
  start();
  Ends ends = login();
  const std::string fatal = testing::error_response("FATAL", "57P01", "terminating connection");
  ends.client.send(kQuery);  // stays unread: the database's kernel resets the connection when it closes
  ends.database.receive(1);
  ends.database.send(large_frame('D', 3'000'000) + fatal);
  ends.database.half_close();
  const std::string received = ends.client.receive_all();
  EXPECT_EQ(received.size(), 3'000'005 + fatal.size());
  EXPECT_TRUE(received.ends_with(fatal));
}

TEST_F(SessionTest, MalformedFrameOfTheDatabaseEndsTheSession) {
  start();
  Ends ends = login();
  ends.database.send(std::string("D\0\0\0\1", 5));
  const std::string received = ends.client.receive_all();
  EXPECT_NE(received.find("C08P01"), std::string::npos) << received;
  EXPECT_EQ(ends.database.receive_all(), "");
}

TEST_F(SessionTest, SessionsEndWithTheServer) {
  start();
  Ends ends = login();
  server->stop(seconds(0));
  EXPECT_EQ(ends.client.receive_all(), kCutOff);
  EXPECT_EQ(ends.database.receive_all(), "");
  EXPECT_EQ(server->counters().sessions_closed, 1u);
}

/// Every Query commits, until it is answered.
class Committing final : public wire::Relay {
 public:
  std::size_t from_client(std::string_view received, wire::Turn& turn) override {
    commits_ = true;
    return Relay::from_client(received, turn);
  }
  std::size_t from_upstream(std::string_view received, wire::Turn& turn) override {
    commits_ = false;
    return Relay::from_upstream(received, turn);
  }
  wire::Standing standing() const override { return {.commits = commits_}; }

 private:
  bool commits_ = false;
};

TEST_F(SessionTest, ACommitOnItsWayIsAnsweredBeforeItsSessionIsCutOff) {
  options.engine_factory = [](const SessionInfo&) { return std::make_unique<Committing>(); };
  start();
  Ends ends = login();
  ends.client.send(kQuery);
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  auto stopped = std::async(std::launch::async, [&] { server->stop(seconds(0)); });
  // No new one comes in any more: it is being stopped.
  EXPECT_TRUE(eventually(seconds(20), [this] {
    try {
      return connect().receive_all().empty();
    } catch (const std::system_error&) {
      return true;
    }
  }));
  ends.database.send(kAnswer);
  EXPECT_EQ(ends.client.receive_all(), kAnswer + kCutOff);
  stopped.get();
}

TEST_F(SessionTest, ACommitThatIsNotAnsweredIsNotWaitedForForEver) {
  options.engine_factory = [](const SessionInfo&) { return std::make_unique<Committing>(); };
  start();
  Ends ends = login();
  ends.client.send(kQuery);
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  server->stop(seconds(0));
  EXPECT_EQ(ends.client.receive_all(), "");
}

TEST_F(SessionTest, WhatASessionRanIsCancelledWhereItIsCutOff) {
  start();
  Ends ends{connect(), TcpEnd(-1)};
  ends.client.send(startup_message());
  ends.database = database_port.accept();
  ends.database.receive(startup_message().size());
  const std::string key = testing::int32(4711) + testing::int32(815);
  const std::string greeting = kAuthenticationOk + testing::frame('K', key) + kReadyForQuery;
  ends.database.send(greeting);
  EXPECT_EQ(ends.client.receive(greeting.size()), greeting);
  server->stop(seconds(0));
  const std::string request = testing::startup_packet(80877102, key);
  EXPECT_EQ(database_port.accept().receive(request.size()), request);
  EXPECT_EQ(ends.client.receive_all(), kCutOff);
  EXPECT_EQ(server->counters().sessions_closed, 1u);
  EXPECT_EQ(server->counters().cancel_requests, 0u) << "none of a client's";
}

TEST_F(SessionTest, NothingIsPutIntoTheMiddleOfAMessage) {
  start();
  Ends ends = login();
  const std::string half = testing::frame('D', std::string(1000, 'x')).substr(0, 500);
  ends.database.send(half);
  EXPECT_EQ(ends.client.receive(half.size()), half);
  server->stop(seconds(0));
  EXPECT_EQ(ends.client.receive_all(), "");
}

TEST_F(SessionTest, ADrainingServerAcceptsNobodyAndLetsSessionsFinish) {
  start();
  Ends ends = login();
  const int port = server->port();
  server->stop_accepting();
  EXPECT_THROW(TcpEnd::connect(port), std::system_error);
  auto stopped = std::async(std::launch::async, [&] { server->stop(seconds(60)); });
  ends.client.send(kQuery);
  EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  ends.database.send(kAnswer);
  EXPECT_EQ(ends.client.receive(kAnswer.size()), kAnswer);
  EXPECT_EQ(stopped.wait_for(seconds(0)), std::future_status::timeout);
  ends.client.close();
  ends.database.close();
  EXPECT_EQ(stopped.wait_for(seconds(10)), std::future_status::ready);
}

TEST_F(SessionTest, ManySessionsOnAllWorkers) {
  start();
  std::vector<Ends> sessions;
  for (int i = 0; i < 40; ++i) sessions.push_back(login());
  for (Ends& ends : sessions) ends.client.send(kQuery);
  for (Ends& ends : sessions) EXPECT_EQ(ends.database.receive(kQuery.size()), kQuery);
  for (Ends& ends : sessions) ends.client.close();
  for (Ends& ends : sessions) EXPECT_EQ(ends.database.receive_all(), "");
  sessions.clear();
  EXPECT_TRUE(eventually(seconds(10), [&] { return server->counters().sessions_closed == 40; }));
}

}  // namespace
}  // namespace weir::proxy
