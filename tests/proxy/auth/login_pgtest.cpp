// Logins through the program as a user starts it, in front of a real PostgreSQL with TLS and SCRAM: those that end at
// Weir and those that are relayed, and what is said and logged where one is refused.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <thread>

#include "tests/proxy/io/certificates.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgCluster;
using test_support::PgConnection;
using test_support::PgSettings;
using test_support::WeirOptions;
using test_support::WeirProcess;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

const std::string kQuery = "SELECT * FROM public.weir_verifier($1)";

PgSettings settings_of(const Certificates& certificates) {
  PgSettings settings;
  settings.authentication = "scram-sha-256";
  settings.hba = {"host all marvin 127.0.0.1/32 md5", "host all paul 127.0.0.1/32 password",
                  "host all tina 127.0.0.1/32 trust"};
  settings.lines = {"ssl = on", "ssl_cert_file = '" + certificates.file("database.crt") + "'",
                    "ssl_key_file = '" + certificates.file("database.key") + "'", "log_connections = on"};
  return settings;
}

struct World {
  Certificates certificates;
  PgCluster cluster{15, settings_of(certificates)};

  World() {
    PgConnection database(cluster.socket_conninfo());
    for (const std::string sql :
         {"CREATE ROLE ann LOGIN PASSWORD 'geheim'", "CREATE ROLE old LOGIN PASSWORD 'geheim' VALID UNTIL '2020-01-01'",
          "CREATE ROLE sleepy LOGIN PASSWORD 'geheim'", "CREATE ROLE nologin NOLOGIN PASSWORD 'geheim'",
          "CREATE ROLE paul LOGIN PASSWORD 'geheim'", "CREATE ROLE tina LOGIN",
          "SET password_encryption = md5; CREATE ROLE marvin LOGIN PASSWORD 'geheim'; RESET password_encryption",
          "CREATE ROLE weir_auth LOGIN PASSWORD 'asks'",
          // What README.md shows.
          "CREATE FUNCTION public.weir_verifier(name text) RETURNS TABLE (rolname text, rolpassword text) "
          "LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog "
          "AS 'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = name'",
          "REVOKE ALL ON FUNCTION public.weir_verifier FROM public",
          "GRANT EXECUTE ON FUNCTION public.weir_verifier TO weir_auth"})
      database.run(sql);
  }
};

std::string refusal_at(const std::string& conninfo) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(conninfo.c_str()), &PQfinish);
  if (PQstatus(connection.get()) == CONNECTION_OK) return "";
  const std::string words = PQerrorMessage(connection.get());
  const auto place = words.find("FATAL");
  return place == std::string::npos ? words : words.substr(place);
}

class LoginTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { world = std::make_unique<World>(); }
  static void TearDownTestSuite() { world.reset(); }

  static std::vector<std::string> client_tls() {
    return {"--tls.cert", world->certificates.file("weir.crt"), "--tls.key", world->certificates.file("weir.key")};
  }
  static std::vector<std::string> by_query(const std::string& query = kQuery) {
    return {"--auth.query",    query,  "--auth.user",     "weir_auth",
            "--auth.password", "asks", "--auth.database", "postgres"};
  }
  void start(const std::string& upstream_parameters, std::vector<std::vector<std::string>> arguments) {
    WeirOptions options;
    options.upstream = "postgresql://127.0.0.1:" + std::to_string(world->cluster.port()) + "/?" + upstream_parameters;
    options.arguments = {"--capture.enabled", "false", "--workers", "1"};
    options.journal = false;
    for (const auto& some : arguments) options.arguments.insert(options.arguments.end(), some.begin(), some.end());
    weir = std::make_unique<WeirProcess>(options);
  }
  std::string conninfo(const std::string& more, int port = 0) const {
    return "host=127.0.0.1 dbname=postgres user=ann password=geheim sslrootcert=" + world->certificates.authority() +
           " port=" + std::to_string(port != 0 ? port : weir->port()) + " " + more;
  }
  std::string refusal(const std::string& more) const { return refusal_at(conninfo(more)); }
  /// What the database says to the same client.
  std::string refusal_of_database(const std::string& more) const {
    return refusal_at(conninfo(more, world->cluster.port()));
  }
  bool logs(const std::string& words) const {
    return eventually(seconds(10), [&] { return weir->errors().find(words) != std::string::npos; });
  }
  std::string write_users_file(const std::string& text) {
    const std::string path = folder / "users.txt";
    test_support::write_file(path, text);
    return path;
  }
  static std::string verifier_of(const std::string& user) {
    return PgConnection(world->cluster.socket_conninfo())
        .value("SELECT rolpassword FROM pg_authid WHERE rolname = '" + user + "'");
  }

  static std::unique_ptr<World> world;
  test_support::TempFolder folder{"login"};
  std::unique_ptr<WeirProcess> weir;
};

std::unique_ptr<World> LoginTest::world;

const std::string kBound = "sslmode=verify-full channel_binding=require";

TEST_F(LoginTest, ChannelBindingHoldsOnBothSides) {
  start("sslmode=require&channel_binding=require", {client_tls(), by_query()});
  for (const std::string more :
       {"", "sslmode=require", "sslmode=verify-full", "sslmode=require channel_binding=disable"})
    EXPECT_EQ(refusal(more), "") << more;
  const PgConnection session(conninfo(kBound));
  EXPECT_EQ(session.value("SELECT current_user"), "ann");
  EXPECT_EQ(session.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
}

TEST_F(LoginTest, WhoIsRefusedHearsWhatTheDatabaseSays) {
  start("sslmode=require", {client_tls(), by_query()});
  for (const std::string who :
       {"password=wrong", "user=nobody", "user=old", "user=nologin", "user=nologin password=wrong", "dbname=missing",
        "user=\xc3\xa4", "user=marvin_is_not_here"}) {
    const std::string words = refusal(kBound + " " + who);
    EXPECT_EQ(words, refusal_of_database(kBound + " " + who)) << who;
    EXPECT_HAS(words, "FATAL");
  }
  EXPECT_EQ(refusal(kBound), "");
}

TEST_F(LoginTest, ARefusedLoginIsOneLineOfTheLogWithoutSecrets) {
  start("sslmode=require", {client_tls(), by_query()});
  EXPECT_NE(refusal(kBound + " password=topsecret application_name=psql"), "");
  EXPECT_TRUE(
      logs("ann@postgres, psql): login refused: password authentication failed for user \"ann\" (28P01): the "
           "password is wrong"))
      << weir->errors();
  EXPECT_NE(refusal(kBound + " user=nobody"), "");
  EXPECT_TRUE(
      logs("nobody@postgres): login refused: password authentication failed for user \"nobody\" (28P01): "
           "auth.query has no such user"))
      << weir->errors();
  EXPECT_NE(refusal(kBound + " user=old"), "");
  EXPECT_TRUE(logs("the password has expired (VALID UNTIL)")) << weir->errors();
  EXPECT_NE(refusal(kBound + " dbname=missing"), "");
  EXPECT_TRUE(logs("ann@missing): login refused: database \"missing\" does not exist (3D000)")) << weir->errors();
  EXPECT_HAS(weir->errors(), "(127.0.0.1:");
  for (const std::string secret : {"topsecret", "geheim", "asks", "SCRAM-SHA-256$"})
    EXPECT_EQ(weir->errors().find(secret), std::string::npos) << weir->errors();
}

TEST_F(LoginTest, ANewPasswordHoldsFromTheNextLoginOn) {
  start("sslmode=require", {client_tls(), by_query()});
  EXPECT_EQ(refusal(kBound), "");
  PgConnection(world->cluster.socket_conninfo()).run("ALTER ROLE ann PASSWORD 'neu'");
  EXPECT_EQ(refusal(kBound + " password=neu"), "");
  EXPECT_HAS(refusal(kBound), "password authentication failed");
  PgConnection(world->cluster.socket_conninfo()).run("ALTER ROLE ann PASSWORD 'geheim' VALID UNTIL 'yesterday'");
  EXPECT_HAS(refusal(kBound), "password authentication failed");
  PgConnection(world->cluster.socket_conninfo()).run("ALTER ROLE ann VALID UNTIL 'infinity'");
  EXPECT_EQ(refusal(kBound), "");
}

TEST_F(LoginTest, TheUsersFileIsReadAgainWhereItHasChanged) {
  const std::string path = write_users_file("\"nobody\" \"" + verifier_of("ann") + "\"\n\"dora\" \"md5123\"\n");
  start("sslmode=require", {client_tls(), {"--auth.users_file", path}});
  EXPECT_TRUE(logs("has 1 user without a SCRAM-SHA-256 verifier, \"dora\""));
  EXPECT_HAS(refusal(kBound), "password authentication failed");
  EXPECT_TRUE(logs("auth.users_file has no such user"));
  EXPECT_HAS(refusal(kBound + " user=nobody"), "password authentication failed")
      << "a verifier for a role that is not there lets nobody in";
  write_users_file("\"ann\" \"" + verifier_of("ann") + "\"\n");
  EXPECT_HAS(refusal(kBound + " user=old"), "password authentication failed");
  // That ann was unknown is kept for a while: with another salt it is another question.
  PgConnection(world->cluster.socket_conninfo()).run("ALTER ROLE ann PASSWORD 'geheim'");
  write_users_file("\"ann\" \"" + verifier_of("ann") + "\"\n");
  EXPECT_EQ(refusal(kBound), "");
}

TEST_F(LoginTest, TheFileAndTheQueryStandInForOneAnother) {
  const std::string path =
      write_users_file("\"ann\" \"" + verifier_of("sleepy") + "\"\n\"sleepy\" \"" + verifier_of("sleepy") + "\"\n");
  start("sslmode=require", {client_tls(), by_query(), {"--auth.users_file", path}});
  EXPECT_EQ(refusal(kBound + " user=sleepy"), "");
  EXPECT_EQ(refusal(kBound), "") << "the file has an old one";
  write_users_file("broken");
  EXPECT_HAS(refusal(kBound + " user=nobody"), "password authentication failed");
  EXPECT_TRUE(logs("line 1 is not of the form"));
  EXPECT_EQ(refusal(kBound), "");
}

TEST_F(LoginTest, WhereTheQueryCannotBeAskedTheClientIsToldToComeAgain) {
  start("sslmode=require", {client_tls(), by_query("SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1")});
  EXPECT_HAS(refusal(kBound), "the password cannot be verified at the moment");
  EXPECT_TRUE(logs("a password cannot be verified: auth.query: ERROR:  permission denied for table pg_authid"));
  EXPECT_EQ(refusal("sslmode=require channel_binding=disable"), "") << "what can be relayed needs no verifier";
  start("sslmode=require", {client_tls(), by_query(), {"--auth.user", "nobody"}});
  EXPECT_HAS(refusal(kBound), "the password cannot be verified at the moment");
  EXPECT_TRUE(logs("auth.query cannot log in: "));
}

TEST_F(LoginTest, ALostConnectionOfTheQueryIsMadeAnew) {
  start("sslmode=require", {client_tls(), by_query()});
  EXPECT_EQ(refusal(kBound), "");
  EXPECT_EQ(
      PgConnection(world->cluster.socket_conninfo())
          .value("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'weir_auth'"),
      "1");
  EXPECT_EQ(refusal(kBound + " user=sleepy"), "");
}

/// The only worker goes on with the sessions of others meanwhile.
TEST_F(LoginTest, AQueryThatTakesItsTimeKeepsNobodyElse) {
  start("sslmode=require", {client_tls(), by_query("SELECT v.* FROM public.weir_verifier($1) v, "
                                                   "pg_sleep(CASE $1::text WHEN 'sleepy' THEN 3 ELSE 0 END)")});
  const PgConnection session(conninfo(kBound));
  std::string words = "not yet";
  std::thread login([&] { words = refusal(kBound + " user=sleepy"); });
  const PgConnection watcher(world->cluster.socket_conninfo());
  EXPECT_TRUE(eventually(seconds(10), [&] {
    return watcher.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(session.value("SELECT 1"), "1");
  EXPECT_EQ(refusal(kBound), "") << "known already";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
  login.join();
  EXPECT_EQ(words, "");
}

TEST_F(LoginTest, ManyAtOnce) {
  start("sslmode=require", {client_tls(), by_query()});
  std::vector<std::string> words(40, "not yet");
  std::vector<std::thread> logins;
  for (std::size_t i = 0; i < words.size(); ++i) {
    logins.emplace_back([&, i] {
      words[i] = refusal(kBound + (i % 4 == 0 ? " user=sleepy" : i % 4 == 1 ? " password=wrong" : ""));
    });
  }
  for (auto& login : logins) login.join();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i % 4 == 1) {
      EXPECT_HAS(words[i], "password authentication failed for user \"ann\"");
    } else {
      EXPECT_EQ(words[i], "") << i;
    }
  }
}

/// What Weir can be told to do where nothing keeps a login from being relayed.
TEST_F(LoginTest, EveryLoginMayEndHere) {
  for (const std::string upstream : {"sslmode=disable", "sslmode=require"}) {
    start(upstream, {client_tls(), by_query(), {"--auth.mode", "terminate"}});
    for (const std::string& more :
         std::vector<std::string>{"sslmode=disable", "sslmode=require channel_binding=disable", kBound}) {
      EXPECT_EQ(refusal(more), "") << upstream << ", " << more;
      EXPECT_EQ(refusal(more + " password=wrong"), refusal_of_database(more + " password=wrong"));
    }
    EXPECT_HAS(refusal("sslmode=disable user=nobody"), "password authentication failed");
    EXPECT_TRUE(logs("auth.query has no such user"));
  }
}

TEST_F(LoginTest, MethodsWithoutScramAreRelayed) {
  start("sslmode=require", {client_tls(), by_query(), {"--auth.mode", "terminate"}});
  for (const std::string user : {"marvin", "paul", "tina"}) {
    EXPECT_EQ(refusal("sslmode=require user=" + user), "") << user;
  }
  for (const std::string user : {"marvin", "paul"})
    EXPECT_HAS(refusal("sslmode=require password=wrong user=" + user), "password authentication failed");
}

TEST_F(LoginTest, WithoutVerifiersTheWaysOutAreNamedOnce) {
  start("sslmode=require", {client_tls()});
  const std::string warning = "TLS on both sides: SCRAM with channel binding";
  EXPECT_TRUE(logs(warning)) << weir->errors();
  EXPECT_HAS(weir->errors(), "auth.query or auth.users_file");
  EXPECT_HAS(refusal("sslmode=require"), "SCRAM channel binding cannot pass Weir");
  EXPECT_EQ(refusal("sslmode=require channel_binding=disable"), "");
  const std::string log = weir->errors();
  EXPECT_EQ(log.find(warning), log.rfind(warning));
  start("sslmode=disable", {client_tls()});
  EXPECT_EQ(refusal("sslmode=require"), "");
  EXPECT_EQ(weir->errors().find(warning), std::string::npos) << "nothing is lost there";
}

}  // namespace
}  // namespace weir::proxy
