// From a client's first byte to the database: startup, refusals, CancelRequest, and what a client is told when the
// database cannot be reached.
#include "proxy/io/login.h"

#include <future>

#include "tests/proxy/io/stand.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::eventually;

constexpr int kSslRequest = 80877103;
constexpr int kGssencRequest = 80877104;
constexpr int kCancelRequest = 80877102;

class LoginTest : public Stand {
 protected:
  /// What a client is told whose login fails, to the end.
  std::string refusal_of(const std::string& first_message) const {
    TcpEnd client = connect();
    client.send(first_message);
    return client.receive_all();
  }
};

void expect_fatal(const std::string& received, const std::string& sqlstate, const std::string& text) {
  EXPECT_EQ(received.substr(0, 1), "E");
  EXPECT_NE(received.find("SFATAL"), std::string::npos) << received;
  EXPECT_NE(received.find("C" + sqlstate), std::string::npos) << received;
  EXPECT_NE(received.find(text), std::string::npos) << received;
}

TEST_F(LoginTest, TheStartupMessageGoesThroughAsItCame) {
  start();
  TcpEnd client = connect();
  const std::string startup = testing::startup_packet(
      kProtocol3 + 9999, testing::parameters({"user", "ann", "_pq_.test_protocol_negotiation", "", "DateStyle", "x"}));
  for (const char byte : startup) client.send({&byte, 1});
  TcpEnd database = database_port.accept();
  EXPECT_EQ(database.receive(startup.size()), startup);
}

TEST_F(LoginTest, SslAndGssencRequestsAreDeclinedWithoutACertificate) {
  start();
  TcpEnd client = connect();
  client.send(testing::startup_packet(kGssencRequest));
  EXPECT_EQ(client.receive(1), "N");
  client.send(testing::startup_packet(kSslRequest));
  EXPECT_EQ(client.receive(1), "N");
  client.send(startup_message());
  TcpEnd database = database_port.accept();
  EXPECT_EQ(database.receive(startup_message().size()), startup_message());
}

TEST_F(LoginTest, MalformedStartupIsRefused) {
  start();
  // A length that cannot be is not answered, as by the server itself.
  EXPECT_EQ(refusal_of(std::string("\0\0\0\3", 4)), "");
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n\r\n"), "");
  expect_fatal(refusal_of(testing::startup_packet(196608, "user")), "08P01", "startup packet layout");
}

TEST_F(LoginTest, ClientsThatSayNothingAreDropped) {
  options.login_timeout = milliseconds(50);
  start();
  TcpEnd silent = connect();
  EXPECT_EQ(silent.receive_all(), "");
  TcpEnd gone = connect();
  gone.close();
  EXPECT_TRUE(eventually(seconds(10), [&] { return server->counters().sessions_closed == 2; }));
}

/// Each of them stands on a stage of its own, and takes a place of others.
TEST_F(LoginTest, NoStageOfALoginTakesLongerThanItsTime) {
  options.login_timeout = milliseconds(300);
  start();
  TcpEnd half = connect();
  half.send(startup_message().substr(0, 9));
  TcpEnd asked = connect();
  asked.send(testing::startup_packet(kSslRequest));
  EXPECT_EQ(asked.receive(1), "N");
  TcpEnd silent_password = connect();
  silent_password.send(startup_message());
  TcpEnd database = database_port.accept();
  EXPECT_EQ(database.receive(startup_message().size()), startup_message());
  database.send(testing::frame('R', testing::int32(3)));
  EXPECT_EQ(half.receive_all(), "");
  EXPECT_EQ(asked.receive_all(), "");
  const std::string told = silent_password.receive_all();
  EXPECT_EQ(told.substr(0, 9), testing::frame('R', testing::int32(3)));
  expect_fatal(told.substr(9), "57014", "canceling authentication due to timeout");
  EXPECT_EQ(database.receive_all(), "");
}

TEST_F(LoginTest, AnIdleSessionHasNoTimeout) {
  options.login_timeout = milliseconds(100);
  start();
  Ends ends = login();
  TcpEnd later = connect();
  EXPECT_EQ(later.receive_all(), "") << "so the time is over";
  ends.database.send(testing::frame('N', "still here"));
  EXPECT_EQ(ends.client.receive(15), testing::frame('N', "still here"));
}

TEST_F(LoginTest, SilentSocketsGiveWayToWhoeverSpeaks) {
  options.limits.logins = 3;
  start();
  std::vector<TcpEnd> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(connect());
  Ends ends = login();
  EXPECT_EQ(silent[0].receive_all(), "") << "the oldest";
}

TEST_F(LoginTest, HalfAStartupMessageGivesWayToo) {
  options.limits.logins = 1;
  start();
  TcpEnd half = connect();
  half.send(startup_message().substr(0, 9));
  Ends ends = login();
  EXPECT_EQ(half.receive_all(), "");
}

TEST_F(LoginTest, ClientsOverTheLimitAreToldSoAsPostgresqlDoes) {
  options.limits.connections = 2;
  start();
  Ends first = login();
  Ends second = login();
  expect_fatal(refusal_of(startup_message()), "53300", "sorry, too many clients already");
  second.client.close();
  second.database.close();
  EXPECT_TRUE(eventually(seconds(10), [&] { return server->counters().sessions_closed == 2; }));
  Ends third = login();
}

TEST_F(LoginTest, ACancelRequestNeedsNoPlaceAmongTheClients) {
  options.limits.connections = 1;
  start();
  Ends only = login();
  const std::string request = testing::startup_packet(kCancelRequest, testing::int32(1) + testing::int32(2));
  TcpEnd client = connect();
  client.send(request);
  EXPECT_EQ(database_port.accept().receive(request.size()), request);
}

TEST_F(LoginTest, OneAddressMayHaveNoMoreThanItsShare) {
  options.limits.connections_per_client = 1;
  start();
  Ends first = login();
  expect_fatal(refusal_of(startup_message()), "53300", "too many connections from this client");
}

TEST_F(LoginTest, AnUpstreamThatIsWeirItselfIsRefused) {
  start();
  ServerOptions circle = options;
  const int port = test_support::free_port();
  circle.listen = {{"0.0.0.0", static_cast<std::uint16_t>(port)}};
  circle.upstream.hosts = {{"localhost", static_cast<std::uint16_t>(port)}};
  Server second(circle);
  const Result<void> started = second.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("localhost:" + std::to_string(port)), std::string::npos);
}

TEST_F(LoginTest, ADatabaseThatIsDownIsNamed) {
  start();
  database_port.close();
  const std::string address = "127.0.0.1:" + std::to_string(database_port.port());
  const std::string told = refusal_of(startup_message());
  expect_fatal(told, "57P03", "cannot connect to the database: Connection refused");
  EXPECT_EQ(told.find(address), std::string::npos) << "addresses are for the log";
  EXPECT_EQ(server->counters().upstream_failures, 1u);
}

TEST_F(LoginTest, AHostThatDoesNotResolveIsNamed) {
  options.upstream.hosts = {{"no-such-host.invalid", 5432}};
  start();
  expect_fatal(refusal_of(startup_message()), "57P03", "cannot connect to the database: ");
}

TEST_F(LoginTest, TheNextHostIsTried) {
  options.upstream.hosts.insert(options.upstream.hosts.begin(), {"/no/such/folder", 5432});
  start();
  Ends ends = login();
  ends.client.close();
}

TEST_F(LoginTest, UnixSocketsAreReached) {
  options.upstream.hosts = {{"/no/such/folder", 5432}};
  start();
  expect_fatal(refusal_of(startup_message()), "57P03", "cannot connect to the database: No such file or directory");
}

TEST_F(LoginTest, ADatabaseThatDoesNotAnswerIsGivenUp) {
  options.upstream.sslmode = SslMode::require;
  options.upstream.connect_timeout = milliseconds(100);
  start();
  expect_fatal(refusal_of(startup_message()), "57P03", "no answer within 100 ms");
}

TEST_F(LoginTest, RequiredTlsThatTheDatabaseDeclines) {
  options.upstream.sslmode = SslMode::require;
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  TcpEnd database = database_port.accept();
  EXPECT_EQ(database.receive(8), testing::startup_packet(kSslRequest));
  database.send("N");
  expect_fatal(client.receive_all(), "57P03", "the server does not support TLS, but sslmode requires it");
}

TEST_F(LoginTest, PreferredTlsThatTheDatabaseDeclines) {
  options.upstream.sslmode = SslMode::prefer;
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  TcpEnd database = database_port.accept();
  EXPECT_EQ(database.receive(8), testing::startup_packet(kSslRequest));
  database.send("N");
  EXPECT_EQ(database.receive(startup_message().size()), startup_message());
}

TEST_F(LoginTest, UnencryptedDataBehindTheDatabasesAnswerIsRefused) {
  options.upstream.sslmode = SslMode::require;
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  TcpEnd database = database_port.accept();
  database.receive(8);
  database.send("S" + testing::error_response("FATAL", "XX000", "injected"));
  const std::string received = client.receive_all();
  expect_fatal(received, "57P03", "unencrypted data");
  EXPECT_EQ(received.find("injected"), std::string::npos);
}

class CancelTest : public LoginTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(CancelTest, GoesToTheDatabaseAndEndsWhenTheDatabaseHasDoneIt) {
  start();
  TcpEnd client = connect();
  const std::string request =
      testing::startup_packet(kCancelRequest, testing::int32(4711) + std::string(GetParam(), 'k'));
  client.send(request);
  TcpEnd database = database_port.accept();
  EXPECT_EQ(database.receive(request.size()), request);
  EXPECT_FALSE(client.readable());
  database.close();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(server->counters().cancel_requests, 1u);
}

INSTANTIATE_TEST_SUITE_P(KeySizes, CancelTest, ::testing::Values(4, 32, 256));

TEST_F(LoginTest, ACancelStormIsSurvived) {
  start();
  const std::string request = testing::startup_packet(kCancelRequest, testing::int32(1) + testing::int32(2));
  std::vector<TcpEnd> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(connect());
    clients.back().send(request);
  }
  for (int i = 0; i < 60; ++i) EXPECT_EQ(database_port.accept().receive(request.size()), request);
  for (TcpEnd& client : clients) EXPECT_EQ(client.receive_all(), "");
  database_port.close();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(refusal_of(request), "");
}

TEST_F(LoginTest, AnAddressInUseIsNamed) {
  start();
  ServerOptions taken = options;
  taken.listen = {{"127.0.0.1", server->port()}};
  Server second(taken);
  const Result<void> started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message,
            "cannot listen on 127.0.0.1:" + std::to_string(server->port()) + ": Address already in use");
}

}  // namespace
}  // namespace weir::proxy
