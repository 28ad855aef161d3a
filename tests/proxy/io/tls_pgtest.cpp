// TLS on either leg in front of a real PostgreSQL with SCRAM: sslmodes, certificates, channel binding, direct TLS.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <vector>

#include "proxy/io/server.h"
#include "tests/proxy/io/stand.h"
#include "tests/proxy/io/tls_stand.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

TEST_F(TlsTest, NoneAnywhere) {
  start();
  EXPECT_EQ(database_ssl(PgConnection(conninfo("sslmode=disable"))), "f");
  EXPECT_HAS(refusal("sslmode=require"), "server does not support SSL");
}

class UpstreamTls : public TlsTest, public ::testing::WithParamInterface<SslMode> {};

TEST_P(UpstreamTls, IsSpokenToTheDatabase) {
  use_upstream_tls(GetParam(), GetParam() >= SslMode::verify_ca ? world->certificates.authority() : "");
  start();
  const PgConnection connection(conninfo("sslmode=disable"));
  EXPECT_EQ(database_ssl(connection), "t");
  EXPECT_EQ(connection.value("SELECT length(repeat('x', 5000000))"), "5000000");
  EXPECT_EQ(connection.value("SELECT repeat('x', 5000000)"), std::string(5'000'000, 'x'));
}

INSTANTIATE_TEST_SUITE_P(Modes, UpstreamTls,
                         ::testing::Values(SslMode::prefer, SslMode::require, SslMode::verify_ca,
                                           SslMode::verify_full));

TEST_F(TlsTest, ADatabaseThatNobodyVouchesForIsRefused) {
  use_upstream_tls(SslMode::verify_ca, world->certificates.stranger());
  start();
  const std::string words = refusal("sslmode=disable");
  EXPECT_HAS(words, "cannot connect to the database: ");
  EXPECT_EQ(words.find(std::to_string(world->cluster.port())), std::string::npos) << words;
  EXPECT_HAS(words, "certificate verify failed");
}

TEST_F(TlsTest, ARevokedCertificateIsRefused) {
  use_upstream_tls(SslMode::verify_ca, world->certificates.authority());
  options.upstream.sslcrl = world->certificates.revocations("");
  start();
  EXPECT_EQ(refusal("sslmode=disable"), "");
  options.upstream.sslcrl = world->certificates.revocations("database");
  start();
  EXPECT_HAS(refusal("sslmode=disable"), "certificate verify failed: certificate revoked");
  options.upstream.sslcrl = "/no/such.crl";
  EXPECT_HAS(Server(options).start().error().message,
             "revoked certificates (sslcrl or sslcrldir in upstream) \"/no/such.crl\"");
}

TEST_F(TlsTest, ADirectoryOfRevokedCertificatesIsReadToo) {
  const test_support::TempFolder folder("crls");
  ASSERT_EQ(test_support::run({.arguments = {"cp", world->certificates.revocations("database"), folder / "list.crl"}}),
            0);
  ASSERT_EQ(test_support::run({.arguments = {"openssl", "rehash", folder.path()}}), 0);
  use_upstream_tls(SslMode::verify_ca, world->certificates.authority());
  options.upstream.sslcrldir = folder.path();
  start();
  EXPECT_HAS(refusal("sslmode=disable"), "certificate verify failed: certificate revoked");
}

TEST_F(TlsTest, TheVersionOfTlsTowardsTheDatabaseMayBeChosen) {
  for (const auto& [lowest, highest, spoken] :
       std::vector<std::array<std::string, 3>>{{"", "", "TLSv1.3"},
                                               {"", "TLSv1.2", "TLSv1.2"},
                                               {"TLSv1.3", "", "TLSv1.3"},
                                               {"TLSv1.2", "TLSv1.2", "TLSv1.2"}}) {
    use_upstream_tls(SslMode::require);
    options.upstream.ssl_min_protocol_version = lowest;
    options.upstream.ssl_max_protocol_version = highest;
    start();
    const PgConnection connection(conninfo("sslmode=disable"));
    EXPECT_EQ(connection.value("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), spoken);
  }
}

/// What clients see when the server takes no TLS 1.3.
TEST_F(TlsTest, AVersionThatTheDatabaseDoesNotTakeIsRefused) {
  PgConnection(world->cluster.socket_conninfo()).run("ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'");
  const auto reload = [] { return PgConnection(world->cluster.socket_conninfo()).value("SELECT pg_reload_conf()"); };
  ASSERT_EQ(reload(), "t");
  use_upstream_tls(SslMode::require);
  options.upstream.ssl_min_protocol_version = "TLSv1.3";
  start();
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(10),
                                       [&] { return refusal("sslmode=disable").find("TLS: ") != std::string::npos; }));
  PgConnection(world->cluster.socket_conninfo()).run("ALTER SYSTEM RESET ssl_max_protocol_version");
  ASSERT_EQ(reload(), "t");
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(10), [&] { return refusal("sslmode=disable").empty(); }));
}

/// The name that a handshake sends, as a database that is no PostgreSQL sees it.
TEST_F(TlsTest, TheHostsNameIsSentUnlessSslsniIsOff) {
  TcpPort database;
  options.upstream.hosts = {{"localhost", static_cast<std::uint16_t>(database.port())}};
  for (const bool sent : {true, false}) {
    use_upstream_tls(SslMode::require);
    options.upstream.sslsni = sent;
    start();
    TcpEnd client = TcpEnd::connect(server->port());
    client.send(testing::startup_packet(196608, testing::parameters({"user", "ann"})));
    TcpEnd end = database.accept();
    end.receive(8);
    end.send("S");
    const std::string header = end.receive(5);
    const std::string hello =
        end.receive(static_cast<unsigned char>(header[3]) * 256U + static_cast<unsigned char>(header[4]));
    EXPECT_EQ(hello.find("localhost") != std::string::npos, sent);
  }
}

TEST_F(TlsTest, AHandshakeThatHangsEndsInTheLoginsTimeAndGivesWay) {
  use_client_tls("weir");
  options.login_timeout = std::chrono::milliseconds(2'500);
  options.limits.logins = 1;
  start();
  const auto hanging = [&] {
    TcpEnd client = TcpEnd::connect(server->port());
    client.send(testing::startup_packet(80877103));
    EXPECT_EQ(client.receive(1), "S");
    return client;
  };
  TcpEnd first = hanging();
  EXPECT_EQ(PgConnection(conninfo("sslmode=require")).value("SELECT 1"), "1") << "it had its second";
  EXPECT_EQ(first.receive_all(), "");
  EXPECT_EQ(hanging().receive_all(), "") << "nobody waits, but its time is over";
}

TEST_F(TlsTest, RequireWithARootCertificateVerifiesAsLibpqDoes) {
  use_upstream_tls(SslMode::require, world->certificates.stranger());
  start();
  EXPECT_HAS(refusal("sslmode=disable"), "certificate verify failed");
}

TEST_F(TlsTest, VerifyFullWantsTheHostInTheCertificate) {
  use_upstream_tls(SslMode::verify_full, world->certificates.authority());
  options.upstream.hosts[0].host = "localhost";
  start();
  EXPECT_HAS(refusal("sslmode=disable"), "certificate verify failed: hostname mismatch");
}

TEST_F(TlsTest, ClientsSpeakTlsToWeirAlone) {
  use_client_tls("weir");
  start();
  const PgConnection connection(conninfo("sslmode=verify-full sslrootcert=" + world->certificates.authority()));
  EXPECT_EQ(PQsslInUse(connection.raw()), 1);
  EXPECT_EQ(database_ssl(connection), "f");
  EXPECT_EQ(connection.value("SELECT repeat('x', 5000000)"), std::string(5'000'000, 'x'));
  EXPECT_EQ(connection.value("SELECT length('" + std::string(5'000'000, 'y') + "')"), "5000000");
  EXPECT_EQ(refusal("sslmode=disable"), "");
}

TEST_F(TlsTest, RequiredTlsRefusesPlainClients) {
  use_client_tls("weir");
  options.client_tls->required = true;
  start();
  EXPECT_EQ(refusal("sslmode=require"), "");
  EXPECT_HAS(refusal("sslmode=disable"), "connections without TLS are refused here");
}

TEST_F(TlsTest, BothLegsWithDifferentCertificates) {
  use_client_tls("weir");
  use_upstream_tls(SslMode::require);
  start();
  EXPECT_EQ(database_ssl(PgConnection(conninfo("sslmode=require channel_binding=disable"))), "t");
  EXPECT_HAS(refusal("sslmode=require"), "channel_binding");
  EXPECT_HAS(refusal("sslmode=require channel_binding=require"), "channel binding");
}

TEST_F(TlsTest, BothLegsWithTheDatabasesOwnCertificateBindTheChannel) {
  use_client_tls("database");
  use_upstream_tls(SslMode::verify_full, world->certificates.authority());
  start();
  EXPECT_EQ(database_ssl(PgConnection(conninfo("sslmode=require channel_binding=require"))), "t");
}

TEST_F(TlsTest, BadCertificatesAreNamedAtTheStart) {
  options.client_tls = ClientTls{"/no/such.crt", world->certificates.file("weir.key")};
  EXPECT_HAS(Server(options).start().error().message, "\"/no/such.crt\": No such file or directory");
  options.client_tls = ClientTls{world->certificates.file("weir.crt"), world->certificates.file("database.key")};
  EXPECT_HAS(Server(options).start().error().message, "does not belong to the certificate");
  options.client_tls.reset();
  use_upstream_tls(SslMode::verify_full, "/no/root.crt");
  EXPECT_HAS(Server(options).start().error().message, "\"/no/root.crt\"");
  use_upstream_tls(SslMode::verify_full);
  EXPECT_HAS(Server(options).start().error().message, "needs sslrootcert");
}

constexpr std::string_view kAlpn = "\x0apostgresql";

/// TLS from the first byte, as clients of PostgreSQL 17 offer it (sslnegotiation=direct).
class DirectTls {
 public:
  DirectTls(int port, std::string_view alpn, int newest = TLS1_3_VERSION) : end_(TcpEnd::connect(port)) {
    SSL_set_security_level(connection_.get(), 0);
    SSL_set_max_proto_version(connection_.get(), newest);
    SSL_set_fd(connection_.get(), end_.socket());
    if (!alpn.empty()) {
      SSL_set_alpn_protos(connection_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned>(alpn.size()));
    }
    connected_ = SSL_connect(connection_.get()) == 1;
  }
  bool connected() const { return connected_; }
  /// The type of the answer to a StartupMessage.
  char log_in() {
    const std::string startup = startup_message();
    SSL_write(connection_.get(), startup.data(), static_cast<int>(startup.size()));
    char type = 0;
    SSL_read(connection_.get(), &type, 1);
    return type;
  }

 private:
  TcpEnd end_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> connection_{SSL_new(context_.get()), &SSL_free};
  bool connected_ = false;
};

TEST_F(TlsTest, DirectTlsNeedsAlpn) {
  use_client_tls("weir");
  start();
  DirectTls direct(server->port(), kAlpn);
  ASSERT_TRUE(direct.connected());
  EXPECT_EQ(direct.log_in(), 'R');
  EXPECT_FALSE(DirectTls(server->port(), "").connected());
  EXPECT_FALSE(DirectTls(server->port(),
                         "\x08"
                         "http/1.1")
                   .connected());
}

TEST_F(TlsTest, VersionsOfTlsBefore12AreRefused) {
  use_client_tls("weir");
  start();
  EXPECT_TRUE(DirectTls(server->port(), kAlpn, TLS1_2_VERSION).connected());
  EXPECT_FALSE(DirectTls(server->port(), kAlpn, TLS1_1_VERSION).connected());
}

TEST_F(TlsTest, DirectTlsIsRefusedWithoutACertificate) {
  start();
  EXPECT_FALSE(DirectTls(server->port(), kAlpn).connected());
}

TEST_F(TlsTest, CancelOverTls) {
  use_client_tls("weir");
  use_upstream_tls(SslMode::require);
  start();
  const PgConnection connection(conninfo("sslmode=require channel_binding=disable"));
  ASSERT_EQ(PQsendQuery(connection.raw(), "SELECT pg_sleep(60)"), 1);
  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection.raw()), &PQfreeCancel);
  char words[256] = "";
  const PgConnection watcher(world->cluster.socket_conninfo());
  ASSERT_TRUE(test_support::eventually(std::chrono::seconds(10), [&] {
    return watcher.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  EXPECT_EQ(PQcancel(cancel.get(), words, sizeof words), 1) << words;
  PGresult* result = PQgetResult(connection.raw());
  EXPECT_STREQ(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57014");
  PQclear(result);
}

}  // namespace
}  // namespace weir::proxy
