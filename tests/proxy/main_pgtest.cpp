// The program itself: how it starts, what it says when it cannot, and how it ends.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "capture/journal/journal.h"
#include "proxy/doubt/libpq.h"
#include "tests/support/child_process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {
namespace {

struct Ended {
  int code = -1;
  std::string text;  ///< stdout and stderr
};

/// Runs weir with these arguments until it ends by itself.
Ended weir(const std::string& arguments) {
  Ended ended;
  FILE* pipe = popen((test_support::weir_binary() + " " + arguments + " 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return ended;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) ended.text.append(buffer, got);
  const int status = pclose(pipe);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

const std::string kLeast =
    "--upstream postgresql://127.0.0.1:1 --emit stdout --listen 127.0.0.1:0 --admin.listen off --log.format text ";

void expect_refusal(const std::string& arguments, int code, const std::vector<std::string>& words) {
  const auto ended = weir(arguments);
  EXPECT_EQ(ended.code, code) << arguments << "\n" << ended.text;
  for (const auto& word : words) EXPECT_NE(ended.text.find(word), std::string::npos) << word << " in " << ended.text;
}

auto connect(const test_support::WeirProcess& weir) {
  Upstream through;
  through.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(weir.port())}};
  return SideConnection::open(through, {"postgres", "", "postgres"});
}

TEST(Main, HelpAndVersionGoToStdoutAndEndWell) {
  EXPECT_EQ(weir("--version").text.rfind("weir ", 0), 0u);
  const auto help = weir("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.text.find("--upstream URI"), std::string::npos);
}

TEST(Main, AWrongCommandLineOrFileIsExitCode2) {
  test_support::TempFolder folder("weir-main");
  std::ofstream(folder / "weir.yaml") << "listne: 1\n";
  expect_refusal("", 2, {"--upstream postgresql://"});
  expect_refusal("--jornal x", 2, {"\"--journal\""});
  expect_refusal("--config " + (folder / "weir.yaml").string(), 2, {"weir.yaml:1", "\"listen\""});
  expect_refusal("--config " + (folder / "none.yaml").string(), 2, {"none.yaml", "No such file"});
}

TEST(Main, WhatKeepsItFromStartingIsNamed) {
  test_support::TempFolder folder("weir-main");
  const auto junk = (folder / "junk").string();
  std::ofstream(junk) << std::string(8192, 'x');
  expect_refusal(kLeast + "--journal /nonexistent/j", 1, {"/nonexistent/j", "No such file", "directory"});
  expect_refusal(kLeast + "--journal " + junk, 1, {junk, "is no folder", "another path"});
  expect_refusal(kLeast + "--tls.cert " + junk + " --tls.key " + junk, 1, {junk, "tls.cert", "PEM"});
  expect_refusal(kLeast + "--emit file:/nonexistent/x", 1, {"/nonexistent/x", "No such file"});
  expect_refusal(kLeast + "--emit kafka://127.0.0.1:1/p --emit.kafka.no.such 1", 1, {"\"no.such\""});
}

TEST(Main, AnAddressOrAJournalInUseIsNamed) {
  test_support::PgCluster cluster(15);
  cluster.start();
  const auto port = std::to_string(cluster.port());
  expect_refusal("--upstream postgresql://127.0.0.1:1 --emit stdout --listen 127.0.0.1:" + port, 1,
                 {"127.0.0.1:" + port, "in use", "listen"});

  test_support::TempFolder folder("weir-main");
  const auto journal = (folder / "journal").string();
  test_support::WeirProcess first(
      {.upstream = cluster.uri(), .emit = {"stdout"}, .arguments = {"--journal", journal}, .journal = false});
  first.start();
  expect_refusal(kLeast + "--journal " + journal, 1, {journal, "in use"});
  EXPECT_EQ(first.terminate(), 0);
}

TEST(Main, EndsWellOnSigtermWithEverythingDelivered) {
  test_support::PgCluster cluster(15);
  cluster.start();
  test_support::WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}});
  weir.start();
  {
    auto client = connect(weir);
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE(client->query("CREATE TABLE public.t (id int PRIMARY KEY)"));
    for (int id = 0; id < 100; ++id) {
      ASSERT_TRUE(client->query("INSERT INTO public.t VALUES ($1)", {std::to_string(id)}));
    }
  }
  EXPECT_EQ(weir.terminate(), 0);
  const auto output = weir.output();
  for (int id = 0; id < 100; ++id) {
    EXPECT_NE(output.find("\"after\":{\"id\":" + std::to_string(id) + "}"), std::string::npos) << id;
  }
}

TEST(Main, WhatIsNotCapturedIsSaidInTheLogOnce) {
  test_support::PgCluster cluster(15);
  cluster.start();
  test_support::WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}});
  weir.start();
  {
    auto client = connect(weir);
    ASSERT_TRUE(client) << client.error().message;
    for (const char* sql : {"CREATE TABLE public.t (id int)", "PREPARE p AS INSERT INTO public.t VALUES (1)",
                            "EXECUTE p", "EXECUTE p", "BEGIN", "EXECUTE p", "ROLLBACK"})
      ASSERT_TRUE(client->query(sql)) << sql;
  }
  EXPECT_EQ(weir.terminate(), 0);
  const std::string line = "not captured, a write: execute";
  const auto log = weir.errors();
  ASSERT_NE(log.find(line), std::string::npos) << log;
  EXPECT_EQ(log.find(line), log.rfind(line)) << log;
  const std::string gap = "\"inserted\":1";
  const auto events = weir.output();
  ASSERT_NE(events.find(gap), std::string::npos) << events;
  EXPECT_NE(events.find(gap), events.rfind(gap)) << "each has its event: " << events;
}

/// The database wants a password that only clients know; what was in doubt is asked in a client's session.
TEST(Main, WhatIsInDoubtNeedsNoPasswordOfWeirsOwn) {
  test_support::PgSettings settings;
  settings.authentication = "scram-sha-256";
  test_support::PgCluster cluster(15, settings);
  cluster.start();
  const test_support::PgConnection admin(cluster.socket_conninfo());
  admin.run(
      "CREATE ROLE ann LOGIN PASSWORD 'secret'; CREATE TABLE t (id int PRIMARY KEY); GRANT ALL ON t TO ann;"
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';"
      "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()");
  test_support::WeirProcess weir({.upstream = cluster.uri("postgres", ""), .emit = {"stdout"}});
  weir.start();
  const std::string as_ann = weir.conninfo("postgres", "ann") + " password=secret";
  const auto within_10_s = [](const auto& is_so) {
    for (int i = 0; i < 500 && !is_so(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return is_so();
  };
  {
    const test_support::PgConnection client(as_ann);
    ASSERT_EQ(PQsendQuery(client.raw(), "INSERT INTO t VALUES (1)"), 1);
    ASSERT_TRUE(within_10_s(
        [&] { return admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"; }));
    weir.kill_hard();
  }
  ASSERT_TRUE(within_10_s([&] { return admin.value("SELECT count(*) FROM t") == "1"; }));
  weir.start();
  const auto emitted = [&weir] { return weir.output().find(R"("after":{"id":1})") != std::string::npos; };
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(emitted()) << "it was known without being asked";
  const test_support::PgConnection client(as_ann);
  EXPECT_TRUE(within_10_s(emitted)) << weir.errors();
  EXPECT_EQ(client.value("SELECT count(*) FROM t"), "1");
}

/// A database whose passwords only clients know, and a transaction that stays in doubt until somebody says so.
class InDoubt : public testing::TestWithParam<int> {
 protected:
  InDoubt() : cluster(GetParam(), settings()) {
    admin.emplace(cluster.socket_conninfo());
    admin->run("CREATE ROLE ann LOGIN PASSWORD 'secret'; CREATE TABLE t (id int PRIMARY KEY); GRANT ALL ON t TO ann");
    admin->run("CREATE DATABASE other");
    weir.emplace(test_support::WeirOptions{.upstream = cluster.uri("postgres", ""), .emit = {"stdout"}});
    weir->start();
  }
  static test_support::PgSettings settings() {
    test_support::PgSettings settings;
    settings.authentication = "scram-sha-256";
    settings.lines = {"max_prepared_transactions = 2"};
    return settings;
  }
  std::string as_ann(const std::string& database = "postgres") const {
    return weir->conninfo(database, "ann") + " password=secret";
  }
  bool emitted(int id) const {
    return weir->output().find("\"after\":{\"id\":" + std::to_string(id) + "}") != std::string::npos;
  }
  int times_logged(const std::string& text) const {
    const auto log = weir->errors();
    int times = 0;
    for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++times;
    return times;
  }

  test_support::PgCluster cluster;
  std::optional<test_support::PgConnection> admin;
  std::optional<test_support::WeirProcess> weir;
};

/// Sessions of a moment, and of another database: none is ever idle when somebody looks for one.
TEST_P(InDoubt, ShortSessionsAreAskedAtTheirLogin) {
  {
    const test_support::PgConnection client(as_ann());
    client.run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p'");
    weir->kill_hard();
  }
  admin->run("COMMIT PREPARED 'p'");
  weir->start();
  const bool known = test_support::eventually(std::chrono::seconds(30), [&] {
    EXPECT_EQ(test_support::PgConnection(as_ann("other")).value("SELECT 1"), "1");
    return emitted(1);
  });
  EXPECT_TRUE(known) << weir->errors();
  EXPECT_EQ(times_logged("in doubt, has committed"), 1);
}

TEST_P(InDoubt, WhatWasAcknowledgedBehindItIsNotInDoubtAfterASigterm) {
  {
    const test_support::PgConnection client(as_ann());
    client.run("BEGIN; INSERT INTO t VALUES (0); PREPARE TRANSACTION 'p'");
    for (int id = 1; id <= 50; ++id) client.run("INSERT INTO t VALUES (" + std::to_string(id) + ")");
  }
  weir->terminate();
  EXPECT_FALSE(emitted(1)) << "it must wait for the one before it";
  weir->start();
  admin->run("COMMIT PREPARED 'p'");
  const test_support::PgConnection client(as_ann("other"));
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(30), [&] { return emitted(50); })) << weir->errors();
  for (int id = 0; id <= 50; ++id) EXPECT_TRUE(emitted(id)) << id;
  EXPECT_EQ(times_logged("in doubt, has committed"), 1) << weir->errors();
  EXPECT_GE(times_logged("1 transaction is in doubt, and 50 that committed wait behind: "), 1) << weir->errors();
}

INSTANTIATE_TEST_SUITE_P(Versions, InDoubt, testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

TEST(Main, ATableMadeFromAQueryIsNamedWithItsSchema) {
  for (const int version : {15, 18}) {
    test_support::PgCluster cluster(version);
    cluster.start();
    test_support::WeirProcess weir({.upstream = cluster.uri(),
                                    .emit = {"stdout"},
                                    .arguments = {"--format", "flat"},
                                    .config = "capture:\n  include: [later.*]\n"});
    weir.start();
    {
      auto client = connect(weir);
      ASSERT_TRUE(client) << client.error().message;
      for (const char* sql : {"SET search_path = public", "CREATE TABLE b AS SELECT 1 AS id", "CREATE SCHEMA later",
                              "SET search_path = later, public", "CREATE TABLE a AS SELECT 1 AS id UNION ALL SELECT 2",
                              "CREATE TEMP TABLE c AS SELECT 1 AS id", "SET search_path = pg_temp, later",
                              "CREATE TABLE d AS SELECT 1 AS id", "RESET search_path",
                              "EXPLAIN (ANALYZE) CREATE TABLE later.e AS SELECT 1 AS id"})
        ASSERT_TRUE(client->query(sql)) << sql;
    }
    EXPECT_EQ(weir.terminate(), 0);
    const std::string events = weir.output();
    EXPECT_EQ(std::count(events.begin(), events.end(), '\n'), 2) << events;
    EXPECT_NE(events.find(R"("schema":"later","table":"a","key":null,"row":null,"before":null,"rows":2)"),
              std::string::npos)
        << events;
    EXPECT_NE(events.find(R"("schema":"later","table":"e")"), std::string::npos) << events;
  }
}

/// A typo in a pattern is named when the first session of a database opens, and once.
TEST(Main, PatternsThatMatchNothingAreNamedOncePerDatabase) {
  for (const int version : {15, 18}) {
    for (const std::string encoding : {"UTF8", "LATIN1"}) {
      test_support::PgCluster cluster(version);
      cluster.start();
      {
        const test_support::PgConnection admin(cluster.socket_conninfo());
        admin.run("CREATE DATABASE shop TEMPLATE template0 LOCALE 'C' ENCODING '" + encoding + "'");
        const test_support::PgConnection shop(cluster.socket_conninfo("shop"));
        shop.run("SET client_encoding = 'UTF8'");
        // What somebody could put in the way of the question, search_path first.
        shop.run(
            "CREATE TABLE users (id int PRIMARY KEY, password text, \"clé\" text);"
            "CREATE SCHEMA trap; CREATE FUNCTION trap.bad(bytea, bytea) RETURNS bool LANGUAGE plpgsql AS "
            "'BEGIN RAISE EXCEPTION ''evaluated''; END'; CREATE OPERATOR trap.~~ (LEFTARG = bytea, RIGHTARG = bytea, "
            "FUNCTION = trap.bad); CREATE VIEW trap.pg_class AS SELECT 1 AS oid;"
            "ALTER DATABASE shop SET search_path = trap, pg_catalog, public");
      }
      test_support::WeirProcess weir({.upstream = cluster.uri(),
                                      .emit = {"stdout"},
                                      .config = "capture:\n  databases: [shop, postgres, test_db]\n"
                                                "  include: [public.*]\n  exclude: [public.tmp_*]\n"
                                                "  exclude_columns: [public.users.pasword, public.users.password,"
                                                " public.users.clé, \"public.user?.p*\"]\n"});
      const auto said = [&](const std::string& text) { return weir.errors().find(text) != std::string::npos; };
      for (int session = 0; session < 3; ++session) {
        const test_support::PgConnection client(weir.conninfo("shop"));
        EXPECT_EQ(client.value("SELECT 1"), "1");
        const test_support::PgConnection latin(weir.conninfo("shop") + " client_encoding=LATIN1");
        EXPECT_EQ(latin.value("SELECT 2"), "2");
      }
      EXPECT_TRUE(said("capture.exclude_columns \"public.users.pasword\" matches no column of database shop"));
      EXPECT_TRUE(said("capture.exclude \"public.tmp_*\" matches no table of database shop"));
      EXPECT_TRUE(said("capture.databases \"test_db\" matches no database"));
      const auto log = weir.errors();
      for (const char* fine : {"\"public.users.password\"", "\"public.*\"", "clé", "\"public.user?.p*\"", "\"shop\""})
        EXPECT_EQ(log.find(fine), std::string::npos) << fine << " in " << log;
      EXPECT_EQ(log.find("pasword"), log.rfind("pasword")) << log;
      {
        const test_support::PgConnection client(weir.conninfo());
        EXPECT_EQ(client.value("SELECT 1"), "1");
      }
      EXPECT_TRUE(said("\"public.users.password\" matches no column of database postgres (but of database shop)"))
          << weir.errors();
    }
  }
}

/// Sessions of databases that are not captured are relayed; the others' events say where they come from.
TEST(Main, DatabasesAreCapturedByTheirNames) {
  test_support::PgCluster cluster(15);
  cluster.start();
  for (const std::string database : {"shop_eu", "shop_us", "test_shop"}) {
    test_support::PgConnection(cluster.socket_conninfo()).run("CREATE DATABASE " + database);
    test_support::PgConnection(cluster.socket_conninfo(database)).run("CREATE TABLE t (name text PRIMARY KEY)");
  }
  test_support::WeirProcess weir({.upstream = cluster.uri(),
                                  .emit = {"stdout"},
                                  .arguments = {"--format", "flat", "--capture.databases", "shop_*"}});
  for (const std::string database : {"shop_eu", "test_shop", "shop_us", "postgres"}) {
    const test_support::PgConnection client(weir.conninfo(database));
    client.run("CREATE TABLE IF NOT EXISTS t (name text PRIMARY KEY); INSERT INTO t VALUES ('" + database + "')");
    EXPECT_EQ(client.value("SELECT name FROM t"), database);
  }
  EXPECT_EQ(weir.terminate(), 0);
  const auto events = weir.output();
  EXPECT_EQ(std::count(events.begin(), events.end(), '\n'), 2) << events;
  for (const std::string database : {"shop_eu", "shop_us"}) {
    EXPECT_NE(events.find(R"("op":"insert","db":")" + database + R"(","schema":"public","table":"t","key":{"name":")" +
                          database + R"("})"),
              std::string::npos)
        << events;
  }
  EXPECT_NE(events.find(R"("user":"postgres","txid":)"), std::string::npos) << events;
}

/// What is in the log so far is in a segment that nothing else is written into.
void fill_segment(capture::EventLog& log) {
  const auto first = log.end();
  event::ChangeEvent change;
  change.ordinal = 1;
  change.after = std::string(40'000, 'x');
  while (log.end() < first + (64u << 20)) {
    event::Transaction transaction;
    transaction.id = log.next_id();
    transaction.event_count = 1;
    ASSERT_TRUE(log.write(transaction, {&change, 1}, nullptr, [](capture::Place) {}));
    const capture::LogOutcome aborted{capture::LogOutcome::Kind::aborted, transaction.id};
    ASSERT_TRUE(log.note({&aborted, 1}));
  }
  ASSERT_TRUE(log.sync());
}

/// A destination over four starts: there, left out, forgotten while others go on, and back again.
TEST(Main, ADestinationThatIsLeftOutIsRefusedUntilItIsForgotten) {
  test_support::PgCluster cluster(15);
  cluster.start();
  const test_support::PgConnection admin(cluster.socket_conninfo());
  admin.run("CREATE TABLE t (id int PRIMARY KEY)");
  const test_support::TempFolder folder("weir-main");
  const auto journal = (folder / "journal").string();
  const auto file = "file:" + (folder / "events").string();
  const auto write = [&](const std::vector<std::string>& emit, int id) {
    test_support::WeirProcess weir({.upstream = cluster.uri(),
                                    .emit = emit,
                                    .arguments = {"--journal", journal, "--format", "flat"},
                                    .journal = false});
    test_support::PgConnection(weir.conninfo()).run("INSERT INTO t VALUES (" + std::to_string(id) + ")");
    EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  };
  write({"stdout", file}, 1);
  expect_refusal(kLeast + "--journal " + journal, 1,
                 {file, "leaves out", "weir journal forget " + file + " --journal " + journal});
  expect_refusal("journal forget kafka://a/b --journal " + journal, 1, {"knows no destination kafka://a/b", file});
  expect_refusal("journal forget " + file + " --journal /nonexistent/j", 2, {"there is no journal /nonexistent/j"});
  expect_refusal("journl forget", 2, {"\"journal\""});
  expect_refusal("journal forget", 2, {"forget DESTINATION"});
  std::ofstream(folder / "weir.yaml") << "journal:\n  path: " << journal << "\n";
  expect_refusal("journal --config " + (folder / "weir.yaml").string(), 0,
                 {file, "1 segment: transactions 1 to 1 of the stream", "0 in doubt"});
  expect_refusal("journal forget " + file + " --journal " + journal, 0, {});
  write({"stdout"}, 2);
  write({"stdout"}, 3);
  // As a running Weir does after a moment: these segments are full, and everybody has what is in them.
  {
    const auto opened = capture::open_journal({.path = journal, .segment_bytes = 1});
    ASSERT_TRUE(opened) << opened.error().message;
    fill_segment(*opened->log);
    ASSERT_TRUE(opened->log->keep_from(3));
    ASSERT_EQ(opened->log->erased().through, 3);
  }
  write({file, "stdout"}, 4);
  const auto events = test_support::read_file(folder / "events");
  EXPECT_EQ(std::count(events.begin(), events.end(), '\n'), 3) << events;
  EXPECT_NE(events.find(R"("row":{"id":1})"), std::string::npos) << events;
  const auto gap = events.find("transactions 2 to 3 of the stream, up to lsn ");
  ASSERT_NE(gap, std::string::npos) << events;
  EXPECT_GT(events.find(R"("row":{"id":4})"), gap) << events;
}

TEST(Main, ADestinationThatIsRenamedGoesOn) {
  test_support::PgCluster cluster(15);
  cluster.start();
  const test_support::PgConnection admin(cluster.socket_conninfo());
  admin.run("CREATE TABLE t (id int PRIMARY KEY)");
  const test_support::TempFolder folder("weir-main");
  const auto journal = (folder / "journal").string();
  const auto one = (folder / "one").string();
  const auto two = (folder / "two").string();
  const auto write = [&](const std::string& path, int id) {
    test_support::WeirProcess weir({.upstream = cluster.uri(),
                                    .emit = {"file:" + path},
                                    .arguments = {"--journal", journal, "--format", "flat"},
                                    .journal = false});
    test_support::PgConnection(weir.conninfo()).run("INSERT INTO t VALUES (" + std::to_string(id) + ")");
    EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  };
  write(one, 1);
  expect_refusal("journal rename file:" + one + " file:" + two + " --journal " + journal, 0, {});
  write(two, 2);
  const auto events = test_support::read_file(two);
  EXPECT_EQ(std::count(events.begin(), events.end(), '\n'), 1) << events;
  EXPECT_NE(events.find(R"("row":{"id":2})"), std::string::npos) << events;
}

/// The journal is deleted under a running Weir: the log says so before anybody writes, and writes are refused.
TEST(Main, AJournalThatIsDeletedRefusesCommitsAndSaysWhatToDo) {
  test_support::PgCluster cluster(15);
  cluster.start();
  const test_support::PgConnection admin(cluster.socket_conninfo());
  admin.run("CREATE TABLE t (id int PRIMARY KEY)");
  test_support::WeirProcess weir({.upstream = cluster.uri(), .emit = {"stdout"}});
  weir.start();
  auto client = connect(weir);
  ASSERT_TRUE(client) << client.error().message;
  ASSERT_TRUE(client->query("INSERT INTO public.t VALUES (1)"));
  std::filesystem::remove_all(weir.folder() / "journal" / "log");
  const auto said = [&] { return weir.errors().find("was removed while Weir uses it") != std::string::npos; };
  for (int i = 0; i < 500 && !said(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(said()) << weir.errors();
  const auto refused = client->query("INSERT INTO public.t VALUES (2)");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sqlstate, "58030") << refused.error().message;
  EXPECT_TRUE(client->query("SELECT 1"));
  EXPECT_EQ(admin.value("SELECT string_agg(id::text, ',') FROM t"), "1") << "its COMMIT was never sent";
  const auto log = weir.errors();
  EXPECT_NE(log.find("put it back"), std::string::npos) << log;
}

TEST(Main, ATemporaryJournalIsSaidToBeOne) {
  const auto ended = weir(kLeast + "--emit file:/nonexistent/x");
  EXPECT_NE(ended.text.find("--journal PATH"), std::string::npos) << ended.text;
}

}  // namespace
}  // namespace weir::proxy
