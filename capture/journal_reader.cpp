#include "capture/journal_reader.h"

#include <utility>

#include "capture/journal_checksum.h"

namespace weir::capture {

namespace {

constexpr const char* select_events =
    "SELECT ordinal, op, fidelity, table_schema, table_name, lsn, statement_order, key, old_key, before, after, "
    "inserted,"
    " updated, deleted, cause, statement, tags, checksum, transaction_id FROM events";
constexpr const char* of_transaction = " WHERE transaction_id = ? AND ordinal > ? ORDER BY ordinal LIMIT ?";

event::Fidelity parse_fidelity(std::string_view text) {
  if (text == "row") return event::Fidelity::row;
  if (text == "input") return event::Fidelity::input;
  return event::Fidelity::statement;
}

event::ChangeEvent read_event(sqlite::Statement& row) {
  event::ChangeEvent event;
  event.ordinal = static_cast<std::uint32_t>(row.integer(0));
  const std::string_view op = row.text(1);
  event.op = op.empty() ? event::Op::gap : static_cast<event::Op>(op.front());
  event.fidelity = parse_fidelity(row.text(2));
  event.schema = row.text(3);
  event.table = row.text(4);
  event.lsn = static_cast<event::Lsn>(row.integer(5));
  event.statement_order = static_cast<std::uint32_t>(row.integer(6));
  event.key = row.optional_text(7);
  event.old_key = row.optional_text(8);
  event.before = row.optional_text(9);
  event.after = row.optional_text(10);
  event.counts = {row.integer(11), row.integer(12), row.integer(13)};
  event.cause = row.text(14);
  event.statement = row.text(15);
  event.tags = row.text(16);
  return event;
}

/// An older Weir stored none.
bool is_whole(sqlite::Statement& row, const event::ChangeEvent& event) {
  return row.is_null(17) || row.integer(17) == std::int64_t(checksum_of(row.integer(18), event));
}

Error damaged(const std::string& path, sqlite::Statement& row, const event::ChangeEvent& event) {
  Error error = sqlite::describe(nullptr, SQLITE_CORRUPT, path, "read events");
  error.message += " (event " + std::to_string(event.ordinal) + " of transaction " + std::to_string(row.integer(18)) +
                   " is not what was stored: its checksum does not fit)";
  return error;
}

class SqliteJournalReader final : public JournalReader {
 public:
  Result<void> start(const std::string& path) {
    Result<sqlite::Database> database = sqlite::Database::open(path);
    if (!database) return database.error();
    database_ = std::move(*database);
    Result<void> done = database_.execute("PRAGMA query_only = ON", "open it");
    if (!done) return done;
    Result<sqlite::Statement> next =
        database_.prepare(select_transactions(" WHERE position > ? ORDER BY position LIMIT 1").c_str(), "read it");
    if (!next) return next.error();
    Result<sqlite::Statement> events =
        database_.prepare((std::string(select_events) + of_transaction).c_str(), "read events");
    if (!events) return events.error();
    next_ = std::move(*next);
    events_ = std::move(*events);
    return {};
  }

  Result<std::optional<event::Transaction>> next(event::Position after) override {
    const Result<bool> row = next_.bind(after).step();
    if (!row) return row.error();
    if (!*row) return std::optional<event::Transaction>();
    std::optional<event::Transaction> transaction = read_transaction(next_);
    next_.reset();
    return transaction;
  }

  Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after_ordinal,
                                                 std::size_t limit) override {
    std::vector<event::ChangeEvent> events;
    std::size_t bytes = 0;
    events_.bind(id, after_ordinal, limit);
    for (Result<bool> row = events_.step(); !row || *row; row = events_.step()) {
      if (!row) return row.error();
      events.push_back(read_event(events_));
      if (!is_whole(events_, events.back())) {
        const Error error = damaged(database_.path(), events_, events.back());
        events_.reset();
        return error;
      }
      bytes += event::memory_of(events.back());
      if (bytes < kMostBytes) continue;
      events_.reset();
      break;
    }
    return events;
  }

 private:
  sqlite::Database database_;
  sqlite::Statement next_;
  sqlite::Statement events_;
};

}  // namespace

Result<void> check_events(sqlite::Database& database) {
  Result<sqlite::Statement> all = database.prepare(select_events, "check it");
  if (!all) return all.error();
  for (Result<bool> row = all->step(); !row || *row; row = all->step()) {
    if (!row) return row.error();
    const event::ChangeEvent event = read_event(*all);
    if (!is_whole(*all, event)) return damaged(database.path(), *all, event);
  }
  return {};
}

std::string select_transactions(std::string_view rest) {
  return "SELECT id, xid, database, first_lsn, last_lsn, resolved, prepared_us, committed_us, position, event_count, "
         "user,"
         " application_name, client, session, server_run FROM transactions" +
         std::string(rest);
}

event::Transaction read_transaction(sqlite::Statement& row) {
  event::Transaction transaction;
  transaction.id = row.integer(0);
  transaction.xid = static_cast<event::Xid>(row.integer(1));
  transaction.database = row.text(2);
  transaction.first_lsn = static_cast<event::Lsn>(row.integer(3));
  transaction.last_lsn = static_cast<event::Lsn>(row.integer(4));
  transaction.resolved = static_cast<event::Lsn>(row.integer(5));
  transaction.prepared_us = row.integer(6);
  transaction.committed_us = row.integer(7);
  transaction.position = row.integer(8);
  transaction.event_count = static_cast<std::uint32_t>(row.integer(9));
  transaction.context.user = row.text(10);
  transaction.context.application_name = row.text(11);
  transaction.context.client = row.text(12);
  transaction.context.session = row.text(13);
  transaction.server_run = row.text(14);
  return transaction;
}

Result<std::unique_ptr<JournalReader>> open_journal_reader(const std::string& path) {
  auto reader = std::make_unique<SqliteJournalReader>();
  const Result<void> started = reader->start(path);
  if (!started) return started.error();
  return std::unique_ptr<JournalReader>(std::move(reader));
}

}  // namespace weir::capture
