// A Server with TLS on either leg in front of a real PostgreSQL 15 that has TLS and asks for SCRAM: what the tests of
// logins and certificates have in common. The database is made once for a test program's suite.
#pragma once

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <string>

#include "proxy/io/server.h"
#include "tests/proxy/io/certificates.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "wire/relay.h"

namespace weir::proxy {

using test_support::PgCluster;
using test_support::PgConnection;
using test_support::PgSettings;

/// carl logs in by a certificate alone, dora by a password beside one.
inline PgSettings with_tls(const Certificates& certificates) {
  PgSettings settings;
  settings.hba = {"hostssl all carl 127.0.0.1/32 cert",
                  "hostssl all dora 127.0.0.1/32 scram-sha-256 clientcert=verify-ca"};
  settings.authentication = "scram-sha-256";
  settings.lines = {"ssl = on", "ssl_cert_file = '" + certificates.file("database.crt") + "'",
                    "ssl_key_file = '" + certificates.file("database.key") + "'",
                    "ssl_ca_file = '" + certificates.authority() + "'"};
  return settings;
}

struct World {
  Certificates certificates;
  PgCluster cluster{15, with_tls(certificates)};

  World() {
    PgConnection database(cluster.socket_conninfo());
    for (const std::string name : {"ann", "carl", "dora"})
      database.run("CREATE ROLE " + name + " LOGIN PASSWORD 'secret'");
  }
};

class TlsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { world = std::make_unique<World>(); }
  static void TearDownTestSuite() { world.reset(); }

  TlsTest() {
    options.listen = {{"127.0.0.1", 0}};
    options.upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(world->cluster.port())}};
    options.upstream.sslmode = SslMode::disable;
    options.workers = 1;
    options.engine_factory = [](const SessionInfo&) { return std::make_unique<wire::Relay>(); };
  }

  void use_upstream_tls(SslMode mode, const std::string& sslrootcert = {}) {
    options.upstream.sslmode = mode;
    options.upstream.sslrootcert = sslrootcert;
  }
  void use_client_tls(const std::string& name) {
    options.client_tls = ClientTls{world->certificates.file(name + ".crt"), world->certificates.file(name + ".key")};
  }
  void start() {
    server = std::make_unique<Server>(options);
    const Result<void> started = server->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  std::string conninfo(const std::string& more) const {
    return "host=127.0.0.1 dbname=postgres user=ann password=secret port=" + std::to_string(server->port()) + " " +
           more;
  }
  /// libpq's words, or empty where the login works.
  std::string refusal(const std::string& more) const {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(conninfo(more).c_str()), &PQfinish);
    return PQstatus(connection.get()) == CONNECTION_OK ? "" : PQerrorMessage(connection.get());
  }
  /// Whether the database sees TLS.
  static std::string database_ssl(const PgConnection& connection) {
    return connection.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
  }

  inline static std::unique_ptr<World> world;
  ServerOptions options;
  std::unique_ptr<Server> server;
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

}  // namespace weir::proxy
