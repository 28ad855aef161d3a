// The console of a running Weir: who gets it, by which proof, and what SHOW and orders do there, with libpq and psql.
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgCluster;
using test_support::PgConnection;
using test_support::WeirProcess;

test_support::PgSettings with_passwords() {
  test_support::PgSettings settings;
  settings.authentication = "scram-sha-256";
  return settings;
}

class ConsoleOfWeir : public testing::Test {
 protected:
  ConsoleOfWeir() {
    cluster.start();
    const PgConnection admin(cluster.socket_conninfo());
    admin.run(
        "CREATE ROLE ann LOGIN PASSWORD 'planted-secret'; CREATE ROLE bob LOGIN PASSWORD 'pw';"
        "CREATE TABLE t (id int PRIMARY KEY); GRANT ALL ON t TO ann, bob");
    weir = std::make_unique<WeirProcess>(
        test_support::WeirOptions{.upstream = cluster.uri("postgres", "ann", "planted-secret"),
                                  .emit = {"stdout"},
                                  .arguments = {"--admin.users", "ann", "--admin.users", "carl"}});
  }
  std::string as(const std::string& user, const std::string& password, const std::string& database = "weir") const {
    return weir->conninfo(database, user) + " password=" + password;
  }
  /// What libpq says of a login that is refused.
  std::string refusal(const std::string& conninfo) const {
    PGconn* connection = PQconnectdb(conninfo.c_str());
    const std::string text = PQstatus(connection) == CONNECTION_OK ? "logged in" : PQerrorMessage(connection);
    PQfinish(connection);
    return text;
  }

  PgCluster cluster{15, with_passwords()};
  std::unique_ptr<WeirProcess> weir;
};

TEST_F(ConsoleOfWeir, IsForThoseOfTheListWhoLogIn) {
  EXPECT_EQ(refusal(as("ann", "planted-secret")), "logged in");
  EXPECT_NE(refusal(as("ann", "wrong")).find("password authentication failed"), std::string::npos);
  EXPECT_NE(refusal(as("bob", "pw")).find("not in admin.users"), std::string::npos);
  EXPECT_NE(refusal(as("bob", "wrong")).find("password authentication failed"), std::string::npos)
      << "who cannot log in hears nothing of the list";
  EXPECT_NE(refusal(as("carl", "x")).find("password authentication failed"), std::string::npos);
}

TEST_F(ConsoleOfWeir, MayHaveAnotherNameSoThatARealDatabaseIsReached) {
  const PgConnection admin(cluster.socket_conninfo());
  admin.run("CREATE DATABASE weir");
  WeirProcess other({.upstream = cluster.uri("postgres", "ann", "planted-secret"),
                     .emit = {"stdout"},
                     .arguments = {"--admin.users", "ann", "--admin.database", "console"}});
  const PgConnection console(other.conninfo("console", "ann") + " password=planted-secret");
  EXPECT_EQ(console.rows("SHOW DESTINATIONS").at(0).at(0), "stdout");
  const PgConnection real(other.conninfo("weir", "ann") + " password=planted-secret");
  EXPECT_EQ(real.value("SELECT current_database()"), "weir");
}

TEST_F(ConsoleOfWeir, ShowsAndObeys) {
  const PgConnection console(as("ann", "planted-secret"));
  const PgConnection writer(as("bob", "pw", "postgres"));
  writer.run("INSERT INTO t VALUES (1), (2)");
  ASSERT_TRUE(eventually(seconds(20), [&] {
    const auto tables = console.rows("SHOW TABLES");
    return tables.size() == 1 && tables[0][1] == "public.t" && tables[0][2] == "2";
  }));
  ASSERT_TRUE(eventually(seconds(20), [&] { return console.rows("SHOW DESTINATIONS").at(0).at(3) == "0"; }));
  ASSERT_TRUE(eventually(seconds(20), [&] { return weir->output().find("\"id\":2") != std::string::npos; }));
  const auto sessions = console.rows("SHOW SESSIONS");
  EXPECT_EQ(sessions.size(), 2u);
  EXPECT_EQ(console.rows("SHOW DESTINATIONS").at(0).at(0), "stdout");
  EXPECT_EQ(console.try_run("PAUSE DESTINATION nowhere"), "42704");
  EXPECT_EQ(console.try_run("SELECT 1"), "42601");
  console.run("PAUSE DESTINATION stdout");
  writer.run("INSERT INTO t VALUES (3)");
  EXPECT_TRUE(eventually(seconds(20), [&] { return console.rows("SHOW DESTINATIONS").at(0).at(3) == "1"; }));
  EXPECT_EQ(console.rows("SHOW DESTINATIONS").at(0).at(1), "paused");
  EXPECT_TRUE(eventually(seconds(20), [&] { return console.rows("SHOW DESTINATIONS").at(0).at(4) > "0.001"; }))
      << "how long its events wait, though nothing is read for it";
  EXPECT_EQ(weir->output().find("\"id\":3"), std::string::npos);
  console.run("RESUME DESTINATION stdout");
  EXPECT_TRUE(eventually(seconds(20), [&] { return weir->output().find("\"id\":3") != std::string::npos; }));
  EXPECT_TRUE(console.rows("RELOAD").empty()) << "nothing has changed";
  EXPECT_NE(weir->errors().find("RELOAD: files that were moved"), std::string::npos) << "the answer comes behind it";
  console.run("SET log.level = 'debug'");
  { const PgConnection brief(as("bob", "pw", "postgres")); }
  EXPECT_TRUE(eventually(seconds(20), [&] { return weir->errors().find("ended after") != std::string::npos; }));
  EXPECT_EQ(console.try_run("SET log.level = 'nonsense'"), "22023");
  console.run("DRAIN");
  EXPECT_TRUE(eventually(seconds(20), [&] { return refusal(as("bob", "pw", "postgres")) != "logged in"; }));
  EXPECT_EQ(writer.value("SELECT count(*) FROM t"), "3");
  EXPECT_EQ(console.rows("SHOW STATS").at(0).at(0), "ready") << "a console that is there goes on";
}

TEST_F(ConsoleOfWeir, NeverShowsASecret) {
  const PgConnection console(as("ann", "planted-secret"));
  for (const char* topic : {"SESSIONS", "DESTINATIONS", "TABLES", "GAPS", "STATS", "CONFIG", "VERSION", "HELP"}) {
    const auto rows = console.rows("SHOW " + std::string(topic));
    for (const auto& row : rows)
      for (const auto& value : row) EXPECT_EQ(value.value_or("").find("planted"), std::string::npos) << topic;
  }
  bool found = false;
  for (const auto& row : console.rows("SHOW CONFIG"))
    found = found || (row[0] == "upstream" && row[1]->find("***") != std::string::npos);
  EXPECT_TRUE(found);
}

/// A Weir with a weir.yaml, whose destinations are in it.
class ConsoleAndFile : public ConsoleOfWeir {
 protected:
  ConsoleAndFile() {
    weir = std::make_unique<WeirProcess>(test_support::WeirOptions{
        .upstream = cluster.uri("postgres", "ann", "planted-secret"),
        .arguments = {"--admin.users", "ann"},
        .config = emit("{uri: kafka://127.0.0.1:1/shop, kafka.sasl.password: planted-before}")});
  }
  std::string emit(const std::string& more) const {
    return "emit: [" + (more.empty() ? "" : more + ", ") + "'file:" + (folder / "a").string() + "']\n";
  }
  void write(const std::string& yaml) const { test_support::write_file(weir->folder() / "weir.yaml", yaml); }

  const test_support::TempFolder folder{"console-file"};
};

TEST_F(ConsoleAndFile, ReloadTellsWhatChangedAndWhatDidNot) {
  const PgConnection console(as("ann", "planted-secret"));
  write(emit("{uri: kafka://127.0.0.1:1/shop, kafka.sasl.password: planted-behind}") +
        "workers: 3\ncapture: {exclude: [a.b, c.*]}\nlog: {level: warn}\n");
  const std::string a = "file:" + (folder / "a").string();
  const auto hidden = "kafka://127.0.0.1:1/shop (kafka.sasl.password ***), " + a;
  using Row = test_support::Row;
  EXPECT_EQ(console.rows("RELOAD"),
            (std::vector<Row>{Row{"capture.exclude", "", "a.b, c.*", "taken"}, Row{"emit", hidden, hidden, "taken"},
                              Row{"log.level", "info", "warn", "taken"}, Row{"workers", "0", "3", "needs a restart"}}));
  EXPECT_EQ(console.rows("RELOAD"), (std::vector<Row>{Row{"workers", "0", "3", "needs a restart"}}));
  write("worker: 3\n");
  PGresult* refused = PQexec(console.raw(), "RELOAD");
  EXPECT_EQ(PQresultStatus(refused), PGRES_FATAL_ERROR);
  EXPECT_EQ(std::string(PQresultErrorField(refused, PG_DIAG_SQLSTATE)), "F0000");
  EXPECT_NE(std::string(PQresultErrorMessage(refused)).find("did you mean \"workers\""), std::string::npos);
  PQclear(refused);
  write(emit("'file:/nonexistent/x'"));
  EXPECT_EQ(console.try_run("RELOAD"), "F0000");
  EXPECT_EQ(console.rows("SHOW DESTINATIONS").size(), 2u);
  EXPECT_EQ(weir->errors().find("planted"), std::string::npos);
}

TEST_F(ConsoleAndFile, JournalLogAndSessionsGoByTheNewFile) {
  const PgConnection console(as("ann", "planted-secret"));
  write(emit("kafka://127.0.0.1:1/shop") +
        "journal: {max_bytes: 5MB, hold_timeout_ms: 200}\nlog: {format: text, sessions: true}\nadmin: {events: "
        "'true'}\n");
  for (const auto& row : console.rows("RELOAD")) EXPECT_EQ(row[3], "taken") << *row[0];
  { const PgConnection brief(as("bob", "pw", "postgres")); }
  ASSERT_TRUE(eventually(seconds(20), [&] { return weir->errors().find("ended after") != std::string::npos; }));
  const auto line = weir->errors().substr(weir->errors().rfind('\n', weir->errors().find("ended after")) + 1);
  EXPECT_NE(line[0], '{') << "for people, and told at info: " << line;
  // kafka takes nothing, so the journal fills up to its new limit.
  const PgConnection writer(as("bob", "pw", "postgres"));
  PgConnection(cluster.socket_conninfo()).run("CREATE TABLE wide (x text); GRANT ALL ON wide TO bob");
  std::string state = "00000";
  for (int i = 0; i < 20 && state == "00000"; ++i)
    state = writer.try_run("INSERT INTO wide VALUES (repeat('x', 1000000))");
  EXPECT_EQ(state, "53100");
  write(emit("kafka://127.0.0.1:1/shop") + "journal: {max_bytes: 50MB}\n");
  console.run("RELOAD");
  EXPECT_EQ(writer.try_run("INSERT INTO wide VALUES ('x')"), "00000") << "there is room again";
}

TEST(ConsoleByReload, IsThereForThoseWhomTheFileNames) {
  PgCluster cluster{15, with_passwords()};
  cluster.start();
  PgConnection(cluster.socket_conninfo())
      .run("CREATE ROLE ann LOGIN PASSWORD 'pw'; CREATE ROLE bob LOGIN PASSWORD 'pw'");
  const test_support::TempFolder folder("console-users");
  WeirProcess weir(
      {.upstream = cluster.uri("postgres", "ann", "pw"), .emit = {"stdout"}, .config = "log: {level: info}\n"});
  const auto reload = [&](const std::string& yaml, const std::string& word) {
    test_support::write_file(weir.folder() / "weir.yaml", yaml);
    weir.send_signal(SIGHUP);
    EXPECT_TRUE(eventually(seconds(20), [&] { return weir.errors().find(word) != std::string::npos; })) << word;
  };
  EXPECT_THROW(PgConnection(weir.conninfo("weir", "ann") + " password=pw"), std::runtime_error)
      << "a database that is not there";
  reload("admin: {users: [ann]}\n", "taken: admin.users");
  PgConnection console(weir.conninfo("weir", "ann") + " password=pw");
  test_support::write_file(weir.folder() / "weir.yaml", "admin: {users: [bob]}\n");
  EXPECT_EQ(console.rows("RELOAD").at(0).at(2), "bob");
  EXPECT_THROW(PgConnection(weir.conninfo("weir", "ann") + " password=pw"), std::runtime_error);
  EXPECT_NO_THROW(PgConnection(weir.conninfo("weir", "bob") + " password=pw"));
  EXPECT_EQ(console.rows("SHOW VERSION").size(), 1u) << "who is there stays";
}

TEST_F(ConsoleAndFile, WhatIsLeftOutIsShownUntilItIsForgotten) {
  const PgConnection console(as("ann", "planted-secret"));
  const PgConnection writer(as("bob", "pw", "postgres"));
  writer.run("INSERT INTO t VALUES (1)");
  const auto states = [&] {
    std::map<std::string, std::string> found;
    for (const auto& row : console.rows("SHOW DESTINATIONS")) found[*row[0]] = *row[1];
    return found;
  };
  const std::string a = "file:" + (folder / "a").string();
  const std::string kafka = "kafka://127.0.0.1:1/shop";
  ASSERT_TRUE(eventually(seconds(20), [&] { return console.rows("SHOW DESTINATIONS").at(1).at(2) == "1"; }));
  console.run("PAUSE DESTINATION " + a);
  EXPECT_EQ(console.try_run("FORGET DESTINATION " + kafka), "55000") << "it is in use";
  write(emit(""));
  console.run("RELOAD");
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{a, "paused"}, {kafka, "left out"}}));
  writer.run("INSERT INTO t VALUES (2)");
  ASSERT_TRUE(eventually(seconds(20), [&] { return console.rows("SHOW DESTINATIONS").at(1).at(3) == "2"; }))
      << "how far it is behind";
  write("emit: [{uri: '" + a + "', format: flat}]\n");
  console.run("RELOAD");
  EXPECT_EQ(states()[a], "paused") << "with other settings, too";
  EXPECT_EQ(console.try_run("FORGET DESTINATION nobody"), "42704");
  console.run("FORGET DESTINATION '" + kafka + "'");
  EXPECT_EQ(states(), (std::map<std::string, std::string>{{a, "paused"}}));
  console.run("RESUME DESTINATION " + a);
  EXPECT_TRUE(eventually(seconds(20),
                         [&] { return test_support::read_file(folder / "a").find("\"id\":2") != std::string::npos; }));
  EXPECT_EQ(weir->terminate(), 0);
  weir->start();  // without the one that is forgotten
}

TEST_F(ConsoleOfWeir, AnswersExtendedQueriesAndPsql) {
  const PgConnection console(as("ann", "planted-secret"));
  for (const int format : {0, 1}) {
    PGresult* result = PQexecParams(console.raw(), "SHOW VERSION", 0, nullptr, nullptr, nullptr, nullptr, format);
    EXPECT_EQ(PQresultStatus(result), PGRES_TUPLES_OK) << PQresultErrorMessage(result);
    EXPECT_EQ(std::string(PQgetvalue(result, 0, 0)).rfind("weir ", 0), 0u);
    PQclear(result);
  }
  PGresult* prepared = PQprepare(console.raw(), "s", "SHOW HELP", 0, nullptr);
  EXPECT_EQ(PQresultStatus(prepared), PGRES_COMMAND_OK);
  PQclear(prepared);
  PGresult* described = PQdescribePrepared(console.raw(), "s");
  EXPECT_EQ(PQnfields(described), 2);
  PQclear(described);
  const test_support::TempFolder folder("console");
  const auto status = test_support::run(
      {.arguments = {"psql", "-X", as("ann", "planted-secret"), "-c", "show help", "-c", "SHOW STATS"},
       .stdout_path = folder / "out"});
  const auto shown = test_support::read_file(folder / "out");
  EXPECT_EQ(status, 0) << shown;
  EXPECT_NE(shown.find("RESUME DESTINATION name"), std::string::npos) << shown;
  EXPECT_NE(shown.find("stream position"), std::string::npos) << shown;
}

TEST(Console, ANameAloneIsNoProof) {
  PgCluster cluster{15};
  cluster.start();
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}, .arguments = {"--admin.users", "postgres"}});
  try {
    PgConnection{weir.conninfo("weir")};
    FAIL() << "a login without a password got the console";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("asked for no password"), std::string::npos) << error.what();
  }
  EXPECT_NE(weir.errors().find("console: refused"), std::string::npos);
}

TEST(Console, WhoRunsWeirNeedsNoPasswordOnItsUnixSocket) {
  PgCluster cluster{15};
  cluster.start();
  const test_support::TempFolder folder("console");
  WeirProcess weir({.upstream = cluster.uri(),
                    .emit = {"stdout"},
                    .arguments = {"--listen", "unix:" + folder.path().string(), "--admin.users", "postgres"}});
  const auto port = std::to_string(weir.port());
  ASSERT_TRUE(eventually(seconds(20), [&] { return std::filesystem::exists(folder / (".s.PGSQL." + port)); }));
  const PgConnection console("host=" + folder.path().string() + " port=" + port + " user=postgres dbname=weir");
  EXPECT_EQ(console.rows("SHOW VERSION").size(), 1u);
}

TEST(Console, WithoutUsersItIsADatabaseLikeAnyOther) {
  PgCluster cluster{15};
  cluster.start();
  PgConnection(cluster.conninfo()).run("CREATE DATABASE weir");
  WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}});
  EXPECT_EQ(PgConnection(weir.conninfo("weir")).value("SELECT current_database()"), "weir");
}

}  // namespace
}  // namespace weir::proxy
