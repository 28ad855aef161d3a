// What is known only by its statement, as it arrives: every table that a TRUNCATE empties, and the gaps of COPY.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

using test_support::PgConnection;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

std::string text_member(const std::string& line, const std::string& name) {
  const auto begin = line.find("\"" + name + "\":\"");
  if (begin == std::string::npos) return "";
  const auto at = begin + name.size() + 4;
  return line.substr(at, line.find('"', at) - at);
}

class StatementsTest : public testing::TestWithParam<int> {
 protected:
  StatementsTest() : cluster_(GetParam()) {}

  PgConnection direct() { return PgConnection(cluster_.socket_conninfo()); }
  /// Runs the statements through Weir, each by itself, and gives back the events' lines.
  std::vector<std::string> events_of(const std::vector<std::string>& statements,
                                     const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> all = {"--format", "flat"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    test_support::WeirProcess weir({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = all});
    {
      const PgConnection client(weir.conninfo());
      for (const auto& statement : statements) client.run(statement);
    }
    EXPECT_EQ(weir.terminate(), 0) << weir.errors();
    return lines_of(weir.output());
  }
  /// The tables of which the statement is told to have emptied, against those that it has emptied.
  std::multiset<std::string> truncated(const std::vector<std::string>& statements,
                                       const std::vector<std::string>& arguments = {}) {
    std::multiset<std::string> tables;
    for (const auto& line : events_of(statements, arguments)) {
      if (text_member(line, "op") == "truncate")
        tables.insert(text_member(line, "schema") + "." + text_member(line, "table"));
    }
    return tables;
  }

  test_support::PgCluster cluster_;
};

using Tables = std::multiset<std::string>;

/// orders ← lines ← notes (in another schema); customers is partitioned and referred to by orders_of, itself
/// partitioned; itself refers to itself; child inherits from orders, and its rows are orders too.
const char* const kSchema =
    "CREATE SCHEMA other;"
    "CREATE TABLE orders (id int PRIMARY KEY);"
    "CREATE TABLE child (PRIMARY KEY (id)) INHERITS (orders);"
    "CREATE TABLE lines (id int PRIMARY KEY, o int REFERENCES orders);"
    "CREATE TABLE other.notes (id int PRIMARY KEY, l int REFERENCES public.lines, again int REFERENCES other.notes);"
    "CREATE TABLE beside (id int PRIMARY KEY);"
    "CREATE TABLE customers (id int PRIMARY KEY) PARTITION BY RANGE (id);"
    "CREATE TABLE customers_1 PARTITION OF customers FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE customers_2 PARTITION OF customers FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);"
    "CREATE TABLE customers_2a PARTITION OF customers_2 FOR VALUES FROM (10) TO (20);"
    "CREATE TABLE orders_of (id int PRIMARY KEY, c int REFERENCES customers) PARTITION BY RANGE (id);"
    "CREATE TABLE orders_of_1 PARTITION OF orders_of FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE log_of (o int REFERENCES orders_of)";

TEST_P(StatementsTest, ACascadeTellsOfEveryTableThatItEmpties) {
  direct().run(kSchema);
  EXPECT_EQ(truncated({"TRUNCATE orders CASCADE"}),
            (Tables{"public.orders", "public.child", "public.lines", "other.notes"}));
  EXPECT_EQ(truncated({"TRUNCATE ONLY orders CASCADE"}), (Tables{"public.orders", "public.lines", "other.notes"}));
  EXPECT_EQ(truncated({"TRUNCATE lines, beside RESTART IDENTITY CASCADE"}),
            (Tables{"public.lines", "public.beside", "other.notes"}));
  EXPECT_EQ(truncated({"TRUNCATE orders, lines CASCADE"}),
            (Tables{"public.orders", "public.child", "public.lines", "other.notes"}));
  EXPECT_EQ(truncated({"TRUNCATE beside CASCADE"}), (Tables{"public.beside"}));
  EXPECT_EQ(truncated({"TRUNCATE beside, orders, child, beside CASCADE"}),
            (Tables{"public.beside", "public.orders", "public.child", "public.lines", "other.notes"}));
  EXPECT_EQ(truncated({"TRUNCATE orders, lines, other.notes"}),
            (Tables{"public.orders", "public.child", "public.lines", "other.notes"}));
}

TEST_P(StatementsTest, ACascadeFollowsPartitionsOnBothSides) {
  direct().run(kSchema);
  const Tables all = {"public.customers_1", "public.customers_2a", "public.orders_of_1", "public.log_of"};
  EXPECT_EQ(truncated({"TRUNCATE customers CASCADE"}), all);
  // Through one partition: what refers to the root is emptied, and the other partition is not.
  EXPECT_EQ(truncated({"TRUNCATE customers_1 CASCADE"}),
            (Tables{"public.customers_1", "public.orders_of_1", "public.log_of"}));
}

/// The oracle: what the server itself says, in its notices and in what is left.
TEST_P(StatementsTest, ACascadeTellsOfWhatIsEmptyAfterwards) {
  const auto connection = direct();
  connection.run(kSchema);
  connection.run(
      "INSERT INTO customers VALUES (1), (11); INSERT INTO orders_of VALUES (1, 1), (2, 11); INSERT INTO log_of VALUES "
      "(1)");
  const auto told = truncated({"TRUNCATE customers_2 CASCADE"});
  for (const std::string table : {"customers_1", "customers_2a", "orders_of_1", "log_of"}) {
    const bool empty = connection.value("SELECT count(*) FROM " + table) == "0";
    EXPECT_EQ(told.count("public." + table), empty ? 1u : 0u) << table;
  }
}

TEST_P(StatementsTest, ACascadeTellsOnlyOfWhatIsCaptured) {
  direct().run(kSchema);
  EXPECT_EQ(truncated({"TRUNCATE orders CASCADE"}, {"--capture.exclude", "public.lines"}),
            (Tables{"public.orders", "public.child", "other.notes"}));
  EXPECT_EQ(truncated({"TRUNCATE orders CASCADE"}, {"--capture.include", "other.*"}), (Tables{"other.notes"}));
  EXPECT_EQ(truncated({"TRUNCATE orders CASCADE"}, {"--capture.include", "public.orders"}),
            (Tables{"public.orders", "public.child"}));
}

TEST_P(StatementsTest, ACascadeInABlockOrInAQueryOfSeveralIsTheSame) {
  direct().run(kSchema);
  const Tables all = {"public.orders", "public.child", "public.lines", "other.notes"};
  EXPECT_EQ(truncated({"BEGIN", "TRUNCATE orders CASCADE", "COMMIT"}), all);
  EXPECT_EQ(truncated({"BEGIN", "TRUNCATE orders CASCADE", "ROLLBACK"}), Tables{});
  EXPECT_EQ(truncated({"SELECT 1; TRUNCATE orders CASCADE"}), all);
  // A constraint that is made later is known.
  EXPECT_EQ(
      truncated({"TRUNCATE beside CASCADE", "CREATE TABLE late (b int REFERENCES beside)", "TRUNCATE beside CASCADE"}),
      (Tables{"public.beside", "public.beside", "public.late"}));
}

/// COPY t FROM STDIN with these lines; its command tag, or the error's SQLSTATE.
std::string copy(const PgConnection& client, const std::string& sql, const std::string& data) {
  const auto take = [&](PGresult* result) {
    std::string said = PQcmdStatus(result);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) said = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (PQresultStatus(result) == PGRES_COPY_IN) said = "";
    PQclear(result);
    return said;
  };
  if (const std::string said = take(PQexec(client.raw(), sql.c_str())); !said.empty()) return said;
  PQputCopyData(client.raw(), data.data(), int(data.size()));
  PQputCopyEnd(client.raw(), nullptr);
  std::string said;
  for (PGresult* result = nullptr; (result = PQgetResult(client.raw())) != nullptr;) said += take(result);
  return said;
}

TEST_P(StatementsTest, ACopyThatCommitsByItselfSaysItsTransaction) {
  const auto connection = direct();
  connection.run(
      "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE late (t int REFERENCES t DEFERRABLE INITIALLY DEFERRED);"
      "CREATE TABLE told (id int); CREATE TABLE texts (said text); CREATE FUNCTION tell() RETURNS trigger LANGUAGE "
      "plpgsql AS 'BEGIN INSERT INTO texts VALUES (current_query()); RETURN NULL; END';"
      "CREATE TRIGGER tell AFTER INSERT ON told FOR EACH STATEMENT EXECUTE FUNCTION tell()");
  test_support::WeirProcess weir({.upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--format", "flat"}});
  {
    const PgConnection client(weir.conninfo());
    EXPECT_EQ(copy(client, "COPY t FROM STDIN; -- all of it", "1\n2\n"), "COPY 2");
    EXPECT_EQ(copy(client, "COPY t FROM STDIN", "x\n"), "22P02");
    EXPECT_EQ(copy(client, "COPY t FROM STDIN", "1\n"), "23505");
    EXPECT_EQ(copy(client, "COPY t FROM STDIN", ""), "COPY 0");
    EXPECT_EQ(copy(client, "COPY late FROM STDIN", "1\n"), "COPY 1");
    EXPECT_EQ(copy(client, "COPY late FROM STDIN", "99\n"), "23503")
        << "at the commit, and no CommandComplete before it";
    EXPECT_EQ(copy(client, "COPY told FROM STDIN", "7\n"), "COPY 1");
    client.run("BEGIN");
    EXPECT_EQ(copy(client, "COPY t FROM STDIN", "3\n"), "COPY 1");
    client.run("COMMIT");
    EXPECT_EQ(client.value("SELECT count(*) FROM t"), "3");
    EXPECT_EQ(client.value("SELECT said FROM texts"), "COPY told FROM STDIN");
  }
  EXPECT_EQ(weir.terminate(), 0) << weir.errors();
  const auto lines = lines_of(weir.output());
  ASSERT_EQ(lines.size(), 4u) << weir.output();
  const auto xmin = [&](const std::string& where) { return connection.value("SELECT xmin FROM " + where); };
  const auto expect_gap = [&](const std::string& line, const std::string& table, const std::string& xid) {
    for (const std::string& part :
         {"\"table\":\"" + table + "\"", std::string("\"cause\":\"copy\""), "\"txid\":" + xid + ",",
          std::string("\"db\":\"postgres\""), std::string("\"user\":\"postgres\"")})
      EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  };
  expect_gap(lines[0], "t", xmin("t WHERE id = 1"));
  expect_gap(lines[1], "late", xmin("late"));
  expect_gap(lines[2], "told", "null");
  expect_gap(lines[3], "t", xmin("t WHERE id = 3"));
}

INSTANTIATE_TEST_SUITE_P(Versions, StatementsTest, testing::Values(15, 18));

}  // namespace
}  // namespace weir
