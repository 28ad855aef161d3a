// weir journal …, as an operator runs it: beside a Weir that writes, and on what a killed one has left.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

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

void expect_words(const std::string& text, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(text.find(word), std::string::npos) << "\"" << word << "\" in\n" << text;
}

/// A Weir with a destination that takes everything and one that nobody answers for.
class JournalOfAWeir : public testing::Test {
 protected:
  JournalOfAWeir() {
    cluster_.start();
    test_support::PgConnection(cluster_.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    weir_.emplace(test_support::WeirOptions{.upstream = cluster_.uri(), .emit = {"stdout", kNobody}});
    weir_->start();
  }

  Ended run(const std::string& command) const {
    Ended ended;
    const auto line = test_support::weir_binary() + " journal " + command + " --journal " +
                      (weir_->folder() / "journal").string() + " 2>&1 </dev/null";
    FILE* pipe = popen(line.c_str(), "r");
    if (pipe == nullptr) return ended;
    char buffer[4096];
    for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) ended.text.append(buffer, got);
    const int status = pclose(pipe);
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ended;
  }
  /// A moment behind the last one's answer it is in the stream; killed before, Weir would have to ask what became of
  /// it.
  void write(int first, int last) const {
    test_support::PgConnection client(weir_->conninfo());
    for (int id = first; id <= last; ++id) client.run("INSERT INTO t VALUES (" + std::to_string(id) + ", 'v')");
    const std::string stream = "transactions 1 to " + std::to_string(last) + " of the stream";
    EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20),
                                         [&] { return run("ls").text.find(stream) != std::string::npos; }));
  }
  static void expect_rows(const std::string& lines, int first, int last) {
    std::size_t at = 0;
    for (int id = first; id <= last; ++id) {
      at = lines.find("\"row\":{\"id\":" + std::to_string(id) + ",\"v\":\"v\"}", at);
      ASSERT_NE(at, std::string::npos) << id << " in its order in\n" << lines;
    }
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), last - first + 1) << lines;
  }

  const std::string kNobody = "kafka://127.0.0.1:1/shop";
  test_support::PgCluster cluster_{15, {.lines = {"max_prepared_transactions = 2"}}};
  std::optional<test_support::WeirProcess> weir_;
};

TEST_F(JournalOfAWeir, IsReadWhileItRunsAndAfterItWasKilled) {
  write(1, 20);
  const auto pid = std::to_string(weir_->pid());
  const auto ls = run("ls");
  EXPECT_EQ(ls.code, 0);
  expect_words(ls.text, {"in use by process " + pid, "stdout", kNobody, "transactions 1 to 20 of the stream"});
  expect_words(run("--json").text, {"\"pid\":" + pid, "{\"name\":\"" + kNobody + "\",\"position\":0,\"behind\":20}"});
  const auto check = run("check");
  EXPECT_EQ(check.code, 0) << check.text;
  expect_words(check.text, {"no damage", "20 events of 20 transactions"});
  expect_rows(run("export " + kNobody).text, 1, 20);
  expect_words(run("show 7").text, {": position 7, committed ", "INSERT public.t id=7 v=v"});
  EXPECT_EQ(run("dead-letters").text, "");
  for (const std::string& command : {"forget " + kNobody, "rename " + kNobody + " kafka://127.0.0.1:2/shop"}) {
    const auto refused = run(command);
    EXPECT_EQ(refused.code, 1);
    expect_words(refused.text, {"in use by process " + pid});
  }
  write(21, 22);
  weir_->kill_hard();
  expect_words(run("ls").text, {"not in use"});
  EXPECT_EQ(run("check").code, 0);
  expect_rows(run("export " + kNobody).text, 1, 22);
  weir_->start();
  write(23, 25);
  expect_rows(run("export " + kNobody).text, 1, 25);
  weir_->kill_hard();
  EXPECT_EQ(run("forget " + kNobody).code, 0);
  expect_words(run("ls").text, {"forgotten: " + kNobody});
}

// Altered past Weir, so a session's facts are of before: the first row of the new form names no shape, and has the
// catalog asked again for the next.
TEST_F(JournalOfAWeir, AnAlteredTableHasAnotherShapeOnceForEachVersion) {
  test_support::PgConnection direct(cluster_.socket_conninfo());
  for (const char* sql :
       {"CREATE SCHEMA \"a \"\"b\"\"\"", "CREATE TYPE \"a \"\"b\"\"\".mood AS ENUM ('ok')",
        "CREATE DOMAIN euro AS numeric(10,2)",
        "CREATE TABLE s (n numeric(10,2) NOT NULL, gone int, m \"a \"\"b\"\"\".mood, e euro, l varchar(20)[], "
        "w timestamptz(3), id bigint PRIMARY KEY)",
        "ALTER TABLE s DROP COLUMN gone"})
    direct.run(sql);
  test_support::PgConnection client(weir_->conninfo());
  const auto insert = [&client](const std::string& id) { client.run("INSERT INTO s (n, id) VALUES (1, " + id + ")"); };
  insert("1");
  client.run("SET quote_all_identifiers = on");  // the catalog is asked again, and would answer otherwise
  insert("2");
  direct.run("ALTER TABLE s ADD COLUMN more text");
  for (const char* id : {"3", "4", "5"}) insert(id);
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20), [&] {
    return run("ls").text.find("transactions 1 to 5 of the stream") != std::string::npos;
  }));
  const auto all = run("show 1 2 3 4 5");
  EXPECT_EQ(all.code, 0) << all.text;
  const std::string first =
      ": public.s: n numeric(10,2) not null, m a \"b\".mood, e public.euro, l varchar(20)[], "
      "w timestamptz(3), id int8 not null";
  std::vector<std::size_t> places;
  for (const std::string& line : {first + "; key id\n", std::string("id=2"), std::string("id=3"),
                                  first + ", more text; key id\n", std::string("id=4"), std::string("id=5")})
    places.push_back(all.text.find(line, places.empty() ? 0 : places.back()));
  for (const std::size_t place : places) EXPECT_NE(place, std::string::npos) << all.text;
  std::size_t shapes = 0;
  for (auto at = all.text.find("  shape "); at != std::string::npos; at = all.text.find("  shape ", at + 1)) ++shapes;
  EXPECT_EQ(shapes, 2u) << all.text;
  weir_->kill_hard();
  EXPECT_EQ(run("show 1 2 3 4 5").text, all.text);
  weir_->start();
  EXPECT_EQ(run("check").code, 0);
}

TEST_F(JournalOfAWeir, OneInDoubtIsShown) {
  write(1, 1);
  test_support::PgConnection client(weir_->conninfo());
  client.run("BEGIN");
  client.run("INSERT INTO t VALUES (2, 'in doubt')");
  client.run("PREPARE TRANSACTION 'p'");
  const auto live = run("ls");
  expect_words(live.text, {"1 in doubt or under way"});
  weir_->kill_hard();
  expect_words(run("ls").text, {"1 in doubt"});
  expect_words(run("show").text, {"no outcome yet, written ", "INSERT public.t id=2 v=\"in doubt\""});
  expect_words(run("export").text, {"1 transaction without a known outcome, not exported"});
}

}  // namespace
}  // namespace weir::proxy
