// A Weir that is told everything by its environment, as a container is; and what `weir config` says of the same.
#include <gtest/gtest.h>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

using test_support::ChildProcess;

TEST(EnvironmentOnly, AWeirWithoutAnyFlagCapturesWhereItIsTold) {
  test_support::PgCluster cluster(15);
  cluster.start();
  test_support::PgConnection(cluster.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY)");
  test_support::TempFolder folder("weir-environment");
  test_support::write_file(folder / "upstream", cluster.uri() + "\n");
  const int port = test_support::free_port();
  const std::vector<std::string> environment = {
      "WEIR_LISTEN=127.0.0.1:" + std::to_string(port),
      "WEIR_UPSTREAM=${file:" + (folder / "upstream").string() + "}",
      "WEIR_JOURNAL=" + (folder / "journal").string(),
      "WEIR_EMIT=file:" + (folder / "events").string(),
      "WEIR_EMIT_FORMAT=flat",
      "WEIR_SERVICE_HOST=10.0.0.1",  // Kubernetes' own, of a service of that name
  };
  ChildProcess weir(
      {.arguments = {test_support::weir_binary()}, .environment = environment, .stderr_path = folder / "stderr"});
  const auto conninfo = "host=127.0.0.1 port=" + std::to_string(port) + " user=postgres dbname=postgres";
  ASSERT_TRUE(test_support::eventually(std::chrono::seconds(20), [&] {
    try {
      test_support::PgConnection(conninfo).run("INSERT INTO t SELECT count(*) FROM t");
      return true;
    } catch (const std::exception&) {
      return false;
    }
  })) << test_support::tail_of(folder / "stderr");
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20), [&] {
    return test_support::read_file(folder / "events").find("\"id\":0") != std::string::npos;
  })) << test_support::tail_of(folder / "stderr");
  EXPECT_EQ(test_support::read_file(folder / "stderr").find("WEIR_"), std::string::npos);

  const auto config = run_weir({"config", "--workers", "2"}, environment);
  EXPECT_EQ(config.code, 0) << config.errors;
  expect_words(config.output, {"path: " + (folder / "journal").string() + "  # WEIR_JOURNAL", "workers: 2  # --workers",
                               "    format: flat  # WEIR_EMIT_FORMAT", "# WEIR_UPSTREAM"});
  const auto journal = run_weir({"journal", "ls"}, environment);
  EXPECT_EQ(journal.code, 0) << journal.errors;
  expect_words(journal.output, {"file:" + (folder / "events").string()});
}

TEST(EnvironmentOnly, ANameThatIsNearASettingIsAWarningAndAWrongValueNoStart) {
  const auto near = run_weir({"config", "--upstream", "postgresql://db", "--emit", "stdout"}, {"WEIR_LOG_LEVL=debug"});
  EXPECT_EQ(near.code, 0);
  expect_words(near.errors, {"WEIR_LOG_LEVL", "did you mean \"WEIR_LOG_LEVEL\"?"});
  const auto wrong = run_weir({"--upstream", "postgresql://db", "--emit", "stdout"}, {"WEIR_LOG_LEVEL=loud"});
  EXPECT_EQ(wrong.code, 2);
  expect_words(wrong.errors, {"WEIR_LOG_LEVEL must be debug, info, warn or error (given: \"loud\")"});
}

TEST(EnvironmentOnly, TheFileItNamesIsRead) {
  test_support::TempFolder folder("weir-environment");
  test_support::write_file(folder / "weir.yaml",
                           "upstream: postgresql://me:hush@db/shop\nemit: stdout\nprefix: shop\n");
  const auto config = run_weir({"config"}, {"WEIR_CONFIG=" + (folder / "weir.yaml").string(), "WEIR_PREFIX=other"});
  EXPECT_EQ(config.code, 0);
  expect_words(config.output, {"weir.yaml:1", "prefix: other  # WEIR_PREFIX", "postgresql://me:***@db/shop"});
  expect_words(config.errors, {"holds a password and everybody may read it"});
  EXPECT_EQ((config.output + config.errors).find("hush"), std::string::npos);
}

}  // namespace
}  // namespace weir::proxy
