// Spans on their way from an application's traceparent to a real collector, with real Kafka between commit and
// delivery; and collectors that are no help.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <regex>
#include <string>

#include "tests/proxy/io/tcp_end.h"
#include "tests/support/child_process.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgCluster;
using test_support::PgConnection;
using test_support::TempFolder;
using test_support::WeirProcess;

constexpr const char* kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kComment = std::string(" /*route='%2Fpay',traceparent='00-") + kTrace + "-00f067aa0ba902b7-01'*/";

/// rotel, which prints what it receives.
class Collector {
 public:
  Collector() {
    const auto agent = test_support::deps_folder() / "rotel/rotel/rotel-agent";
    if (!std::filesystem::exists(agent))
      throw std::runtime_error(agent.string() + " is missing: tests/support/fetch_servers.sh rotel fetches it");
    test_support::Launch launch;
    const std::string host = "127.0.0.1:";
    launch.arguments = {agent.string(),
                        "start",
                        "--exporter",
                        "blackhole",
                        "--debug-log",
                        "traces",
                        "--debug-log-verbosity",
                        "detailed",
                        "--otlp-http-endpoint",
                        host + std::to_string(port_),
                        "--otlp-grpc-endpoint",
                        host + std::to_string(test_support::free_port())};
    launch.stdout_path = folder_ / "output";
    launch.folder = folder_.path();
    process_ = std::make_unique<test_support::ChildProcess>(launch);
    const bool listens = eventually(seconds(20), [&] { return text().find("Starting Rotel") != std::string::npos; });
    if (!listens) throw std::runtime_error("rotel does not start: " + text());
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Without its colours.
  std::string text() const {
    static const std::regex colours("\x1b\\[[0-9;]*m");
    return std::regex_replace(test_support::read_file(folder_ / "output"), colours, "");
  }
  bool says(const std::string& words) const {
    return eventually(seconds(30), [&] { return text().find(words) != std::string::npos; });
  }

 private:
  TempFolder folder_{"weir-rotel"};
  int port_ = test_support::free_port();
  std::unique_ptr<test_support::ChildProcess> process_;
};

class TracingTest : public testing::Test {
 protected:
  TracingTest() { cluster.start(); }

  std::unique_ptr<WeirProcess> start(const std::string& url, const std::string& destination) {
    return std::make_unique<WeirProcess>(test_support::WeirOptions{
        .upstream = cluster.uri(),
        .emit = {destination},
        .arguments = {"--tracing.otlp", url, "--tracing.headers", "Authorization: Bearer planted-key-1",
                      "--admin.listen", "127.0.0.1:" + std::to_string(admin_port)},
        .admin = true});
  }
  std::string metrics() const {
    auto end = TcpEnd::connect(admin_port);
    end.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return end.receive_all();
  }
  bool shows(const std::string& line) const {
    return eventually(seconds(30), [&] { return metrics().find("\n" + line + "\n") != std::string::npos; });
  }

  PgCluster cluster{15};
  TempFolder folder{"weir-tracing"};
  const int admin_port = test_support::free_port();
};

TEST_F(TracingTest, ARealCollectorGetsTheCommitAndItsDeliveryAndKafkaTheTraceparent) {
  test_support::KafkaBroker broker;
  broker.start();
  const Collector collector;
  const auto weir = start(collector.url(), "kafka://" + broker.bootstrap() + "/shop");
  const PgConnection client(weir->conninfo());
  client.run("CREATE TABLE orders (id int PRIMARY KEY, note text)");
  client.run("INSERT INTO orders VALUES (1, 'planted-note')" + kComment);
  client.run("INSERT INTO orders VALUES (2, 'untraced')");
  ASSERT_TRUE(collector.says("COMMIT postgres")) << weir->errors() << collector.text();
  ASSERT_TRUE(collector.says("send kafka")) << weir->errors() << collector.text();
  EXPECT_TRUE(collector.says(kTrace)) << collector.text();
  EXPECT_TRUE(collector.says("00f067aa0ba902b7")) << collector.text();
  EXPECT_TRUE(collector.says("public.orders")) << collector.text();
  EXPECT_TRUE(shows("weir_spans_sent_total 2")) << metrics();
  EXPECT_TRUE(shows("weir_spans_dropped_total 0"));
  test_support::KafkaReader reader(broker.bootstrap());
  const auto records = reader.read_to_end({"shop.public.orders"});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].header("traceparent"), std::string("00-") + kTrace + "-00f067aa0ba902b7-01");
  EXPECT_EQ(records[1].header("traceparent"), "");
  EXPECT_EQ(weir->terminate(), 0);
  for (const auto& text : {collector.text(), weir->errors()}) {
    EXPECT_EQ(text.find("planted"), std::string::npos) << "no value, and no key: " << text;
  }
}

TEST_F(TracingTest, WhatIsLeftAtTheEndIsSent) {
  const Collector collector;
  const auto weir = start(collector.url(), "file:" + (folder / "events").string());
  const PgConnection client(weir->conninfo());
  client.run("CREATE TABLE orders (id int PRIMARY KEY)");
  client.run("INSERT INTO orders VALUES (1)" + kComment);
  EXPECT_EQ(weir->terminate(), 0);
  EXPECT_TRUE(collector.says("COMMIT postgres")) << collector.text();
  EXPECT_TRUE(collector.says("send file")) << collector.text();
}

TEST_F(TracingTest, ACollectorThatKeepsSilentHoldsNobodyUp) {
  const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(silent, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(silent, 16), 0);
  ASSERT_EQ(::getsockname(silent, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const auto file = folder / "events";
  const auto weir = start("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)), "file:" + file.string());
  const PgConnection client(weir->conninfo());
  client.run("CREATE TABLE orders (id int PRIMARY KEY)");
  for (int i = 1; i <= 700; ++i) client.run("INSERT INTO orders VALUES (" + std::to_string(i) + ")" + kComment);
  EXPECT_TRUE(
      eventually(seconds(5), [&] { return test_support::read_file(file).find(R"("id":700)") != std::string::npos; }));
  EXPECT_TRUE(shows("weir_spans_sent_total 0")) << metrics();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(weir->terminate(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(6)) << "the collector's timeout is not waited for";
  ::close(silent);
}

TEST_F(TracingTest, ACollectorThatIsNotThereIsALineInTheLog) {
  const auto weir = start("http://127.0.0.1:" + std::to_string(test_support::free_port()), "stdout");
  const PgConnection client(weir->conninfo());
  client.run("CREATE TABLE orders (id int PRIMARY KEY)");
  client.run("INSERT INTO orders VALUES (1)" + kComment);
  EXPECT_TRUE(eventually(seconds(20), [&] {
    return weir->errors().find("does not take spans: Failed to connect to 127.0.0.1") != std::string::npos;
  })) << weir->errors();
  client.run("INSERT INTO orders VALUES (2)" + kComment);
}

}  // namespace
}  // namespace weir::proxy
