// weir stats, beside a Weir that runs: one page, lines of JSON, and on a terminal, which it leaves as it was.
#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "tests/proxy/command/on_a_terminal.h"
#include "tests/proxy/command/weir_command.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;
using test_support::PgConnection;

class StatsOfAWeir : public testing::Test {
 protected:
  StatsOfAWeir() {
    cluster_.start();
    weir_.emplace(test_support::WeirOptions{
        .upstream = cluster_.uri(), .emit = {"stdout"}, .arguments = {"--admin.listen", admin_}, .admin = true});
    const PgConnection client(weir_->conninfo());
    client.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    client.run("INSERT INTO t SELECT g, 'v' FROM generate_series(1, 7) g");
  }

  const std::string admin_ = "127.0.0.1:" + std::to_string(test_support::free_port());
  test_support::PgCluster cluster_{15};
  std::optional<test_support::WeirProcess> weir_;
};

TEST_F(StatsOfAWeir, PrintsOnePageOrLinesOfJson) {
  Ended page;
  EXPECT_TRUE(eventually(seconds(20),
                         [&] {
                           page = run_weir({"stats", "--once", "--interval", "0.1", "--admin", admin_});
                           return page.output.find("  7        0        0     0  postgres.public.t\n") !=
                                  std::string::npos;
                         }))
      << page.output << page.errors;
  EXPECT_EQ(page.code, 0);
  expect_words(page.output, {"1 committed", "\nstreaming ", "  stdout\n"});
  EXPECT_EQ(page.output.find('\x1b'), std::string::npos) << "it is no terminal";
  const auto json = run_weir({"stats", "--once", "--json"}, {"WEIR_ADMIN_LISTEN=" + admin_});
  EXPECT_EQ(json.code, 0) << json.errors;
  EXPECT_EQ(json.output.find('\n'), json.output.size() - 1);
  EXPECT_TRUE(json.output.starts_with("{\"version\":\"")) << json.output;
}

TEST_F(StatsOfAWeir, IsRefusedInPlainWords) {
  const auto nobody = run_weir({"stats", "--once", "--admin", "127.0.0.1:1"});
  EXPECT_EQ(nobody.code, 1);
  EXPECT_EQ(nobody.errors, "weir: 127.0.0.1:1: Connection refused\n");
  const auto other = run_weir({"stats", "--once", "--admin", "127.0.0.1:" + std::to_string(weir_->port())});
  EXPECT_EQ(other.code, 1);
  expect_words(other.errors, {"no Weir"});
  for (const auto& [flag, value] : std::vector<std::pair<std::string, std::string>>{{"--interval", "0"},
                                                                                    {"--interval", "x"},
                                                                                    {"--admin", "off"},
                                                                                    {"--admin", "unix:/tmp"},
                                                                                    {"--token", "short"}})
    EXPECT_EQ(run_weir({"stats", "--once", flag, value}).code, 2) << flag << " " << value;
}

TEST_F(StatsOfAWeir, APipeThatIsClosedEndsIt) {
  const auto ended = test_support::run({.arguments = {"timeout", "-s", "KILL", "20", "bash", "-c",
                                                      test_support::weir_binary() + " stats --interval 0.1 --admin " +
                                                          admin_ + " | head -n 1; exit ${PIPESTATUS[0]}"}});
  EXPECT_EQ(ended, 0);
}

TEST_F(StatsOfAWeir, SignalsEndItOffATerminalToo) {
  for (const int which : {SIGINT, SIGTERM}) {
    const test_support::TempFolder folder("weir-stats");
    test_support::ChildProcess stats(
        {.arguments = {test_support::weir_binary(), "stats", "--json", "--interval", "0.1", "--admin", admin_},
         .stdout_path = folder / "out"});
    EXPECT_TRUE(eventually(seconds(20), [&] { return !test_support::read_file(folder / "out").empty(); }));
    stats.send_signal(which);
    EXPECT_EQ(stats.wait(seconds(20)), 0);
  }
}

TEST_F(StatsOfAWeir, OnATerminalItRedrawsAndLeavesTheTerminalAsItWas) {
  OnATerminal stats({"stats", "--interval", "0.1", "--admin", admin_});
  ASSERT_TRUE(stats.is_changed());
  EXPECT_TRUE(stats.shows("\x1b[?1049h\x1b[?25l\x1b[H"));
  EXPECT_TRUE(stats.shows("postgres.public.t"));
  stats.forget();
  EXPECT_TRUE(stats.shows("\x1b[H\x1b[1mweir ")) << "again, in place";
  stats.press("q");
  EXPECT_EQ(stats.ended(), 0);
  EXPECT_TRUE(stats.shown().ends_with("\x1b[?25h\x1b[?1049l"));
  EXPECT_TRUE(stats.is_as_before());
}

TEST_F(StatsOfAWeir, SignalsEndItAsWell) {
  for (const int which : {SIGINT, SIGTERM, SIGHUP}) {
    OnATerminal stats({"stats", "--admin", admin_});
    ASSERT_TRUE(stats.is_changed());
    ASSERT_TRUE(stats.shows("postgres.public.t"));
    stats.signal(which);
    EXPECT_EQ(stats.ended(), 0) << which;
    EXPECT_TRUE(stats.is_as_before()) << which;
  }
}

TEST_F(StatsOfAWeir, GoesOnLookingWhileWeirIsDown) {
  OnATerminal stats({"stats", "--interval", "0.1", "--admin", admin_});
  ASSERT_TRUE(stats.shows("postgres.public.t"));
  weir_->kill_hard();
  EXPECT_TRUE(stats.shows(admin_ + ": Connection refused"));
  stats.forget();
  weir_->start();
  EXPECT_TRUE(eventually(seconds(20), [&] {
    stats.forget();
    return stats.shows("listening on ") && stats.shown().find("Connection refused") == std::string::npos;
  }));
  stats.press("q");
  EXPECT_EQ(stats.ended(), 0);
}

}  // namespace
}  // namespace weir::proxy
