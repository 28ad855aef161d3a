// The admin listener over real sockets: requests, bounds, server-sent events, and what follows an answer.
#include "proxy/admin/admin_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tests/proxy/admin/admin_snapshot.h"
#include "tests/proxy/io/tcp_end.h"

namespace weir::proxy {

namespace {

using namespace std::chrono_literals;

/// What a stream of lines has to say: a test writes it.
struct Written {
  std::mutex mutex;
  std::string text;
  std::size_t handed_out = 0;
  bool without_end = false;  ///< it always has more
  bool ends = false;
  int rests = 0;
  int alive = 0;
  std::function<void()> wake;

  void say(const std::string& more) {
    const std::lock_guard lock(mutex);
    text += more;
    if (wake) wake();
  }
  template <typename Of>
  auto look(Of of) {
    const std::lock_guard lock(mutex);
    return of();
  }
};

class WrittenLines final : public LineStream {
 public:
  explicit WrittenLines(Written& written) : written_(written) {
    const std::lock_guard lock(written_.mutex);
    ++written_.alive;
  }
  ~WrittenLines() override {
    const std::lock_guard lock(written_.mutex);
    --written_.alive;
  }
  Next next() override {
    const std::lock_guard lock(written_.mutex);
    if (written_.without_end) written_.text = std::string(64 * 1024, 'x') + "\n";
    written_.handed_out += written_.text.size();
    const auto then = written_.ends ? Next::Then::end : written_.without_end ? Next::Then::again : Next::Then::wait;
    return {std::exchange(written_.text, {}), then, "all is said"};
  }
  void rest() override {
    const std::lock_guard lock(written_.mutex);
    ++written_.rests;
  }
  std::string farewell() const override { return "farewell"; }

 private:
  Written& written_;
};

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
    options.open_lines = [this](const std::string& query,
                                std::function<void()> wake) -> Result<std::unique_ptr<LineStream>> {
      if (query == "wrong") return Error{"that is wrong", ""};
      if (query == "off") return Error{"that is off", "42501"};
      written.wake = std::move(wake);
      return std::unique_ptr<LineStream>(std::make_unique<WrittenLines>(written));
    };
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

  /// Until it is so.
  template <typename Of>
  bool comes(Of of) {
    for (int i = 0; i < 1500; ++i) {
      if (written.look(of)) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  Written written;
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

TEST_F(AdminListener, StreamsLinesInChunksUntilTheyEnd) {
  start();
  written.text = "one\n";
  auto end = connect();
  end.send("GET /tail?x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto first = receive_until(end, "one\n\r\n");
  EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n")) << first;
  EXPECT_NE(first.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos) << first;
  EXPECT_TRUE(first.ends_with("\r\n\r\n4\r\none\n\r\n")) << first;
  written.say("two, and more\n");
  EXPECT_EQ(receive_until(end, "\n\r\n"), "e\r\ntwo, and more\n\r\n");
  written.look([&] { return written.ends = true; });
  written.say("three\n");
  EXPECT_EQ(end.receive_all(), "6\r\nthree\n\r\n0\r\nWeir-End: all is said\r\n\r\n");
  EXPECT_TRUE(comes([&] { return written.alive == 0; }));
}

TEST_F(AdminListener, LinesForHttp10AreBare) {
  start();
  written.text = "one\n";
  written.ends = true;
  auto end = connect();
  end.send("GET /tail HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const auto answer = end.receive_all();
  EXPECT_TRUE(answer.ends_with("\r\n\r\none\n")) << answer;
  EXPECT_EQ(answer.find("chunked"), std::string::npos) << answer;
}

TEST_F(AdminListener, LinesThatCannotBeHadAreRefusedInWords) {
  start();
  EXPECT_NE(ask("GET", "/tail?wrong").find("that is wrong\n"), std::string::npos);
  EXPECT_TRUE(ask("GET", "/tail?wrong").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask("GET", "/tail?off").starts_with("HTTP/1.1 403 "));
  EXPECT_TRUE(ask("HEAD", "/tail?wrong").starts_with("HTTP/1.1 200 "));
}

TEST_F(AdminListener, AReaderThatTakesNothingIsNotReadForAndRests) {
  start();
  written.without_end = true;
  auto end = connect();
  end.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(comes([&] { return written.rests > 0; }));
  const auto handed_out = written.look([&] { return written.handed_out; });
  EXPECT_LT(handed_out, 64u << 20) << "what the system's buffers take";
  EXPECT_TRUE(ask("GET", "/healthz").starts_with("HTTP/1.1 200 ")) << "others are answered";
  EXPECT_EQ(written.look([&] { return written.handed_out; }), handed_out);
  for (int i = 0; i < 200; ++i) end.receive(64 * 1024);
  EXPECT_TRUE(comes([&] { return written.handed_out > handed_out; })) << "it goes on";
  end.close();
  EXPECT_TRUE(comes([&] { return written.alive == 0; }));
}

TEST_F(AdminListener, WhoReadsLinesHearsOfTheEnd) {
  start();
  auto end = connect();
  end.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n");
  receive_until(end, "\r\n\r\n");
  written.look([&] { return written.text = "the last\n"; });
  server->stop();
  EXPECT_EQ(end.receive_all(), "9\r\nthe last\n\r\n0\r\nWeir-End: farewell\r\n\r\n");
  EXPECT_EQ(written.alive, 0);
  written.say("nobody hears it\n");
}

TEST_F(AdminListener, ItsEndDoesNotWaitForWhoTakesNothing) {
  start();
  written.without_end = true;
  auto end = connect();
  end.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(comes([&] { return written.handed_out > 0; }));
  const auto begun = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  EXPECT_EQ(written.alive, 0);
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
