// Both directions are relayed at the same time: the server's early error reaches a client that is still sending, and a
// client that sends without reading takes no memory of Weir's and hangs nobody.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

using test_support::PgCluster;
using test_support::PgConnection;
using test_support::WeirOptions;
using test_support::WeirProcess;

std::string int16(int value) {
  return {char(value >> 8), char(value)};
}

std::string int32(std::size_t value) {
  return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}

std::string text(const std::string& value) {
  return value + '\0';
}

std::string frame(char type, const std::string& body) {
  return type + int32(body.size() + 4) + body;
}

std::string query(const std::string& sql) {
  return frame('Q', text(sql));
}

/// A client that knows how much it has sent when something comes.
class Sender {
 public:
  explicit Sender(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    // What waits in the client's own kernel says nothing of the peer.
    const int small = 64 * 1024;
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ADD_FAILURE() << "connect";
    const std::string startup = int32(196608) + text("user") + text("postgres") + text("database") + text("postgres");
    send_all(int32(startup.size() + 5) + startup + '\0');
    read_until(ready('I'));
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { ::close(socket_); }

  static std::string ready(char status) { return std::string("Z\0\0\0\5", 5) + status; }

  /// Everything; the peer is expected to take it.
  void send_all(std::string_view bytes) {
    const std::size_t sent = send_until_answered(bytes, false);
    ASSERT_EQ(sent, bytes.size());
  }
  /// How much was taken before anything came, or before nothing was taken for a second.
  std::size_t send_until_answered(std::string_view bytes, bool listen = true) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      pollfd poll{socket_, short(POLLOUT | (listen ? POLLIN : 0)), 0};
      if (::poll(&poll, 1, listen ? 20'000 : 1'000) <= 0 || (poll.revents & POLLIN) != 0) break;
      const auto count = ::send(socket_, bytes.data() + sent, std::min<std::size_t>(bytes.size() - sent, 8192),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) sent += std::size_t(count);
    }
    return sent;
  }
  /// Sends and reads until `end` has come. Of what came the last part.
  std::string exchange(std::string_view bytes, const std::string& end) {
    constexpr std::size_t kKept = 64 * 1024;
    std::string received;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    while (received.find(end) == std::string::npos && std::chrono::steady_clock::now() < deadline) {
      pollfd poll{socket_, short(POLLIN | (bytes.empty() ? 0 : POLLOUT)), 0};
      if (::poll(&poll, 1, 1000) <= 0) continue;
      if ((poll.revents & POLLOUT) != 0) {
        const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) bytes.remove_prefix(std::size_t(count));
      }
      if ((poll.revents & (POLLIN | POLLHUP)) == 0) continue;
      if (received.size() > kKept) received.erase(0, received.size() - end.size());
      const std::size_t before = received.size();
      received.resize(before + kKept);
      const auto count = ::recv(socket_, received.data() + before, kKept, MSG_DONTWAIT);
      received.resize(before + std::size_t(std::max<ssize_t>(count, 0)));
      if (count == 0) break;
    }
    EXPECT_NE(received.find(end), std::string::npos);
    return received;
  }
  std::string read_until(const std::string& end) { return exchange({}, end); }

 private:
  int socket_;
};

/// Executions of the statement s, of which the first fails.
std::string executions(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const std::string number = i == 0 ? "x" : "1";
    const std::string filler(32 * 1024, 'y');
    out += frame(
        'B', text("") + text("s") + int16(0) + int16(2) + int32(1) + number + int32(filler.size()) + filler + int16(0));
    out += frame('E', text("") + int32(0));
  }
  return out;
}

/// Of 4 MB, what a client has sent when it hears that the first part of it failed.
std::size_t sent_before_the_error(int port, const std::string& sql, bool block) {
  Sender client(port);
  if (block) {
    client.send_all(query("BEGIN"));
    client.read_until(Sender::ready('T'));
  }
  client.send_all(frame('P', text("s") + text(sql) + int16(0)) + frame('S', ""));
  client.read_until(Sender::ready(block ? 'T' : 'I'));
  const std::string all = executions(128);
  const std::size_t sent = client.send_until_answered(all);
  const std::size_t whole = all.size() / 128;
  client.send_all(std::string_view(all).substr(sent, (whole - sent % whole) % whole));
  client.send_all(frame('S', ""));
  const std::string answer = client.read_until(Sender::ready(block ? 'E' : 'I'));
  EXPECT_NE(answer.find("22P02"), std::string::npos) << sql;
  return sent;
}

std::size_t peak_kilobytes(const WeirProcess& weir) {
  std::ifstream status("/proc/" + std::to_string(weir.pid()) + "/status");
  std::string word;
  std::size_t value = 0;
  while (status >> word)
    if (word == "VmHWM:") status >> value;
  return value;
}

class Backpressure : public ::testing::TestWithParam<int> {
 protected:
  Backpressure() : server(GetParam()), weir({.upstream = server.uri(), .emit = {"file:events"}}) {
    PgConnection(server.socket_conninfo()).run("CREATE TABLE numbers (id int, filler text)");
  }
  PgCluster server;
  WeirProcess weir;
};

TEST_P(Backpressure, AnEarlyErrorReachesAClientThatIsStillSending) {
  const std::size_t all = executions(128).size();
  for (const bool block : {false, true}) {
    for (const char* sql : {"INSERT INTO numbers VALUES ($1, $2)", "UPDATE numbers SET filler = $2 WHERE id = $1",
                            "INSERT INTO numbers VALUES ($1, $2) RETURNING id", "SELECT $1::int, $2::text"}) {
      const std::size_t direct = sent_before_the_error(server.port(), sql, block);
      const std::size_t proxied = sent_before_the_error(weir.port(), sql, block);
      EXPECT_LT(direct, all) << sql;
      EXPECT_LT(proxied, all / 2) << sql << ", directly " << direct;
    }
  }
}

TEST_P(Backpressure, AClientThatSendsWithoutReadingTakesNoMemory) {
  const std::string row = "SELECT repeat('x', 10000)";
  const std::string large = query("INSERT INTO numbers VALUES (1, '" + std::string(10'000, 'y') + "') RETURNING *");
  for (const std::string& one : {query(row), large}) {
    Sender client(weir.port());
    std::string some;
    while (some.size() < (32u << 20)) some += one;
    const std::size_t before = peak_kilobytes(weir);
    const std::size_t sent = client.send_until_answered(some, false);
    EXPECT_LT(sent, some.size()) << "somebody keeps it";
    EXPECT_LT(peak_kilobytes(weir), before + 16 * 1024);
    // Nobody hangs: once it reads, all is answered. A frame that was begun is finished first.
    const std::size_t begun = sent % one.size();
    client.exchange((begun == 0 ? "" : one.substr(begun)) + query("SELECT 'the last one'"), "the last one");
    EXPECT_LT(peak_kilobytes(weir), before + 16 * 1024);
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, Backpressure, testing::Values(15, 18));

}  // namespace
}  // namespace weir
