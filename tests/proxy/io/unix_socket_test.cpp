// Unix sockets on both sides, between a client and a database played by hand.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "proxy/io/upstream.h"
#include "tests/proxy/io/certificates.h"
#include "tests/proxy/io/stand.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kSslRequest = 80877103;
constexpr int kCancelRequest = 80877102;

/// Weir listens in a folder, and on a port of its own too.
class UnixSocketTest : public Stand {
 protected:
  UnixSocketTest() {
    options.listen = {{"127.0.0.1", 0}, {folder.path().string(), 0}};
    options.engine_factory = [this](const SessionInfo& info) {
      client_name = info.client;
      return std::make_unique<wire::Relay>();
    };
  }

  std::string socket() const { return server->listening().at(1).text(); }
  TcpEnd connect() const { return TcpEnd::connect(socket()); }
  /// Of a client whose login goes through.
  Ends login() {
    Ends ends{connect(), TcpEnd(-1)};
    ends.client.send(startup_message());
    ends.database = database_port.accept();
    EXPECT_EQ(ends.database.receive(startup_message().size()), startup_message());
    const std::string greeting = kAuthenticationOk + kReadyForQuery;
    ends.database.send(greeting);
    EXPECT_EQ(ends.client.receive(greeting.size()), greeting);
    return ends;
  }

  test_support::TempFolder folder{"unix"};
  std::string client_name;
};

TEST_F(UnixSocketTest, IsNamedByThePortOfTheFirstAddress) {
  start();
  EXPECT_EQ(server->listening().at(0).port, server->port());
  EXPECT_EQ(socket(), folder / (".s.PGSQL." + std::to_string(server->port())));
}

TEST_F(UnixSocketTest, IsNamedByItsOwnPortOrTheUsualOne) {
  options.listen = {{folder.path().string(), 7000}, {folder.path().string(), 0}};
  start();
  EXPECT_EQ(server->listening().at(0).text(), folder / ".s.PGSQL.7000");
  EXPECT_EQ(server->listening().at(1).text(), folder / ".s.PGSQL.6432");
}

TEST_F(UnixSocketTest, SessionsAreRelayedAndNamedLocal) {
  start();
  Ends ends = login();
  EXPECT_EQ(client_name, "[local]");
  ends.client.send(testing::frame('Q', std::string("SELECT 1\0", 9)));
  EXPECT_EQ(ends.database.receive(14), testing::frame('Q', std::string("SELECT 1\0", 9)));
}

/// PostgreSQL declines TLS there too, and a pg_hba.conf's hostssl says nothing of local connections.
TEST_F(UnixSocketTest, HasNoTlsEvenWhereClientsOfTcpMustHaveIt) {
  const Certificates certificates;
  options.client_tls = ClientTls{certificates.file("weir.crt"), certificates.file("weir.key"), true};
  start();
  TcpEnd client = connect();
  client.send(testing::startup_packet(kSslRequest));
  EXPECT_EQ(client.receive(1), "N");
  client.send(startup_message());
  EXPECT_EQ(database_port.accept().receive(startup_message().size()), startup_message());
  TcpEnd direct = connect();
  direct.send("\x16\x03\x01");
  EXPECT_EQ(direct.receive_all(), "");
}

TEST_F(UnixSocketTest, ClientsOfOneUserCountAsOne) {
  options.limits.connections_per_client = 1;
  start();
  Ends first = login();
  TcpEnd second = connect();
  second.send(startup_message());
  EXPECT_NE(second.receive_all().find("too many connections from this client"), std::string::npos);
  TcpEnd by_tcp = TcpEnd::connect(server->port());
  by_tcp.send(startup_message());
  EXPECT_EQ(database_port.accept().receive(startup_message().size()), startup_message());
}

TEST_F(UnixSocketTest, CancelRequestsGoThrough) {
  start();
  const std::string request = testing::startup_packet(kCancelRequest, testing::int32(1) + testing::int32(2));
  TcpEnd client = connect();
  client.send(request);
  TcpEnd database = database_port.accept();
  EXPECT_EQ(database.receive(request.size()), request);
  database.close();
  EXPECT_EQ(client.receive_all(), "");
}

TEST_F(UnixSocketTest, IsGoneAsSoonAsNobodyIsAccepted) {
  start();
  Ends ends = login();
  server->stop_accepting();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  ends.client.send(testing::frame('Q', std::string("x\0", 2)));
  EXPECT_EQ(ends.database.receive(7), testing::frame('Q', std::string("x\0", 2))) << "sessions go on";
}

TEST_F(UnixSocketTest, AStartThatFailsLeavesNothing) {
  start();
  ServerOptions second = options;
  second.listen = {{folder.path().string(), 7001}, {folder.path().string(), server->port()}};
  const auto started = Server(second).start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("listens there"), std::string::npos) << started.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder / ".s.PGSQL.7001"));
  Ends ends = login();
}

/// An upstream that is a Unix socket.
class UnixUpstreamTest : public UnixSocketTest {
 protected:
  UnixUpstreamTest() { options.upstream.hosts = {database_address()}; }
  HostPort database_address() const { return {database_folder.path().string(), 5432}; }
  /// What the client is told, to its end.
  std::string refusal() {
    TcpEnd client = connect();
    client.send(startup_message());
    return client.receive_all();
  }

  test_support::TempFolder database_folder{"unixdb"};
};

TEST_F(UnixUpstreamTest, HasNoTlsWhateverSslmodeSays) {
  TcpPort database(database_address().text());
  options.upstream.sslmode = SslMode::verify_full;  // and no certificate to verify by
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  EXPECT_EQ(database.accept().receive(startup_message().size()), startup_message());
}

TEST_F(UnixUpstreamTest, AbstractSocketsAreReached) {
  const HostPort abstract{"@weir-upstream-" + std::to_string(::getpid()), 5432};
  options.upstream.hosts = {abstract};
  TcpPort database(abstract.text());
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  EXPECT_EQ(database.accept().receive(startup_message().size()), startup_message());
}

/// A burst of clients: connect() of a Unix socket fails where TCP's would wait.
TEST_F(UnixUpstreamTest, AFullQueueIsWaitedFor) {
  TcpPort database(database_address().text(), 0);
  start();
  std::vector<TcpEnd> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(connect());
    clients.back().send(startup_message());
  }
  for (int i = 0; i < 20; ++i) {
    TcpEnd session = database.accept();
    EXPECT_EQ(session.receive(startup_message().size()), startup_message());
    session.send(kAuthenticationOk);
  }
  for (TcpEnd& client : clients) EXPECT_EQ(client.receive(kAuthenticationOk.size()), kAuthenticationOk);
}

TEST_F(UnixUpstreamTest, AQueueThatStaysFullIsGivenUpInTime) {
  TcpPort database(database_address().text(), 0);
  const TcpEnd in_the_queue = TcpEnd::connect(database_address().text());
  options.upstream.connect_timeout = milliseconds(100);
  start();
  EXPECT_NE(refusal().find("no answer within 100 ms"), std::string::npos);
}

TEST_F(UnixUpstreamTest, TheServersUserMayBeRequired) {
  TcpPort database(database_address().text());
  options.upstream.requirepeer = "nobody-of-that-name";
  start();
  const std::string told = refusal();
  EXPECT_NE(told.find("does not run as the user that requirepeer names"), std::string::npos) << told;
  EXPECT_EQ(told.find("nobody-of-that-name"), std::string::npos) << "names of users are for the log";
  server.reset();
  options.upstream.requirepeer = ::getpwuid(::getuid())->pw_name;
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  database.accept();  // the one that was refused
  EXPECT_EQ(database.accept().receive(startup_message().size()), startup_message());
}

TEST_F(UnixUpstreamTest, ThatIsWeirItselfIsRefusedByAnyPath) {
  const auto link = (folder / "link").string();
  const test_support::TempFolder listening{"own"};
  std::filesystem::create_directory_symlink(listening.path(), link);
  options.listen = {{listening.path().string(), 7000}};
  for (const std::string& path : {listening.path().string(), link}) {
    options.upstream.hosts = {{path, 7000}};
    const auto started = Server(options).start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("that Weir itself listens on"), std::string::npos);
    EXPECT_TRUE(std::filesystem::is_empty(listening.path()));
  }
}

/// Connects alone, with no session behind it.
int option_of(const Upstream& upstream, int level, int name) {
  boost::asio::io_context io;
  Poller poller(io, [] {});
  std::optional<Result<UpstreamConnection>> connected;
  auto connector =
      std::make_shared<UpstreamConnector>(io, poller, upstream, nullptr, std::vector<std::size_t>{0}, [&](auto result) {
        connected.emplace(std::move(result));
        io.stop();
      });
  connector->start();
  io.run_for(seconds(10));
  if (!connected || !*connected) return -1;
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt((**connected).transport->socket(), level, name, &value, &size);
  return value;
}

TEST(UpstreamSocket, IsThatOfTheAddressBesideTheHost) {
  const TcpPort database;
  Upstream upstream;
  upstream.hosts = {{"no-such-host.invalid", static_cast<std::uint16_t>(database.port()), "127.0.0.1"}};
  EXPECT_EQ(option_of(upstream, SOL_SOCKET, SO_KEEPALIVE), 1) << "it is connected";
  upstream.hosts[0].hostaddr = "";
  EXPECT_EQ(option_of(upstream, SOL_SOCKET, SO_KEEPALIVE), -1);
}

TEST(UpstreamSocket, HasTheOptionsOfTheUri) {
  const TcpPort database;
  Upstream upstream;
  upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(database.port())}};
  EXPECT_EQ(option_of(upstream, SOL_SOCKET, SO_KEEPALIVE), 1);
  const int usual_idle = option_of(upstream, IPPROTO_TCP, TCP_KEEPIDLE);
  upstream.tcp = {true, 33, 4, 5, 6'000};
  EXPECT_NE(usual_idle, 33);
  EXPECT_EQ(option_of(upstream, IPPROTO_TCP, TCP_KEEPIDLE), 33);
  EXPECT_EQ(option_of(upstream, IPPROTO_TCP, TCP_KEEPINTVL), 4);
  EXPECT_EQ(option_of(upstream, IPPROTO_TCP, TCP_KEEPCNT), 5);
  EXPECT_EQ(option_of(upstream, IPPROTO_TCP, TCP_USER_TIMEOUT), 6'000);
  upstream.tcp = {false, 0, 0, 0, 0};
  EXPECT_EQ(option_of(upstream, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option_of(upstream, IPPROTO_TCP, TCP_KEEPIDLE), usual_idle);
}

}  // namespace
}  // namespace weir::proxy
