// Every parameter of libpq, one by one: taken and stored, or refused by its name.
#include "proxy/settings/upstream_uri.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <set>

namespace weir::proxy {
namespace {

Result<UpstreamUri> read(const std::string& query, const std::string& hosts = "me:geheim@db:5433") {
  return parse_upstream_uri("postgresql://" + hosts + "/shop?" + query);
}

std::string complaint_of(const std::string& query, const std::string& hosts = "me:geheim@db:5433") {
  const auto uri = read(query, hosts);
  return uri ? "" : uri.error().message;
}

void expect_refusal(const std::string& query, const std::vector<std::string>& words) {
  const std::string complaint = complaint_of(query);
  EXPECT_EQ(complaint.find("geheim"), std::string::npos) << complaint;
  for (const auto& word : words) EXPECT_NE(complaint.find(word), std::string::npos) << query << " -> " << complaint;
}

/// PQconninfoOptions of PostgreSQL 18, with a value that Weir takes; "" where it takes none.
const std::vector<std::pair<std::string, std::string>> kParameters = {
    {"service", ""},
    {"servicefile", ""},
    {"user", "ann"},
    {"password", "x"},
    {"passfile", "/run/pgpass"},
    {"channel_binding", "require"},
    {"connect_timeout", "3"},
    {"dbname", "other"},
    {"host", "/run/postgresql"},
    {"hostaddr", "10.0.0.7"},
    {"port", "5434"},
    {"client_encoding", ""},
    {"options", ""},
    {"application_name", "proxy"},
    {"fallback_application_name", "proxy"},
    {"keepalives", "0"},
    {"keepalives_idle", "30"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "1000"},
    {"sslmode", "require"},
    {"sslnegotiation", "direct&sslmode=require"},
    {"sslcompression", "0"},
    {"sslcert", "/weir.crt&sslkey=/weir.key"},
    {"sslkey", "/weir.key&sslcert=/weir.crt"},
    {"sslcertmode", "require&sslcert=/weir.crt&sslkey=/weir.key"},
    {"sslpassword", "x&sslcert=/weir.crt&sslkey=/weir.key"},
    {"sslrootcert", "system"},
    {"sslcrl", "/crl&sslrootcert=system"},
    {"sslcrldir", "/crls&sslrootcert=system"},
    {"sslsni", "0"},
    {"requirepeer", "postgres&host=/run"},
    {"require_auth", ""},
    {"min_protocol_version", ""},
    {"max_protocol_version", ""},
    {"ssl_min_protocol_version", "TLSv1.3"},
    {"ssl_max_protocol_version", "TLSv1.2"},
    {"gssencmode", "disable"},
    {"krbsrvname", "postgres"},
    {"gsslib", "gssapi"},
    {"gssdelegation", ""},
    {"replication", ""},
    {"target_session_attrs", "read-write"},
    {"load_balance_hosts", "random"},
    {"scram_client_key", ""},
    {"scram_server_key", ""},
    {"oauth_issuer", ""},
    {"oauth_client_id", ""},
    {"oauth_client_secret", ""},
    {"oauth_scope", ""},
    {"sslkeylogfile", ""},
};

TEST(UpstreamUri, EveryParameterIsTakenOrRefusedByItsName) {
  for (const auto& [name, value] : kParameters) {
    if (value.empty()) {
      expect_refusal(name + "=geheim", {"\"" + name + "\", which Weir does not take: "});
    } else {
      EXPECT_EQ(complaint_of(name + "=" + value), "") << name;
    }
  }
}

TEST(UpstreamUri, TheLibpqAtHandKnowsNoOther) {
  std::set<std::string> known;
  for (const auto& [name, value] : kParameters) known.insert(name);
  PQconninfoOption* options = PQconndefaults();
  ASSERT_NE(options, nullptr);
  for (const auto* option = options; option->keyword != nullptr; ++option)
    EXPECT_TRUE(known.contains(option->keyword)) << option->keyword;
  PQconninfoFree(options);
}

TEST(UpstreamUri, WhatIsTakenIsStored) {
  const auto uri = read(
      "keepalives=0&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=1000&connect_timeout=7"
      "&sslmode=verify-ca&sslrootcert=/ca.pem&sslcrl=/crl.pem&sslcrldir=/crls&sslsni=0"
      "&ssl_min_protocol_version=TLSv1.2&ssl_max_protocol_version=TLSv1.3");
  ASSERT_TRUE(uri) << uri.error().message;
  const Upstream& upstream = uri->upstream;
  EXPECT_FALSE(upstream.tcp.keepalives);
  EXPECT_EQ(upstream.tcp.keepalives_idle, 30);
  EXPECT_EQ(upstream.tcp.keepalives_interval, 5);
  EXPECT_EQ(upstream.tcp.keepalives_count, 3);
  EXPECT_EQ(upstream.tcp.user_timeout_ms, 1000);
  EXPECT_EQ(upstream.connect_timeout.count(), 7000);
  EXPECT_EQ(upstream.sslmode, SslMode::verify_ca);
  EXPECT_EQ(upstream.sslrootcert, "/ca.pem");
  EXPECT_EQ(upstream.sslcrl, "/crl.pem");
  EXPECT_EQ(upstream.sslcrldir, "/crls");
  EXPECT_FALSE(upstream.sslsni);
  EXPECT_EQ(upstream.ssl_min_protocol_version, "TLSv1.2");
  EXPECT_EQ(upstream.ssl_max_protocol_version, "TLSv1.3");
}

TEST(UpstreamUri, WhatLaterLibpqsKnowIsTakenToo) {
  const auto uri = read(
      "load_balance_hosts=random&sslmode=require&sslcert=/weir.crt&sslkey=/"
      "weir.key&sslpassword=p%26q&sslcertmode=require"
      "&sslnegotiation=direct&channel_binding=disable",
      "a,b");
  ASSERT_TRUE(uri) << uri.error().message;
  const Upstream& upstream = uri->upstream;
  EXPECT_TRUE(upstream.load_balance);
  EXPECT_TRUE(upstream.direct_tls);
  EXPECT_TRUE(upstream.shows_certificate());
  EXPECT_EQ(upstream.sslcertmode, SslCertMode::require);
  EXPECT_EQ(upstream.sslcert + " " + upstream.sslkey + " " + upstream.sslpassword, "/weir.crt /weir.key p&q");
  EXPECT_EQ(upstream.channel_binding, ChannelBindingMode::disable);
  EXPECT_FALSE(read("sslcert=/weir.crt&sslkey=/weir.key&sslcertmode=disable")->upstream.shows_certificate());
  const auto otherwise = read("sslnegotiation=postgres&load_balance_hosts=disable");
  ASSERT_TRUE(otherwise) << otherwise.error().message;
  EXPECT_FALSE(otherwise->upstream.direct_tls || otherwise->upstream.load_balance);
  expect_refusal("load_balance_hosts=geheim", {"load_balance_hosts"});
}

TEST(UpstreamUri, WhatOnlyWeirsOwnLoginsUseGoesToThem) {
  const auto uri = read(
      "channel_binding=require&application_name=a&fallback_application_name=f&krbsrvname=k&gsslib=gssapi&user=ann"
      "&password=p&dbname=other");
  ASSERT_TRUE(uri) << uri.error().message;
  const std::map<std::string, std::string> expected = {{"channel_binding", "require"},
                                                       {"application_name", "a"},
                                                       {"fallback_application_name", "f"},
                                                       {"krbsrvname", "k"},
                                                       {"gsslib", "gssapi"}};
  EXPECT_EQ(uri->credentials.parameters, expected);
  EXPECT_EQ(uri->credentials.user + " " + uri->credentials.password + " " + uri->credentials.database, "ann p other");
}

TEST(UpstreamUri, ValuesThatWeirDoesNotDoAreRefusedByName) {
  for (const char* query :
       {"sslmode=allow", "sslmode=geheim", "gssencmode=require", "target_session_attrs=best", "sslcompression=1",
        "channel_binding=geheim", "keepalives=2", "keepalives_idle=-1", "keepalives_idle=40000", "keepalives_count=200",
        "tcp_user_timeout=x", "connect_timeout=0", "ssl_min_protocol_version=TLSv1", "sslnegotiation=geheim",
        "sslcertmode=geheim", "load_balance_hosts=geheim", "ssl_max_protocol_version=geheim", "sslsni=yes"}) {
    const std::string name(query, std::string_view(query).find('='));
    expect_refusal(query, {"a wrong value of the parameter \"" + name + "\": it must be "});
  }
}

TEST(UpstreamUri, WhatIsNoParameterGetsTheNearestName) {
  expect_refusal("sslmod=require", {"\"sslmod\", which libpq does not know", "did you mean \"sslmode\"?"});
  expect_refusal("zzzzzzzzzzzzz=1", {"\"zzzzzzzzzzzzz\""});
}

TEST(UpstreamUri, AddressesStandBesideTheirHosts) {
  const auto both = parse_upstream_uri("postgresql://a,b:5433/shop?hostaddr=,fe80::1");
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->upstream.hosts.at(0).target(), "a");
  EXPECT_EQ(both->upstream.hosts.at(1), (HostPort{"b", 5433, "fe80::1"}));
  const auto alone = parse_upstream_uri("postgresql:///shop?hostaddr=10.0.0.7,10.0.0.8&port=6000");
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(alone->upstream.hosts.at(1), (HostPort{"10.0.0.8", 6000, "10.0.0.8"}))
      << "as libpq, also for its certificate";
  for (const char* wrong : {"hostaddr=10.0.0.7,10.0.0.8", "hostaddr=geheim", "hostaddr=10.0.0.7&host=/run"})
    expect_refusal(wrong, {"\"hostaddr\": it must "});
}

TEST(UpstreamUri, UnixSocketsAreWrittenInEveryWayOfLibpq) {
  for (const auto& uri :
       {"postgresql:///shop?host=/run/postgresql&port=5433", "postgresql://%2Frun%2Fpostgresql:5433/shop",
        "postgresql://me@%2Frun%2Fpostgresql:5433", "postgres://?host=%2Frun%2Fpostgresql&port=5433"}) {
    const auto read = parse_upstream_uri(uri);
    ASSERT_TRUE(read) << uri << ": " << read.error().message;
    EXPECT_EQ(read->upstream.hosts.at(0).text(), "/run/postgresql/.s.PGSQL.5433") << uri;
  }
  const auto both = parse_upstream_uri("postgresql://%2Frun%2Fpostgresql,db:5434/shop");
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->upstream.hosts.at(0).text(), "/run/postgresql/.s.PGSQL.5432");
  EXPECT_EQ(both->upstream.hosts.at(1).text(), "db:5434");
  const auto abstract = parse_upstream_uri("postgresql:///?host=@weir");
  ASSERT_TRUE(abstract && abstract->upstream.hosts.at(0).is_unix());
  expect_refusal("", {});
  EXPECT_NE(parse_upstream_uri("host=/run/postgresql port=5433").error().message.find("?host=/DIRECTORY"),
            std::string::npos);
}

TEST(UpstreamUri, UnixSocketsHaveNoTlsSoNothingOfItIsMissing) {
  for (const char* mode : {"disable", "prefer", "require", "verify-ca", "verify-full"})
    EXPECT_EQ(complaint_of("host=/run/postgresql&sslmode=" + std::string(mode), ""), "") << mode;
  EXPECT_NE(complaint_of("host=/run/postgresql,db&sslmode=verify-full", ""), "") << "the second host is TCP's";
}

TEST(UpstreamUri, WhatIsVerifiedByNothingIsRefused) {
  expect_refusal("sslmode=verify-full", {"sslmode=verify-full", "needs sslrootcert"});
  expect_refusal("sslrootcert=/ca.pem", {"sslmode=prefer verifies nothing"});
  expect_refusal("sslmode=disable&sslrootcert=/ca.pem", {"sslmode=disable verifies nothing"});
  expect_refusal("sslmode=require&sslcrl=/crl.pem", {"sslcrl", "need sslrootcert"});
  expect_refusal("sslmode=require&sslrootcert=system", {"sslmode=verify-full"});
  expect_refusal("requirepeer=postgres", {"requirepeer", "Unix sockets"});
  expect_refusal("ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2", {"above"});
  expect_refusal("sslcert=/weir.crt", {"sslcert and sslkey, which need each other"});
  expect_refusal("sslkey=/weir.key", {"sslcert and sslkey, which need each other"});
  expect_refusal("sslpassword=geheim", {"sslpassword without sslkey"});
  expect_refusal("sslcertmode=require", {"needs sslcert and sslkey"});
  expect_refusal("sslmode=disable&sslcert=/weir.crt&sslkey=/weir.key", {"sslmode=disable never shows"});
  expect_refusal("sslnegotiation=direct", {"needs sslmode=require or stronger"});
  EXPECT_EQ(read("sslrootcert=system")->upstream.sslmode, SslMode::verify_full) << "as libpq from 16 on";
  EXPECT_EQ(complaint_of("sslmode=require&sslrootcert=/ca.pem"), "")
      << "libpq verifies the chain there, and so does Weir";
}

}  // namespace
}  // namespace weir::proxy
