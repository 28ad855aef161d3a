// weir explain, with real catalogs: it says what a session would do, as the role that it is asked for, and runs
// nothing.
#include <gtest/gtest.h>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

class ExplainCommand : public testing::TestWithParam<int> {
 protected:
  ExplainCommand() : cluster_(GetParam(), {.lines = {"log_statement = all"}}) {
    cluster_.start();
    test_support::PgConnection(cluster_.socket_conninfo())
        .run(
            "CREATE TABLE t (id int PRIMARY KEY, v text, pw text);"
            "CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at);"
            "CREATE TABLE child (id int REFERENCES t ON DELETE CASCADE);"
            "CREATE ROLE app; GRANT INSERT ON t TO app;"
            "CREATE SCHEMA mine; CREATE TABLE mine.t (id int PRIMARY KEY);"
            "ALTER DATABASE postgres SET search_path = mine, public");
  }

  Ended explain(const std::string& sql, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"explain", sql, "--upstream", cluster_.uri()});
    return run_weir(more);
  }

  test_support::PgCluster cluster_;
};

TEST_P(ExplainCommand, ShowsPlanTextAndWhy) {
  const auto told =
      explain("UPDATE public.t SET id = id + 1 WHERE id = 5; SELECT 1", {"--capture.exclude_columns", "public.t.pw"});
  EXPECT_EQ(told.code, 0) << told.errors;
  expect_words(told.output, {"UPDATE public.t SET id = id + 1 WHERE id = 5\n", "fidelity row", "public.t (key: id)",
                             "pw: left out", "/*weir*/RETURNING", "SELECT 1\n", "it reads only"});
  const bool locks = told.output.find("FOR NO KEY UPDATE") != std::string::npos;
  EXPECT_EQ(locks, GetParam() < 18) << told.output;
}

TEST_P(ExplainCommand, NamesAreLookedUpAsAClientsAreAndRightsAreTheRoles) {
  expect_words(explain("DELETE FROM t").output, {"mine.t (key: id)"});
  expect_words(explain("INSERT INTO public.t VALUES (1)", {"--role", "app"}).output,
               {"fidelity input", "no SELECT privilege"});
  expect_words(explain("TRUNCATE public.t CASCADE").output, {"public.child only the statement is known"});
  const auto nobody = explain("DELETE FROM t", {"--role=nobody"});
  EXPECT_EQ(nobody.code, 1);
  expect_words(nobody.errors, {"as role \"nobody\""});
}

TEST_P(ExplainCommand, RunsNothingOfTheUsers) {
  expect_words(explain("INSERT INTO public.t VALUES (4711)").output, {"fidelity row"});
  expect_words(explain("SELECT pg_terminate_backend(4711)").output, {"it reads only"});
  EXPECT_EQ(test_support::PgConnection(cluster_.socket_conninfo()).value("SELECT count(*) FROM public.t"), "0");
  EXPECT_EQ(cluster_.log().find("4711"), std::string::npos) << "the statement went to the server";
}

TEST_P(ExplainCommand, WrongUseAndNoDatabaseAreSaid) {
  EXPECT_EQ(run_weir({"explain"}).code, 2);
  EXPECT_EQ(run_weir({"explain", "SELECT 1"}).code, 2);
  const auto nobody = run_weir({"explain", "SELECT 1", "--upstream", "postgresql://me:hush@127.0.0.1:1/x"});
  EXPECT_EQ(nobody.code, 1);
  expect_words(nobody.errors, {"cannot ask the database", "Connection refused"});
  EXPECT_EQ(nobody.errors.find("hush"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Versions, ExplainCommand, testing::Values(15, 18),
                         [](const auto& info) { return std::to_string(info.param); });

}  // namespace
}  // namespace weir::proxy
