// HAProxy in front of Weir, which sends a PROXY header for each client: events, the log and the database know the
// client's own address, from whom it is listed, and from nobody else.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

using test_support::PgCluster;
using test_support::PgConnection;
using test_support::WeirProcess;
using namespace std::chrono_literals;

/// Not 127.0.0.1, so that the balancer and its clients have different addresses.
constexpr const char* kBalancer = "127.0.0.3";

class HaProxy {
 public:
  HaProxy(int weir_port, const std::string& options) : folder_("weir-haproxy"), port_(test_support::free_port()) {
    std::ofstream(folder_ / "haproxy.cfg")
        << "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
        << "listen postgresql\n bind 127.0.0.1:" << port_ << "\n server weir 127.0.0.1:" << weir_port << " source "
        << kBalancer << " " << options << "\n";
    test_support::Launch launch;
    launch.arguments = {"/usr/sbin/haproxy", "-db", "-f", (folder_ / "haproxy.cfg").string()};
    launch.stdout_path = folder_ / "log";
    process_ = std::make_unique<test_support::ChildProcess>(launch);
    const std::string conninfo = "host=127.0.0.1 user=postgres connect_timeout=5 port=" + std::to_string(port_);
    if (!test_support::eventually(20s, [&] { return PQping(conninfo.c_str()) == PQPING_OK; }))
      throw std::runtime_error("no way through haproxy: " + test_support::read_file(folder_ / "log"));
  }
  std::string conninfo() const {
    return "host=127.0.0.1 user=postgres dbname=postgres application_name=till port=" + std::to_string(port_);
  }

 private:
  test_support::TempFolder folder_;
  int port_;
  std::unique_ptr<test_support::ChildProcess> process_;
};

/// As the peer sees it: "127.0.0.1:51234".
std::string own_address(const PgConnection& connection) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(PQsocket(connection.raw()), reinterpret_cast<sockaddr*>(&address), &size);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

class HaProxyTest : public testing::Test {
 protected:
  static PgCluster& database() {
    static PgCluster cluster(15);
    return cluster;
  }
  static std::unique_ptr<WeirProcess> weir(std::vector<std::string> arguments) {
    auto process = std::make_unique<WeirProcess>(
        test_support::WeirOptions{.upstream = database().uri(), .emit = {"stdout"}, .arguments = std::move(arguments)});
    process->start();
    return process;
  }
};

/// Sends these bytes to Weir and returns all that it says until it closes.
std::string talk(int port, const std::string& from, const std::string& bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, from.c_str(), &address.sin_addr);
  EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const timeval patience{5, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  // One byte at a time: a header may come in any pieces.
  for (const char byte : bytes) ::send(socket, &byte, 1, MSG_NOSIGNAL);
  ::shutdown(socket, SHUT_WR);
  std::string said;
  char buffer[512];
  for (ssize_t got; (got = ::recv(socket, buffer, sizeof buffer, 0)) > 0;)
    said.append(buffer, static_cast<std::size_t>(got));
  ::close(socket);
  return said;
}

const std::string kHeader("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x0a\0\0\x01\xc8\x22\x19\x20", 28);
const std::string kSslRequest("\0\0\0\x08\x04\xd2\x16\x2f", 8);

TEST_F(HaProxyTest, EventsTheLogAndTheDatabaseKnowTheClientsAddress) {
  const auto weir = HaProxyTest::weir({"--proxy_protocol.trusted", kBalancer, "--application_name_add_host", "true"});
  const HaProxy balancer(weir->port(), "send-proxy-v2");
  const PgConnection client(balancer.conninfo());
  const std::string address = own_address(client);
  EXPECT_EQ(client.value("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"),
            "till - " + address);
  client.run("CREATE TABLE seen (id int PRIMARY KEY); INSERT INTO seen VALUES (1)");
  EXPECT_TRUE(test_support::eventually(10s, [&] {
    return weir->output().find("\"client\":\"" + address + "\"") != std::string::npos;
  })) << weir->output();
  EXPECT_EQ(weir->errors().find(kBalancer), std::string::npos) << weir->errors();
  client.run("DROP TABLE seen");
}

TEST_F(HaProxyTest, ClientsAreCountedByTheirOwnAddress) {
  const auto weir =
      HaProxyTest::weir({"--proxy_protocol.trusted", "127.0.0.0/29", "--limits.connections_per_client", "1"});
  const std::string of_another = talk(weir->port(), kBalancer, kHeader + kSslRequest);
  EXPECT_EQ(of_another, "N") << "what stands behind the header is the client's";
  const HaProxy balancer(weir->port(), "send-proxy-v2 check-send-proxy check inter 200ms");
  std::unique_ptr<PgConnection> client;
  const auto comes_in = [&] {
    try {
      client = std::make_unique<PgConnection>(balancer.conninfo());
      return true;
    } catch (const std::exception&) {
      return false;  // the session that showed the way through may not be over yet
    }
  };
  ASSERT_TRUE(test_support::eventually(10s, comes_in));
  EXPECT_THROW(PgConnection{balancer.conninfo()}, std::exception) << "the second of this address";
  EXPECT_NE(weir->errors().find("(127.0.0.1:"), std::string::npos) << weir->errors();
  EXPECT_EQ(weir->errors().find(kBalancer), std::string::npos) << weir->errors();
}

TEST_F(HaProxyTest, WhoIsListedMustSayWhomItConnects) {
  const auto weir = HaProxyTest::weir({"--proxy_protocol.trusted", kBalancer});
  EXPECT_EQ(talk(weir->port(), kBalancer, kSslRequest), "");
  EXPECT_TRUE(test_support::eventually(5s, [&] {
    return weir->errors().find("must send a PROXY header: there is none") != std::string::npos;
  })) << weir->errors();
  EXPECT_EQ(talk(weir->port(), kBalancer, "PROXY TCP4 203.0.113.9 10.0.0.1 51234 6432\r\n"), "");
  EXPECT_TRUE(test_support::eventually(5s, [&] {
    return weir->errors().find("it is of version 1") != std::string::npos;
  })) << weir->errors();
}

TEST_F(HaProxyTest, NobodyElseIsBelieved) {
  const auto weir = HaProxyTest::weir({"--proxy_protocol.trusted", kBalancer});
  EXPECT_EQ(talk(weir->port(), "127.0.0.4", kHeader + kSslRequest), "") << "a header is no login";
  EXPECT_EQ(talk(weir->port(), "127.0.0.4", kSslRequest), "N") << "and none is asked for";
  EXPECT_EQ(weir->errors().find("203.0.113.9"), std::string::npos) << weir->errors();
}

}  // namespace
}  // namespace weir
