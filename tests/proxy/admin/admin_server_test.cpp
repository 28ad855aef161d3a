// The admin listener over real sockets: requests, bounds, server-sent events, and what follows an answer.
#include "proxy/admin/admin_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/proxy/admin/admin_snapshot.h"
#include "tests/proxy/io/tcp_end.h"

namespace weir::proxy {

namespace {

using namespace std::chrono_literals;

class AdminListener : public ::testing::Test {
 protected:
  void start() {
    AdminServer::Options options;
    options.listen = {"127.0.0.1", 0};
    options.look = [this] {
      ++looks;
      return full_snapshot();
    };
    options.ask_upstream = [this](std::function<void()> asked) {
      ++questions;
      if (upstream_answers) asked();
    };
    options.drain = [this] { drained = true; };
    options.quit = [this] { ended = true; };
    server = std::make_unique<AdminServer>(std::move(options));
    const auto opened = server->open();
    ASSERT_TRUE(opened) << opened.error().message;
    server->start();
  }

  TcpEnd connect() const { return TcpEnd::connect(server->address().port); }

  /// The whole answer to one request, on a connection of its own.
  std::string ask(const std::string& method, const std::string& target, const std::string& more = "") const {
    auto end = connect();
    end.send(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + more + "\r\n");
    return end.receive_all();
  }

  std::atomic<int> looks = 0;
  std::atomic<int> questions = 0;
  std::atomic<bool> upstream_answers = true;
  std::atomic<bool> drained = false;
  std::atomic<bool> ended = false;
  std::unique_ptr<AdminServer> server;
};

/// Up to these bytes, which must come.
std::string receive_until(TcpEnd& end, const std::string& last) {
  std::string received;
  while (!received.ends_with(last)) received += end.receive(1);
  return received;
}

bool eventually(const std::atomic<bool>& what) {
  for (int i = 0; i < 500 && !what; ++i) std::this_thread::sleep_for(10ms);
  return what;
}

}  // namespace

TEST_F(AdminListener, Answers) {
  start();
  EXPECT_TRUE(ask("GET", "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
  const auto page = ask("GET", "/metrics");
  EXPECT_NE(page.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos) << page;
  EXPECT_NE(page.find("weir_sessions{"), std::string::npos);
  EXPECT_TRUE(ask("GET", "/nothing").starts_with("HTTP/1.1 404 "));
  EXPECT_NE(ask("PUT", "/metrics").find("Allow: GET, HEAD\r\n"), std::string::npos);
}

TEST_F(AdminListener, KeepsAConnectionForSeveralRequests) {
  start();
  auto end = connect();
  for (int i = 0; i < 3; ++i) {
    end.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_NE(receive_until(end, "ok\n").find("200 OK"), std::string::npos);
  }
}

TEST_F(AdminListener, AHeadHasNoBody) {
  start();
  const auto answer = ask("HEAD", "/metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(AdminListener, OrdersAreCarriedOutBehindTheirAnswer) {
  start();
  EXPECT_TRUE(ask("POST", "/drain", "Content-Length: 0\r\n").starts_with("HTTP/1.1 200 OK"));
  EXPECT_TRUE(eventually(drained));
  EXPECT_FALSE(ended);
  EXPECT_TRUE(ask("POST", "/quitquitquit", "Content-Length: 0\r\n").starts_with("HTTP/1.1 200 OK"));
  EXPECT_TRUE(eventually(ended));
}

TEST_F(AdminListener, ReadinessAsksTheDatabaseOnceASecondHoweverManyAsk) {
  start();
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(ask("GET", "/readyz").starts_with("HTTP/1.1 200 OK"));
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - begun).count();
  EXPECT_GE(questions, 1);
  EXPECT_LE(questions, seconds);
}

TEST_F(AdminListener, ReadinessDoesNotWaitForADatabaseThatIsSilent) {
  upstream_answers = false;
  start();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_NE(ask("GET", "/readyz").find("\"ready\""), std::string::npos);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, AdminServer::kUpstreamPatience);
}

TEST_F(AdminListener, StreamsSnapshots) {
  start();
  auto end = connect();
  end.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(receive_until(end, "}\n\n").find("Content-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_NE(receive_until(end, "}\n\n").find("data: {"), std::string::npos);
}

TEST_F(AdminListener, RefusesWhatIsTooLargeAndWhatIsNoHttp) {
  start();
  EXPECT_TRUE(ask("GET", "/" + std::string(20'000, 'x')).starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(ask("POST", "/drain", "Content-Length: 100000\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_FALSE(drained);
  auto end = connect();
  end.send("\x16\x03\x01 no HTTP at all\r\n\r\n");
  EXPECT_TRUE(end.receive_all().starts_with("HTTP/1.1 400 "));
}

TEST_F(AdminListener, HasRoomForSoManyConnections) {
  start();
  std::vector<TcpEnd> ends;
  for (std::size_t i = 0; i < AdminServer::kConnections; ++i) {
    ends.push_back(connect());
    ends.back().send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    receive_until(ends.back(), "ok\n");
  }
  auto more = connect();
  EXPECT_TRUE(more.receive_all().starts_with("HTTP/1.1 503 "));
  ends.pop_back();
  for (int i = 0; i < 200; ++i) {
    if (ask("GET", "/healthz").starts_with("HTTP/1.1 200 ")) return;
    std::this_thread::sleep_for(10ms);
  }
  FAIL() << "no room again";
}

TEST_F(AdminListener, AnAddressThatIsTakenIsAnError) {
  start();
  AdminServer::Options options;
  options.listen = server->address();
  AdminServer second(std::move(options));
  const auto opened = second.open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("Address already in use"), std::string::npos);
}

TEST_F(AdminListener, EndsWithConnectionsOpen) {
  start();
  auto end = connect();
  end.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  receive_until(end, "}\n\n");
  auto silent = connect();
  server->stop();
  server.reset();
}

}  // namespace weir::proxy
