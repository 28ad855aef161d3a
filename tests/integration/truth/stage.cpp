#include "tests/integration/truth/stage.h"

#include <algorithm>

#include "tests/integration/truth/oracles.h"

namespace weir::truth {
namespace {

using test_support::PassThrough;
using test_support::PgConnection;
using test_support::PgSettings;
using test_support::StreamEvent;
using test_support::WeirOptions;
using test_support::WeirProcess;

PgSettings settings(int version) {
  PgSettings settings;
  settings.logical = true;
  settings.authentication = "scram-sha-256";
  if (version == 15) settings.known.push_back("output_plugin_libraries = 'wal2json'");  // 15.19 and later ask for it
  // Sessions that wait for each other in a circle are part of the workload; a second each would be most of its time.
  settings.lines.push_back("deadlock_timeout = '30ms'");
  settings.lines.push_back("log_min_messages = panic");
  return settings;
}

void make_database(const PgConnection& connection, int version) {
  connection.run(
      "CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE weir LOGIN PASSWORD 'w:e/i@r'; GRANT CREATE ON SCHEMA public "
      "TO app; "
      "SET ROLE app;" +
      workload_tables() + history_triggers() + "RESET ROLE");
  make_slot(connection, version);
}

/// The statement that brings one event about in the replay.
void apply(const PgConnection& connection, const StreamEvent& event) {
  const auto& table = event.write.table;
  const auto literal = [&](const std::string& text) {
    char* escaped = PQescapeLiteral(connection.raw(), text.data(), text.size());
    const std::string out = escaped;
    PQfreemem(escaped);
    return out;
  };
  const auto& columns = key_columns().at(table);
  std::string condition;
  for (const auto& column : columns)
    condition += (condition.empty() ? "" : " AND ") + std::string("t.") + column + " = k." + column;
  if (!columns.empty()) {
    connection.run("DELETE FROM " + table + " t USING json_populate_record(NULL::" + table + ", " + literal(event.key) +
                   ") k WHERE " + condition);
  }
  if (event.write.op == 'd') return;
  // The image is handed over as the server wrote it: a JSON library would shorten its numbers.
  const auto begin = event.raw.find("\"after\":") + 8;
  const auto end = event.raw.find(",\"source\":", begin);
  connection.run("INSERT INTO " + table + " SELECT * FROM json_populate_record(NULL::" + table + ", " +
                 literal(event.raw.substr(begin, end - begin)) + ")");
}

std::string fingerprint(const PgConnection& connection, const std::string& table) {
  return connection.value(
      "SELECT count(*) || ' rows, ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\"), '')) "
      "FROM " +
      table + " t");
}

}  // namespace

Stage::Stage(int version, const PassThrough::Tap& tap, const std::vector<std::string>& more)
    : server_(version, settings(version)), broker_(2), reader_(broker_.bootstrap()) {
  make_database(connect(), version);
  int port = server_.port();
  if (tap) {
    pass_through_ = std::make_unique<PassThrough>(port, tap);
    port = pass_through_->port();
  }
  std::vector<std::string> arguments{"--format", "debezium", "--capture.exclude", "public.history"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  weir_ = std::make_unique<WeirProcess>(
      WeirOptions{.upstream = "postgresql://weir:w%3Ae%2Fi%40r@127.0.0.1:" + std::to_string(port) + "/postgres",
                  .emit = {"kafka://" + broker_.bootstrap() + "/" + prefix},
                  .arguments = arguments});
}

bool Stage::arrived() {
  const auto more = reader_.read_to_end(reader_.topics(prefix + "."));
  records_.insert(records_.end(), more.begin(), more.end());
  for (const auto& event : test_support::read_stream(more, prefix).events) {
    if (event.last) ended_.insert(event.xid);
  }
  return std::all_of(history_.transactions.begin(), history_.transactions.end(),
                     [this](const auto& transaction) { return ended_.count(transaction.first) != 0; });
}

void Stage::conclude() {
  const auto connection = connect();
  history_ = oracle_of_history(connection);
  decoded_ = oracle_of_decoding(connection, server_.version());
  test_support::eventually(std::chrono::seconds(30), [this] { return arrived(); });
  weir_->terminate();
  arrived();
  stream_ = test_support::read_stream(records_, prefix, partition_roots());
}

test_support::Violations replay(const test_support::PgCluster& server, const test_support::Stream& stream,
                                const std::string& database) {
  PgConnection(server.socket_conninfo()).run("CREATE DATABASE " + database);
  const PgConnection original(server.socket_conninfo());
  const PgConnection copy(server.socket_conninfo(database));
  copy.run(workload_tables() + base_rows() + "BEGIN");
  test_support::Violations violations;
  std::set<std::string> applied;
  for (const auto& event : stream.events) {
    if (event.fidelity != "row" || (event.key.empty() && !key_columns().at(event.write.table).empty())) {
      violations.push_back("event " + event.id + " cannot be applied: " + event.raw);
      continue;
    }
    // Only where there is no key a redelivered event must not be applied again.
    if (event.key.empty() && !applied.insert(event.id).second) continue;
    apply(copy, event);
  }
  copy.run("COMMIT");
  for (const auto& [table, columns] : key_columns()) {
    const auto there = fingerprint(copy, table);
    const auto here = fingerprint(original, table);
    if (there != here) violations.push_back(table + ": " + there + " after the replay, " + here + " in the original");
  }
  return violations;
}

}  // namespace weir::truth
