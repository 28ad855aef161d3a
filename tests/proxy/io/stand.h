// A Server between a client and a database that a test plays by hand: what the unit tests of the I/O have in common.
//
// `login` goes through the start of a session (no password), so that a test begins where the engine does. Engines are
// chosen by the test; Recorded wraps one to count what the I/O owes it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "proxy/io/server.h"
#include "tests/proxy/io/tcp_end.h"
#include "tests/wire/bytes.h"
#include "wire/relay.h"

namespace weir::proxy {

constexpr int kProtocol3 = 196608;

inline std::string startup_message() {
  return testing::startup_packet(kProtocol3, testing::parameters({"user", "ann", "database", "shop"}));
}

inline const std::string kAuthenticationOk = testing::frame('R', testing::int32(0));
inline const std::string kReadyForQuery = testing::frame('Z', "I");

struct Ends {
  TcpEnd client;
  TcpEnd database;
};

class Stand : public ::testing::Test {
 protected:
  Stand() {
    options.listen = {{"127.0.0.1", 0}};
    options.upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(database_port.port())}};
    options.upstream.sslmode = SslMode::disable;
    options.workers = 2;
    options.engine_factory = [](const SessionInfo&) { return std::make_unique<wire::Relay>(); };
  }

  void start() {
    server = std::make_unique<Server>(options);
    const Result<void> started = server->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  TcpEnd connect() const { return TcpEnd::connect(server->port()); }

  Ends login() {
    Ends ends{connect(), TcpEnd(-1)};
    ends.client.send(startup_message());
    ends.database = database_port.accept();
    EXPECT_EQ(ends.database.receive(startup_message().size()), startup_message());
    ends.database.send(kAuthenticationOk + kReadyForQuery);
    const std::string greeting = kAuthenticationOk + kReadyForQuery;
    EXPECT_EQ(ends.client.receive(greeting.size()), greeting);
    return ends;
  }

  TcpPort database_port;
  ServerOptions options;
  std::unique_ptr<Server> server;
};

}  // namespace weir::proxy
