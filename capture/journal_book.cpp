#include "capture/journal_book.h"

#include <string>

#include "capture/journal_reader.h"

namespace weir::capture {

namespace {

/// In the table meta, so that a file of an older Weir needs no change: "forgotten:stdout".
constexpr const char* select_forgotten =
    "SELECT substr(name, 11), value FROM meta WHERE name GLOB 'forgotten:*' ORDER BY name";

Result<std::vector<Checkpoint>> read_positions(sqlite::Database& database, const char* sql) {
  Result<sqlite::Statement> statement = database.prepare(sql, "read its destinations");
  if (!statement) return statement.error();
  std::vector<Checkpoint> checkpoints;
  for (Result<bool> row = statement->step(); !row || *row; row = statement->step()) {
    if (!row) return row.error();
    checkpoints.push_back({std::string(statement->text(0)), statement->integer(1)});
  }
  return checkpoints;
}

template <typename... Values>
Result<void> run(sqlite::Database& database, const char* sql, const Values&... values) {
  Result<sqlite::Statement> statement = database.prepare(sql, "change its destinations");
  if (!statement) return statement.error();
  return statement->bind(values...).run();
}

}  // namespace

Result<std::vector<Checkpoint>> read_checkpoints(sqlite::Database& database) {
  return read_positions(database, "SELECT emitter, position FROM checkpoints ORDER BY emitter");
}

Result<std::vector<Checkpoint>> read_forgotten(sqlite::Database& database) {
  return read_positions(database, select_forgotten);
}

Result<Erased> read_erased(sqlite::Database& database) {
  const auto through = database.integer("SELECT value FROM meta WHERE name = 'trimmed_position'", "read its header");
  if (!through) return through.error();
  const auto lsn = database.integer("SELECT value FROM meta WHERE name = 'trimmed_lsn'", "read its header");
  if (!lsn) return lsn.error();
  return Erased{*through, static_cast<event::Lsn>(*lsn)};
}

Result<event::Position> read_last_position(sqlite::Database& database) {
  return database.integer(
      "SELECT max(ifnull((SELECT max(position) FROM transactions), 0),"
      " ifnull((SELECT max(position) FROM checkpoints), 0),"
      " (SELECT value FROM meta WHERE name = 'trimmed_position'))",
      "read its header");
}

Result<event::Lsn> read_last_lsn(sqlite::Database& database) {
  const auto lsn = database.integer(
      "SELECT max(ifnull((SELECT max(last_lsn) FROM transactions WHERE state = 'committed'), 0),"
      " (SELECT value FROM meta WHERE name = 'trimmed_lsn'))",
      "read its header");
  if (!lsn) return lsn.error();
  return static_cast<event::Lsn>(*lsn);
}

Result<std::vector<event::Transaction>> read_prepared(sqlite::Database& database, std::int64_t id_below) {
  Result<sqlite::Statement> statement = database.prepare(
      select_transactions(" WHERE state IN ('prepared', 'acknowledged') AND id < ? ORDER BY last_lsn").c_str(),
      "read what is in doubt");
  if (!statement) return statement.error();
  std::vector<event::Transaction> transactions;
  statement->bind(id_below);
  for (Result<bool> row = statement->step(); !row || *row; row = statement->step()) {
    if (!row) return row.error();
    transactions.push_back(read_transaction(*statement));
  }
  return transactions;
}

Result<std::vector<std::string>> read_server_runs(sqlite::Database& database) {
  Result<sqlite::Statement> statement =
      database.prepare("SELECT run FROM server_runs ORDER BY id", "read what was seen of the server");
  if (!statement) return statement.error();
  std::vector<std::string> runs;
  for (Result<bool> row = statement->step(); !row || *row; row = statement->step()) {
    if (!row) return row.error();
    runs.emplace_back(statement->text(0));
  }
  return runs;
}

Result<void> forget_destination(sqlite::Database& database, std::string_view emitter) {
  const Result<void> done = run(database,
                                "INSERT OR REPLACE INTO meta (name, value)"
                                " SELECT 'forgotten:' || emitter, position FROM checkpoints WHERE emitter = ?",
                                emitter);
  if (!done) return done;
  return run(database, "DELETE FROM checkpoints WHERE emitter = ?", emitter);
}

Result<void> rename_destination(sqlite::Database& database, std::string_view emitter, std::string_view now) {
  const Result<void> done = run(database, "UPDATE checkpoints SET emitter = ? WHERE emitter = ?", now, emitter);
  if (!done) return done;
  return run(database, "DELETE FROM meta WHERE name = 'forgotten:' || ?", now);
}

}  // namespace weir::capture
