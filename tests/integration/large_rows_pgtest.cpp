// What a large row, statement or parameter takes of Weir's memory: bounded by a small multiple of its size, and next to
// nothing where it only passes.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/support/weir_process.h"

namespace weir {
namespace {

using test_support::PgConnection;
using test_support::WeirProcess;

constexpr std::size_t kMegabyte = 1024 * 1024;

std::size_t status_bytes(const WeirProcess& weir, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(weir.pid()) + "/status");
  std::string word;
  std::size_t kilobytes = 0;
  while (status >> word)
    if (word == name) status >> kilobytes;
  return kilobytes * 1024;
}

/// One Weir, its client, and how far its memory rose while something was done.
class Stage {
 public:
  explicit Stage(const test_support::PgCluster& server, std::vector<std::string> arguments = {})
      : weir_({.upstream = server.uri(), .emit = {"file:events"}, .arguments = std::move(arguments)}),
        client_(weir_.conninfo()) {
    client_.run("DELETE FROM t WHERE id = 0");  // what is taken once is taken
    before_ = status_bytes(weir_, "VmRSS:");
  }
  const PgConnection& client() const { return client_; }
  /// When all is delivered; or nothing, and that is a failure.
  std::size_t finish() {
    client_.run("INSERT INTO last VALUES (1)");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (last_line().find("\"table\":\"last\"") == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << weir_.errors();
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const std::size_t peak = status_bytes(weir_, "VmHWM:");
    EXPECT_EQ(weir_.terminate(), 0) << weir_.errors();
    return peak - before_;
  }
  /// What was delivered.
  std::string events() const { return test_support::read_file(weir_.folder() / "events"); }

 private:
  /// Of what was delivered, which may be hundreds of megabytes.
  std::string last_line() const {
    std::ifstream file(weir_.folder() / "events", std::ios::binary | std::ios::ate);
    const auto size = std::streamoff(file.tellg());
    file.seekg(std::max<std::streamoff>(size - 4096, 0));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  WeirProcess weir_;
  PgConnection client_;
  std::size_t before_ = 0;
};

std::string x(std::size_t megabytes) {
  return std::string(megabytes * kMegabyte, 'x');
}

void execute(const PgConnection& client, const char* sql, const std::string& parameter, int format = 0) {
  const char* values[] = {parameter.data()};
  const int lengths[] = {int(parameter.size())};
  PGresult* result = PQexecParams(client.raw(), sql, 1, nullptr, values, lengths, &format, 0);
  const auto status = PQresultStatus(result);
  EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) << PQresultErrorMessage(result);
  PQclear(result);
}

void copy_in(const PgConnection& client, const std::string& sql, const std::string& data) {
  PQclear(PQexec(client.raw(), sql.c_str()));
  EXPECT_EQ(PQputCopyData(client.raw(), data.data(), int(data.size())), 1);
  EXPECT_EQ(PQputCopyEnd(client.raw(), nullptr), 1);
  while (PGresult* result = PQgetResult(client.raw())) {
    EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << PQresultErrorMessage(result);
    PQclear(result);
  }
}

void update_in_block(const PgConnection& client) {
  client.run("BEGIN");
  client.run("UPDATE t SET id = id WHERE id = 4");
  client.run("COMMIT");
}

/// What is done, and how much may be taken for it.
struct Case {
  const char* name;
  std::function<void(const PgConnection&)> act;
  std::size_t images;     ///< MB of JSON in the event; 0: it is a gap, or nothing was written
  std::size_t statement;  ///< MB of text that is parsed, and kept until the answer is in
  std::size_t passes;     ///< MB of a message that goes on, but is read as a whole: parameters, a text, a client's row
  std::vector<std::string> arguments = {};
};

/// What goes on in Weir beside it: buffers of a few sockets, the file that is synced.
constexpr std::size_t kBeside = 16;

std::size_t bound(const Case& one) {
  return 5 * one.images / 2 + 4 * one.statement + 2 * one.passes + kBeside;
}

class LargeRows : public testing::TestWithParam<int> {
 protected:
  LargeRows() : server_(GetParam()) {
    const PgConnection direct(server_.socket_conninfo());
    direct.run("CREATE TABLE t (id int PRIMARY KEY, b bytea, s text); CREATE TABLE last (n int)");
    // The server is not to spend its time with compressing.
    direct.run("ALTER TABLE t ALTER b SET STORAGE EXTERNAL, ALTER s SET STORAGE EXTERNAL");
  }
  void expect_bounded(const Case& one) {
    Stage stage(server_, one.arguments);
    one.act(stage.client());
    const std::size_t rose = stage.finish();
    std::printf("%d %-44s %3zu MB of images, %3zu MB of text: +%3zu MB\n", GetParam(), one.name, one.images,
                one.statement + one.passes, rose / kMegabyte);
    EXPECT_LE(rose / kMegabyte, bound(one)) << one.name;
    const std::size_t file = stage.events().size();
    EXPECT_GE(file, one.images * kMegabyte) << one.name;
    EXPECT_LT(file, one.images * kMegabyte + kMegabyte) << one.name;
  }
  test_support::PgCluster server_;
};

TEST_P(LargeRows, AreInMemoryAFewTimesAtMost) {
  const bool both = GetParam() >= 18;  // an UPDATE's event has the old row too
  const std::vector<Case> cases = {
      {"INSERT of a bytea parameter", [](auto& c) { execute(c, "INSERT INTO t (id, b) VALUES (1, $1)", x(20), 1); }, 40,
       0, 20},
      {"INSERT of a text parameter", [](auto& c) { execute(c, "INSERT INTO t (id, s) VALUES (2, $1)", x(40)); }, 40, 0,
       40},
      {"INSERT of a literal", [](auto& c) { c.run("INSERT INTO t (id, s) VALUES (3, '" + x(15) + "')"); }, 15, 15, 0},
      {"INSERT of what is updated", [](auto& c) { execute(c, "INSERT INTO t (id, s) VALUES (4, $1)", x(20)); }, 20, 0,
       20},
      {"UPDATE in a block", update_in_block, both ? 40u : 20u, 0, 0},
      {"UPDATE with RETURNING", [](auto& c) { (void)c.rows("UPDATE t SET id = id WHERE id = 4 RETURNING s"); },
       both ? 40u : 20u, 0, 20},
      {"UPDATE of the key", [](auto& c) { c.run("UPDATE t SET id = 6 WHERE id = 4"); }, 40, 0, 0},
      {"DELETE", [](auto& c) { c.run("DELETE FROM t WHERE id = 2"); }, 40, 0, 0},
      {"INSERT of 100 MB, allowed",
       [](auto& c) { execute(c, "INSERT INTO t (id, b) VALUES (5, $1)", x(50), 1); },
       100,
       0,
       50,
       {"--capture.max_row_bytes", "200MB"}},
  };
  for (const Case& one : cases) expect_bounded(one);
}

TEST_P(LargeRows, ThatOnlyPassTakeNextToNothing) {
  const std::vector<Case> cases = {
      {"COPY of a row", [](auto& c) { copy_in(c, "COPY t (id, s) FROM STDIN", "1\t" + x(100) + "\n"); }, 0, 0, 0},
      {"SELECT of a row", [](auto& c) { (void)c.rows("SELECT s FROM t WHERE id = 1"); }, 0, 0, 0},
      {"INSERT beyond the limit", [](auto& c) { execute(c, "INSERT INTO t (id, s) VALUES (2, $1)", x(100)); }, 0, 0, 0},
      {"UPDATE beyond the limit", [](auto& c) { c.run("UPDATE t SET id = id WHERE id = 2"); }, 0, 0, 0},
      {"INSERT of a literal beyond the limit",
       [](auto& c) { c.run("INSERT INTO t (id, s) VALUES (3, '" + x(100) + "')"); }, 0, 0, 0},
      {"a parameter", [](auto& c) { execute(c, "SELECT length($1)", x(100)); }, 0, 0, 0},
      {"a literal", [](auto& c) { (void)c.rows("SELECT length('" + x(100) + "')"); }, 0, 0, 0},
      {"INSERT of a literal that is not parsed",
       [](auto& c) { c.run("INSERT INTO t (id, s) VALUES (4, '" + x(40) + "')"); }, 0, 0, 40},
      {"a literal that is not parsed", [](auto& c) { (void)c.rows("SELECT length('" + x(40) + "')"); }, 0, 0, 40},
  };
  for (const Case& one : cases) expect_bounded(one);
}

INSTANTIATE_TEST_SUITE_P(Versions, LargeRows, testing::Values(15, 18));

}  // namespace
}  // namespace weir
