// Certificates of both legs in front of a real PostgreSQL: clients' and Weir's own, versions and ciphers, what is
// loaded again while sessions run, direct TLS, several hosts.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/proxy/io/tls_stand.h"

namespace weir::proxy {
namespace {

class CertificatesTest : public TlsTest {
 protected:
  static void SetUpTestSuite() {
    TlsTest::SetUpTestSuite();
    world->certificates.make_client("ann", "/O=Weir/OU=Tests/CN=ann");
    world->certificates.make_client("bob", "/CN=bob");
    world->certificates.make_client("carl", "/CN=carl");
    world->certificates.make_client("long", "/CN=" + std::string(64, 'a'));
  }

  void ask_for_certificates(ClientCertificate kind) {
    use_client_tls("weir");
    options.client_tls->client_ca = world->certificates.authority();
    options.client_tls->client_certificate = kind;
  }
  static std::string shows(const std::string& name) {
    return "sslmode=require sslcert=" + world->certificates.file(name + ".crt") +
           " sslkey=" + world->certificates.file(name + ".key");
  }
  void show_the_database(const std::string& name) {
    use_upstream_tls(SslMode::require);
    options.upstream.sslcert = world->certificates.file(name + ".crt");
    options.upstream.sslkey = world->certificates.file(name + ".key");
  }
  std::string refusal_of(const std::string& user, const std::string& more = "sslmode=disable") const {
    return refusal(more + " user=" + user);
  }
};

const std::string kNone = "sslmode=require sslcert=/none sslkey=/none";

TEST_F(CertificatesTest, OfClientsMayBeOptional) {
  ask_for_certificates(ClientCertificate::optional);
  start();
  EXPECT_EQ(refusal(kNone), "");
  EXPECT_EQ(refusal("sslmode=disable"), "");
  EXPECT_EQ(refusal(shows("bob")), "");
  EXPECT_HAS(refusal(shows("stranger")), "unknown ca");
}

TEST_F(CertificatesTest, OfClientsMayBeNeeded) {
  ask_for_certificates(ClientCertificate::verify_ca);
  start();
  EXPECT_HAS(refusal(kNone), "connection requires a valid client certificate");
  EXPECT_HAS(refusal("sslmode=disable"), "connection requires a valid client certificate");
  EXPECT_EQ(refusal(shows("bob")), "");
  EXPECT_HAS(refusal(shows("stranger")), "unknown ca");
}

TEST_F(CertificatesTest, OfClientsMayNeedTheUsersName) {
  ask_for_certificates(ClientCertificate::verify_full);
  start();
  EXPECT_HAS(refusal(kNone), "connection requires a valid client certificate");
  EXPECT_HAS(refusal(shows("bob")), "certificate authentication failed for user \"ann\"");
  EXPECT_EQ(refusal(shows("ann")), "");
  options.client_tls->client_name = CertificateName::distinguished_name;
  start();
  EXPECT_HAS(refusal(shows("ann")), "certificate authentication failed for user \"ann\"");
  PgConnection(world->cluster.socket_conninfo()).run("CREATE ROLE \"CN=ann,OU=Tests,O=Weir\" LOGIN PASSWORD 'secret'");
  EXPECT_EQ(refusal(shows("ann") + " user='CN=ann,OU=Tests,O=Weir'"), "") << "as pg_hba.conf's clientname=DN";
}

/// PostgreSQL reads 63 bytes of a user's name, and would let it in as somebody else.
TEST_F(CertificatesTest, ANameThatPostgresCutsIsNobodys) {
  ask_for_certificates(ClientCertificate::verify_full);
  start();
  PgConnection(world->cluster.socket_conninfo())
      .run("CREATE ROLE " + std::string(63, 'a') + " LOGIN PASSWORD 'secret'");
  EXPECT_HAS(refusal(shows("long") + " user=" + std::string(64, 'a')), "certificate authentication failed for user");
}

TEST_F(CertificatesTest, OfClientsMayBeRevoked) {
  ask_for_certificates(ClientCertificate::verify_ca);
  options.client_tls->client_crl = world->certificates.revocations("bob");
  start();
  EXPECT_EQ(refusal(shows("ann")), "");
  EXPECT_HAS(refusal(shows("bob")), "certificate revoked");
}

TEST_F(CertificatesTest, WhatIsNoAuthorityIsRefusedAtTheStart) {
  ask_for_certificates(ClientCertificate::verify_ca);
  options.client_tls->client_ca = "/no/such.crt";
  EXPECT_HAS(Server(options).start().error().message, "(tls.client_ca) \"/no/such.crt\"");
}

std::string attribute(const PgConnection& connection, const char* name) {
  const char* value = PQsslAttribute(connection.raw(), name);
  return value == nullptr ? "" : value;
}

TEST_F(CertificatesTest, VersionsAndCiphersAreSettings) {
  use_client_tls("weir");
  options.client_tls->min_version = "TLSv1.3";
  options.client_tls->ciphersuites = "TLS_CHACHA20_POLY1305_SHA256";
  start();
  EXPECT_HAS(refusal("sslmode=require ssl_max_protocol_version=TLSv1.2"), "protocol version");
  EXPECT_EQ(attribute(PgConnection(conninfo("sslmode=require")), "cipher"), "TLS_CHACHA20_POLY1305_SHA256");
  use_client_tls("weir");
  options.client_tls->ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
  start();
  const PgConnection old(conninfo("sslmode=require ssl_max_protocol_version=TLSv1.2"));
  EXPECT_EQ(attribute(old, "protocol"), "TLSv1.2");
  EXPECT_EQ(attribute(old, "cipher"), "ECDHE-ECDSA-AES256-GCM-SHA384");
  options.client_tls->ciphers = "none of these";
  EXPECT_HAS(Server(options).start().error().message, "tls.ciphers");
  options.client_tls->ciphers.clear();
  options.client_tls->ciphersuites = "TLS_NOTHING";
  EXPECT_HAS(Server(options).start().error().message, "tls.ciphersuites");
}

/// A renewed certificate, of another authority, so that a client can tell them apart.
TEST_F(CertificatesTest, AreLoadedAgainWhileSessionsRun) {
  const test_support::TempFolder folder("renewed");
  const auto put = [&](const std::string& name) {
    for (const std::string end : {".crt", ".key"}) {
      std::filesystem::copy_file(world->certificates.file(name + end), folder / ("used" + end),
                                 std::filesystem::copy_options::overwrite_existing);
    }
  };
  put("weir");
  options.client_tls = ClientTls{folder / "used.crt", folder / "used.key"};
  use_upstream_tls(SslMode::verify_ca, world->certificates.authority());
  start();
  const std::string verified = "channel_binding=disable sslmode=verify-ca sslrootcert=";
  const PgConnection session(conninfo(verified + world->certificates.authority()));
  put("stranger");
  EXPECT_EQ(refusal(verified + world->certificates.authority()), "") << "nobody has said that there is a new one";
  EXPECT_TRUE(server->change({options.for_new_clients, options.client_tls, options.login_timeout, options.limits}));
  EXPECT_HAS(refusal(verified + world->certificates.authority()), "certificate verify failed");
  EXPECT_EQ(refusal(verified + world->certificates.stranger()), "");
  EXPECT_EQ(session.value("SELECT 1"), "1") << "a session goes on with what it has begun with";

  test_support::write_file(folder / "used.key", "no key");
  const Result<void> loaded =
      server->change({options.for_new_clients, options.client_tls, options.login_timeout, options.limits});
  ASSERT_FALSE(loaded);
  EXPECT_HAS(loaded.error().message, "(tls.key)");
  EXPECT_EQ(refusal(verified + world->certificates.stranger()), "") << "what was there stays";
  EXPECT_EQ(session.value("SELECT 2"), "2");
}

TEST_F(CertificatesTest, OtherSettingsHoldForNewConnections) {
  use_client_tls("weir");
  start();
  const auto change = [this](std::optional<ClientTls> clients) {
    return server->change({options.for_new_clients, std::move(clients), options.login_timeout, options.limits});
  };
  const PgConnection session(conninfo("sslmode=require"));
  ClientTls stricter = *options.client_tls;
  stricter.required = true;
  stricter.client_ca = world->certificates.authority();
  stricter.client_certificate = ClientCertificate::verify_full;
  ASSERT_TRUE(change(stricter));
  EXPECT_HAS(refusal("sslmode=disable"), "without TLS are refused");
  EXPECT_HAS(refusal(kNone), "connection requires a valid client certificate");
  EXPECT_EQ(refusal(shows("ann")), "");
  EXPECT_TRUE(change(stricter)) << "with what holds now";
  EXPECT_HAS(refusal(kNone), "connection requires a valid client certificate");
  EXPECT_EQ(session.value("SELECT 1"), "1");
  options.client_tls.reset();
  start();
  EXPECT_EQ(refusal("sslmode=disable"), "");
  EXPECT_TRUE(change(stricter)) << "from none";
  EXPECT_EQ(refusal(shows("ann")), "");
  EXPECT_TRUE(change({})) << "and back";
  EXPECT_EQ(refusal("sslmode=disable"), "");
}

TEST_F(CertificatesTest, WeirMayShowTheDatabaseOne) {
  use_upstream_tls(SslMode::require);
  start();
  EXPECT_HAS(refusal_of("dora"), "connection requires a valid client certificate");
  show_the_database("weir");
  start();
  EXPECT_EQ(refusal_of("dora"), "");
  options.upstream.sslcertmode = SslCertMode::require;
  start();
  EXPECT_EQ(refusal_of("dora"), "");
  options.upstream.sslcertmode = SslCertMode::disable;
  start();
  EXPECT_HAS(refusal_of("dora"), "connection requires a valid client certificate");
}

TEST_F(CertificatesTest, WeirsKeyMayBeEncrypted) {
  show_the_database("weir");
  options.upstream.sslkey = world->certificates.encrypted_key("weir", "opens");
  EXPECT_HAS(Server(options).start().error().message, "(sslkey in upstream) is encrypted");
  options.upstream.sslpassword = "opens";
  start();
  EXPECT_EQ(refusal_of("dora"), "");
  options.upstream.sslpassword = "opens not";
  EXPECT_HAS(Server(options).start().error().message, "(sslkey in upstream)");
}

/// A database that lets Weir's certificate in would let in everybody who reaches Weir.
TEST_F(CertificatesTest, WeirsOwnIsNoPasswordForClients) {
  show_the_database("carl");
  start();
  EXPECT_HAS(refusal_of("carl"), "the database has asked for nothing, and may have let in Weir's own certificate");
  EXPECT_EQ(refusal_of("dora"), "") << "who is asked for a password";
  ask_for_certificates(ClientCertificate::verify_full);
  start();
  EXPECT_EQ(refusal_of("carl", shows("carl")), "");
  EXPECT_HAS(refusal_of("carl", shows("ann")), "certificate authentication failed");
  ask_for_certificates(ClientCertificate::verify_ca);
  start();
  EXPECT_HAS(refusal_of("carl", shows("ann")), "the database has asked for nothing");
}

/// Its TLS asks for no certificate.
class DatabaseOf18 : public CertificatesTest {
 protected:
  DatabaseOf18() {
    PgSettings settings = with_tls(world->certificates);
    settings.hba.clear();
    settings.lines.pop_back();
    settings.lines.push_back("log_connections = on");
    cluster = std::make_unique<PgCluster>(18, settings);
    PgConnection(cluster->socket_conninfo()).run("CREATE ROLE ann LOGIN PASSWORD 'secret'");
  }
  void use_it() { options.upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(cluster->port())}}; }

  std::unique_ptr<PgCluster> cluster;
};

TEST_F(DatabaseOf18, TakesTlsFromTheFirstByte) {
  use_it();
  use_upstream_tls(SslMode::verify_full, world->certificates.authority());
  options.upstream.direct_tls = true;
  start();
  EXPECT_EQ(database_ssl(PgConnection(conninfo("sslmode=disable"))), "t");
  options.upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(world->cluster.port())}};
  start();
  EXPECT_HAS(refusal("sslmode=disable"), "cannot connect to the database: TLS: ");
}

TEST_F(DatabaseOf18, ThatAsksForNoCertificateIsRefusedWhereOneMustBeShown) {
  show_the_database("weir");
  use_it();
  start();
  EXPECT_EQ(refusal("sslmode=disable"), "");
  options.upstream.sslcertmode = SslCertMode::require;
  start();
  EXPECT_HAS(refusal("sslmode=disable"), "the server asks for no certificate, but sslcertmode requires it");
}

TEST_F(DatabaseOf18, SharesSessionsWithAnotherHost) {
  options.upstream.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(world->cluster.port())},
                            {"127.0.0.1", static_cast<std::uint16_t>(cluster->port())}};
  const auto versions = [&] {
    std::set<std::string> seen;
    for (int i = 0; i < 40; ++i)
      seen.insert(PgConnection(conninfo("sslmode=disable")).value("SHOW server_version_num").substr(0, 2));
    return seen;
  };
  start();
  EXPECT_EQ(versions(), std::set<std::string>{"15"});
  options.upstream.load_balance = true;
  start();
  EXPECT_EQ(versions(), (std::set<std::string>{"15", "18"}));
}

}  // namespace
}  // namespace weir::proxy
