#include "capture/journal.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "capture/journal_book.h"
#include "capture/journal_checksum.h"
#include "capture/journal_file.h"
#include "capture/journal_reader.h"
#include "capture/sqlite.h"

namespace weir::capture {

namespace {

constexpr std::int64_t ids_per_reservation = 4096;
// Pages in the WAL from which on they are copied to the file: 4 MB where nobody waits, more where sessions do.
constexpr std::uint64_t checkpoint_at_flush = 1000;
constexpr std::uint64_t checkpoint_at_sync = 4000;
constexpr int groups_per_count = 64;
constexpr std::uint64_t frames_per_count = 128;

std::optional<std::string_view> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::optional<std::int64_t> unless_zero(std::int64_t count) {
  if (count == 0) return std::nullopt;
  return count;
}

class SqliteJournal final : public Journal {
 public:
  SqliteJournal(JournalFile file, sqlite::Database database, Durability durability)
      : file_(std::move(file)), database_(std::move(database)), durability_(durability) {}
  ~SqliteJournal() override;

  Result<void> start();

  Result<std::int64_t> begin() override;
  Result<void> append(std::int64_t id, std::span<const event::ChangeEvent> events) override;
  Result<void> truncate(std::int64_t id, std::uint32_t ordinal) override;
  Result<void> prepare(const event::Transaction& transaction) override;
  Result<void> reopen(std::int64_t id) override;
  Result<void> acknowledge(std::int64_t id, std::int64_t committed_us) override;
  Result<void> release(std::int64_t id, event::Position position, event::Lsn resolved,
                       std::int64_t committed_us) override;
  Result<void> erase(std::int64_t id) override;
  Result<void> note_server_run(std::string_view run) override;
  Result<void> set_checkpoint(std::string_view emitter, event::Position position) override;
  Result<void> forget(std::string_view emitter) override;
  Result<void> rename(std::string_view emitter, std::string_view now) override;
  Result<bool> trim(event::Position through, std::size_t limit) override;
  Result<void> dead_letter(std::string_view emitter, event::Position position, std::string_view topic,
                           std::string_view key, std::string_view value, std::string_view reason) override;
  Result<void> sync() override;
  Result<void> flush() override;
  void compact() override;

  Result<std::vector<event::Transaction>> in_doubt() override { return read_prepared(database_, first_id_of_run_); }
  Result<std::vector<Checkpoint>> checkpoints() override { return read_checkpoints(database_); }
  Result<std::vector<Checkpoint>> forgotten() override { return read_forgotten(database_); }
  Result<Erased> erased() override { return read_erased(database_); }
  Result<std::vector<std::string>> server_runs() override { return read_server_runs(database_); }
  Result<event::Position> last_position() override { return last_position_; }
  Result<event::Lsn> last_lsn() override { return read_last_lsn(database_); }
  std::uint64_t bytes() const override { return bytes_; }
  const std::string& instance() const override { return instance_; }
  const std::string& warning() const override { return file_.warning(); }
  Result<std::unique_ptr<JournalReader>> reader() override { return open_journal_reader(file_.path()); }

 private:
  struct Open {
    bool stored = false;  // its row was committed in state open
    bool lost = false;    // some of its events were in a group that was undone
  };
  struct Large {
    std::int64_t id;
    event::Position position;
  };
  struct TrimRange {
    event::Position through = 0;     // whole transactions, up to this one
    std::optional<Large> too_large;  // the first one alone is larger than the limit
    bool more = false;
  };

  Result<void> prepare_statements();
  Result<void> load();
  Result<void> enter();
  Result<void> write(sqlite::Statement& statement);
  Result<void> write_one(sqlite::Statement& statement, std::int64_t id, const char* otherwise);
  Result<void> write_event(std::int64_t id, const event::ChangeEvent& event);
  Result<void> usable(std::int64_t id);
  Result<void> store_open_transactions();
  Result<void> commit();
  Result<void> force_wal();
  void abandon(const Error& error);
  void forget_group();
  void refresh_bytes();
  Result<TrimRange> trim_range(event::Position through, std::size_t limit);
  Result<void> trim_part(const Large& transaction, std::size_t limit);
  Result<void> trim_whole(event::Position through);
  Error misuse(std::int64_t id, const char* what) const;

  JournalFile file_;  // declared first: released last
  sqlite::Database database_;
  const Durability durability_;
  std::string instance_;

  sqlite::Statement begin_group_, commit_group_, rollback_group_;
  sqlite::Statement insert_open_, insert_event_, truncate_events_, upsert_prepared_, reopen_;
  sqlite::Statement acknowledge_, release_;
  sqlite::Statement delete_transaction_, delete_events_, transaction_state_;
  sqlite::Statement insert_run_, upsert_checkpoint_, insert_dead_letter_, raise_meta_;
  sqlite::Statement trim_candidates_, trim_events_, trim_transactions_, trim_bound_, trim_some_events_, trimmed_lsn_;
  sqlite::Statement page_count_, freelist_count_;

  std::int64_t next_id_ = 1;
  std::int64_t reserved_id_ = 1;            // ids below it are never given out again after a restart
  std::int64_t committed_reserved_id_ = 1;  // the same, as it stands in the file
  std::int64_t first_id_of_run_ = 1;
  event::Position last_position_ = 0;
  std::uint64_t page_size_ = 4096;
  std::uint64_t bytes_ = 0;
  std::uint64_t pages_ = 0;
  std::uint64_t wal_frames_ = 0;
  std::uint64_t counted_frames_ = 0;  // when pages_ were counted
  int groups_since_counted_ = groups_per_count;

  bool in_group_ = false;
  bool unsynced_ = false;                        // committed, not yet forced to disk
  std::vector<std::int64_t> touched_;            // transactions that got events in this group
  std::unordered_map<std::int64_t, Open> open_;  // begun or opened again in this run, and neither prepared nor erased
  std::optional<Error> failed_;                  // this group was undone; told again until sync or flush ends it
  std::optional<Error> broken_;                  // the disk lost writes: nothing is promised any more
};

Result<void> SqliteJournal::prepare_statements() {
  const struct {
    sqlite::Statement& statement;
    const char* sql;
    const char* doing;
  } all[] = {
      {begin_group_, "BEGIN IMMEDIATE", "begin to write"},
      {commit_group_, "COMMIT", "commit"},
      {rollback_group_, "ROLLBACK", "roll back"},
      {insert_open_, "INSERT OR IGNORE INTO transactions (id, state) VALUES (?, 'open')", "store a transaction"},
      {insert_event_,
       "INSERT INTO events (transaction_id, ordinal, op, fidelity, table_schema, table_name, lsn, statement_order, key,"
       " old_key, before, after, inserted, updated, deleted, cause, statement, tags, checksum)"
       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
       "store an event"},
      {truncate_events_, "DELETE FROM events WHERE transaction_id = ? AND ordinal >= ?", "take events back"},
      {upsert_prepared_,
       "INSERT OR REPLACE INTO transactions (id, state, xid, event_count, first_lsn, last_lsn, prepared_us, database,"
       " user, application_name, client, session, server_run)"
       " VALUES (?, 'prepared', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
       "prepare a transaction"},
      {reopen_, "UPDATE transactions SET state = 'open' WHERE id = ? AND state = 'prepared'",
       "open a transaction again"},
      {release_,
       "UPDATE transactions SET state = 'committed', position = ?, resolved = ?, committed_us = ?"
       " WHERE id = ? AND state IN ('prepared', 'acknowledged')",
       "release a transaction"},
      {acknowledge_,
       "UPDATE transactions SET state = 'acknowledged', committed_us = ? WHERE id = ? AND state = 'prepared'",
       "acknowledge a transaction"},
      {delete_transaction_, "DELETE FROM transactions WHERE id = ? AND state <> 'committed'", "erase a transaction"},
      {delete_events_, "DELETE FROM events WHERE transaction_id = ?", "erase events"},
      {transaction_state_, "SELECT state FROM transactions WHERE id = ?", "read a transaction"},
      {insert_run_, "INSERT OR IGNORE INTO server_runs (run) VALUES (?)", "note a run of the server"},
      {upsert_checkpoint_, "INSERT OR REPLACE INTO checkpoints (emitter, position) VALUES (?, ?)",
       "store a checkpoint"},
      {insert_dead_letter_,
       "INSERT INTO dead_letters (emitter, position, topic, key, value, reason) VALUES (?, ?, ?, ?, ?, ?)",
       "store a dead letter"},
      {raise_meta_, "UPDATE meta SET value = max(value, ?) WHERE name = ?", "write its header"},
      {trim_candidates_, "SELECT position, event_count, id FROM transactions WHERE position <= ? ORDER BY position",
       "trim"},
      {trim_events_, "DELETE FROM events WHERE transaction_id IN (SELECT id FROM transactions WHERE position <= ?)",
       "trim"},
      {trim_transactions_, "DELETE FROM transactions WHERE position <= ?", "trim"},
      {trim_bound_, "SELECT ordinal FROM events WHERE transaction_id = ? ORDER BY ordinal LIMIT 1 OFFSET ?", "trim"},
      {trim_some_events_, "DELETE FROM events WHERE transaction_id = ? AND ordinal < ?", "trim"},
      {trimmed_lsn_, "SELECT max(last_lsn) FROM transactions WHERE position <= ?", "trim"},
      {page_count_, "PRAGMA page_count", "measure it"},
      {freelist_count_, "PRAGMA freelist_count", "measure it"},
  };
  for (const auto& each : all) {
    Result<sqlite::Statement> prepared = database_.prepare(each.sql, each.doing);
    if (!prepared) return prepared.error();
    each.statement = std::move(*prepared);
  }
  return {};
}

Result<void> SqliteJournal::load() {
  const auto next_id = database_.integer("SELECT value FROM meta WHERE name = 'next_id'", "read its header");
  const auto last_position = read_last_position(database_);
  const auto page_size = database_.integer("PRAGMA page_size", "read its header");
  const auto instance = database_.text("SELECT value FROM meta WHERE name = 'instance'", "read its header");
  for (const auto* number : {&next_id, &last_position, &page_size})
    if (!*number) return number->error();
  if (!instance) return instance.error();
  first_id_of_run_ = reserved_id_ = committed_reserved_id_ = next_id_ = *next_id;
  last_position_ = *last_position;
  page_size_ = static_cast<std::uint64_t>(*page_size);
  instance_ = *instance;
  return {};
}

Result<void> SqliteJournal::start() {
  Result<void> done = database_.execute(
      "BEGIN IMMEDIATE;"
      "DELETE FROM events WHERE transaction_id IN (SELECT id FROM transactions WHERE state = 'open');"
      "DELETE FROM transactions WHERE state = 'open'; COMMIT;",
      "erase what was never prepared");
  if (done) done = prepare_statements();
  if (done) done = load();
  if (!done) return done;
  sqlite3_wal_hook(
      database_.connection(),
      [](void* self, sqlite3*, const char*, int frames) {
        static_cast<SqliteJournal*>(self)->wal_frames_ = static_cast<std::uint64_t>(frames);
        return SQLITE_OK;
      },
      this);
  refresh_bytes();
  const Result<void> remembered = file_.remember(instance_);
  return remembered ? file_.watch() : remembered;
}

SqliteJournal::~SqliteJournal() {
  if (in_group_ && !failed_ && !broken_) (void)sync();  // nobody waits for the answer
}

// -- groups ---------------------------------------------------------------------------------------------------------

Result<void> SqliteJournal::enter() {
  if (broken_) return *broken_;
  if (failed_) return *failed_;
  if (in_group_) return {};
  const Result<void> done = begin_group_.run();
  if (!done) {
    abandon(done.error());
    return done;
  }
  in_group_ = true;
  return {};
}

Result<void> SqliteJournal::write(sqlite::Statement& statement) {
  const Result<void> done = statement.run();
  // A value that is too large concerns its transaction alone; after anything else the group cannot be trusted.
  if (!done && (statement.code() & 0xFF) != SQLITE_TOOBIG) abandon(done.error());
  return done;
}

void SqliteJournal::abandon(const Error& error) {
  failed_ = error;
  for (const std::int64_t id : touched_) {
    const auto found = open_.find(id);
    if (found != open_.end()) found->second.lost = true;
  }
  if (sqlite3_get_autocommit(database_.connection()) == 0) (void)rollback_group_.run();
  reserved_id_ = committed_reserved_id_;
  forget_group();
}

void SqliteJournal::forget_group() {
  in_group_ = false;
  touched_.clear();
}

Result<void> SqliteJournal::store_open_transactions() {
  for (const std::int64_t id : touched_) {
    const auto found = open_.find(id);
    if (found == open_.end() || found->second.stored) continue;
    const Result<void> done = write(insert_open_.bind(id));
    if (!done) return done;
    found->second.stored = true;  // if the commit fails it is lost anyway
  }
  return {};
}

Result<void> SqliteJournal::commit() {
  if (broken_) return *broken_;
  if (const Result<void> there = file_.check(wal_frames_ * (page_size_ + 24)); !there) abandon(there.error());
  if (failed_) {
    const Error error = *failed_;
    failed_.reset();
    return error;
  }
  if (!in_group_) return {};
  Result<void> done = store_open_transactions();
  if (done) {
    refresh_bytes();
    done = write(commit_group_);
  }
  if (!done) {
    failed_.reset();  // told now
    return done;
  }
  committed_reserved_id_ = reserved_id_;
  unsynced_ = true;
  forget_group();
  return {};
}

/// COMMIT itself does not force the WAL to disk (synchronous = NORMAL), so that flush is cheap; sync does it here.
/// SQLite still orders its own writes around checkpoints. After a failed fsync the kernel forgets what it could not
/// write, so no later success can be believed: the journal stays broken until it is opened again, as PostgreSQL does.
Result<void> SqliteJournal::force_wal() {
  if (durability_ == Durability::memory || !unsynced_) return {};
  sqlite3_file* wal = nullptr;
  int code = sqlite3_file_control(database_.connection(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (code == SQLITE_OK && (wal == nullptr || wal->pMethods == nullptr)) code = SQLITE_IOERR_FSYNC;
  if (code == SQLITE_OK) code = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
  if (code == SQLITE_OK) {
    unsynced_ = false;
    return {};
  }
  broken_ = sqlite::describe(nullptr, code, file_.path(), "force it to disk");
  broken_->message += ", then restart Weir";
  return *broken_;
}

Result<void> SqliteJournal::sync() {
  Result<void> done = commit();
  if (done) done = force_wal();
  if (done && wal_frames_ >= checkpoint_at_sync) compact();
  return done;
}

Result<void> SqliteJournal::flush() {
  const Result<void> done = commit();
  if (done && wal_frames_ >= checkpoint_at_flush) compact();
  return done;
}

void SqliteJournal::compact() {
  // SQLite forces the WAL to disk itself, but whether that failed must be known here.
  if (wal_frames_ == 0 || !force_wal()) return;
  int frames = 0;
  int copied = 0;
  // An error here (a full disk, say) loses nothing: all is in the WAL, and the next group tries again.
  const int code =
      sqlite3_wal_checkpoint_v2(database_.connection(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
  if (code != SQLITE_OK || frames != copied) return;
  wal_frames_ = counted_frames_ = 0;
  groups_since_counted_ = groups_per_count;
  refresh_bytes();
}

/// The pages are counted now and then, which costs more than a small group does; the WAL is known all the time.
void SqliteJournal::refresh_bytes() {
  const bool count = ++groups_since_counted_ >= groups_per_count || wal_frames_ > counted_frames_ + frames_per_count;
  if (count) {
    std::int64_t pages = 0;
    for (sqlite::Statement* statement : {&page_count_, &freelist_count_}) {
      const Result<bool> row = statement->step();
      if (!row || !*row) return;
      pages = statement == &page_count_ ? statement->integer(0) : pages - statement->integer(0);
      statement->reset();
    }
    pages_ = static_cast<std::uint64_t>(pages);
    groups_since_counted_ = 0;
    counted_frames_ = wal_frames_;
  }
  bytes_ = pages_ * page_size_ + wal_frames_ * (page_size_ + 24);
}

// -- writing --------------------------------------------------------------------------------------------------------

Error SqliteJournal::misuse(std::int64_t id, const char* what) const {
  return {"journal " + file_.path() + ": transaction " + std::to_string(id) + " " + what, "58030"};
}

Result<void> SqliteJournal::usable(std::int64_t id) {
  const auto found = open_.find(id);
  if (found == open_.end()) return misuse(id, "is not open");
  if (found->second.lost) return misuse(id, "lost events when the journal could not be written; roll it back");
  return {};
}

Result<std::int64_t> SqliteJournal::begin() {
  if (next_id_ >= reserved_id_) {
    const std::int64_t reserve = next_id_ + ids_per_reservation;
    Result<void> done = enter();
    if (done) done = write(raise_meta_.bind(reserve, std::string_view("next_id")));
    if (!done) return done.error();
    reserved_id_ = reserve;
  }
  open_.emplace(next_id_, Open{});
  return next_id_++;
}

Result<void> SqliteJournal::write_event(std::int64_t id, const event::ChangeEvent& event) {
  const char op = static_cast<char>(event.op);
  return write(insert_event_.bind(
      id, event.ordinal, std::string_view(&op, 1), std::string_view(event::to_text(event.fidelity)), event.schema,
      event.table, event.lsn, event.statement_order, event.key, event.old_key, event.before, event.after,
      unless_zero(event.counts.inserted), unless_zero(event.counts.updated), unless_zero(event.counts.deleted),
      unless_empty(event.cause), unless_empty(event.statement), unless_empty(event.tags), checksum_of(id, event)));
}

Result<void> SqliteJournal::append(std::int64_t id, std::span<const event::ChangeEvent> events) {
  Result<void> done = usable(id);
  if (done) done = enter();
  if (!done) return done;
  if (touched_.empty() || touched_.back() != id) touched_.push_back(id);
  for (const event::ChangeEvent& event : events) {
    done = write_event(id, event);
    if (done) continue;
    const auto found = open_.find(id);
    if (found != open_.end()) found->second.lost = true;
    return done;
  }
  return {};
}

Result<void> SqliteJournal::truncate(std::int64_t id, std::uint32_t ordinal) {
  Result<void> done = usable(id);
  if (done) done = enter();
  if (!done) return done;
  if (touched_.empty() || touched_.back() != id) touched_.push_back(id);
  return write(truncate_events_.bind(id, ordinal));
}

Result<void> SqliteJournal::prepare(const event::Transaction& transaction) {
  Result<void> done = usable(transaction.id);
  if (done) done = enter();
  if (!done) return done;
  const event::Context& context = transaction.context;
  done =
      write(upsert_prepared_.bind(transaction.id, transaction.xid, transaction.event_count, transaction.first_lsn,
                                  transaction.last_lsn, transaction.prepared_us, transaction.database, context.user,
                                  context.application_name, context.client, context.session, transaction.server_run));
  if (done) open_.erase(transaction.id);
  return done;
}

/// For a change that must find the transaction in a state that allows it.
Result<void> SqliteJournal::write_one(sqlite::Statement& statement, std::int64_t id, const char* otherwise) {
  const Result<void> done = write(statement);
  if (!done || sqlite3_changes(database_.connection()) != 0) return done;
  return misuse(id, otherwise);
}

Result<void> SqliteJournal::reopen(std::int64_t id) {
  const Result<void> entered = enter();
  if (!entered) return entered;
  open_[id].stored = true;
  touched_.push_back(id);
  return write_one(reopen_.bind(id), id, "is not prepared, so it cannot be opened again");
}

Result<void> SqliteJournal::acknowledge(std::int64_t id, std::int64_t committed_us) {
  const Result<void> entered = enter();
  if (!entered) return entered;
  return write_one(acknowledge_.bind(committed_us, id), id, "is not prepared, so it cannot be acknowledged");
}

Result<void> SqliteJournal::release(std::int64_t id, event::Position position, event::Lsn resolved,
                                    std::int64_t committed_us) {
  const Result<void> entered = enter();
  if (!entered) return entered;
  const Result<void> done =
      write_one(release_.bind(position, resolved, committed_us, id), id, "is not prepared, so it cannot be released");
  if (done) last_position_ = std::max(last_position_, position);
  return done;
}

Result<void> SqliteJournal::erase(std::int64_t id) {
  const Result<void> entered = enter();
  if (!entered) return entered;
  open_.erase(id);
  const Result<bool> row = transaction_state_.bind(id).step();
  if (!row) return row.error();
  const bool committed = *row && transaction_state_.text(0) == "committed";
  transaction_state_.reset();
  if (committed) return misuse(id, "is committed, so it cannot be erased");
  const Result<void> done = write(delete_transaction_.bind(id));
  if (!done) return done;
  return write(delete_events_.bind(id));
}

Result<void> SqliteJournal::note_server_run(std::string_view run) {
  const Result<void> entered = enter();
  if (!entered) return entered;
  return write(insert_run_.bind(run));
}

Result<void> SqliteJournal::set_checkpoint(std::string_view emitter, event::Position position) {
  const Result<void> entered = enter();
  if (!entered) return entered;
  return write(upsert_checkpoint_.bind(emitter, position));
}

Result<void> SqliteJournal::forget(std::string_view emitter) {
  const Result<void> entered = enter();
  return entered ? forget_destination(database_, emitter) : entered;
}

Result<void> SqliteJournal::rename(std::string_view emitter, std::string_view now) {
  const Result<void> entered = enter();
  return entered ? rename_destination(database_, emitter, now) : entered;
}

Result<void> SqliteJournal::dead_letter(std::string_view emitter, event::Position position, std::string_view topic,
                                        std::string_view key, std::string_view value, std::string_view reason) {
  const Result<void> entered = enter();
  if (!entered) return entered;
  return write(insert_dead_letter_.bind(emitter, position, topic, key, value, reason));
}

// -- trimming -------------------------------------------------------------------------------------------------------

Result<SqliteJournal::TrimRange> SqliteJournal::trim_range(event::Position through, std::size_t limit) {
  TrimRange range;
  std::size_t events = 0;
  trim_candidates_.bind(through);
  for (Result<bool> row = trim_candidates_.step(); !row || *row; row = trim_candidates_.step()) {
    if (!row) return row.error();
    // One without events is work as well.
    events += static_cast<std::size_t>(std::max<std::int64_t>(trim_candidates_.integer(1), 1));
    const event::Position position = trim_candidates_.integer(0);
    if (events <= limit) {
      range.through = position;
      continue;
    }
    range.more = true;
    if (range.through == 0) range.too_large = Large{trim_candidates_.integer(2), position};
    trim_candidates_.reset();
    break;
  }
  return range;
}

/// The first `limit` events of a transaction that is too large for one call; its row goes with the last of them.
Result<void> SqliteJournal::trim_part(const Large& transaction, std::size_t limit) {
  const Result<bool> row = trim_bound_.bind(transaction.id, limit).step();
  if (!row) return row.error();
  if (!*row) return trim_whole(transaction.position);
  const std::int64_t first_kept = trim_bound_.integer(0);
  trim_bound_.reset();
  const Result<void> done = write(trim_some_events_.bind(transaction.id, first_kept));
  if (!done) return done;
  // What is left of it is nothing that a destination could begin with.
  return write(raise_meta_.bind(transaction.position, std::string_view("trimmed_position")));
}

Result<void> SqliteJournal::trim_whole(event::Position through) {
  Result<bool> row = trimmed_lsn_.bind(through).step();
  if (!row) return row.error();
  const std::int64_t lsn = *row ? trimmed_lsn_.integer(0) : 0;
  trimmed_lsn_.reset();
  Result<void> done = write(trim_events_.bind(through));
  if (done) done = write(trim_transactions_.bind(through));
  if (done) done = write(raise_meta_.bind(through, std::string_view("trimmed_position")));
  if (done) done = write(raise_meta_.bind(lsn, std::string_view("trimmed_lsn")));
  return done;
}

Result<bool> SqliteJournal::trim(event::Position through, std::size_t limit) {
  const Result<void> entered = enter();
  if (!entered) return entered.error();
  const Result<TrimRange> range = trim_range(through, limit);
  if (!range) return range.error();
  groups_since_counted_ = groups_per_count;
  Result<void> done;
  if (range->too_large) done = trim_part(*range->too_large, limit);
  if (range->through > 0) done = trim_whole(range->through);
  if (!done) return done.error();
  return range->more;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const Options& options) {
  Result<JournalFile> file = JournalFile::claim(options);
  if (!file) return file.error();
  Result<sqlite::Database> database = open_journal_database(*file, options.durability);
  if (!database) return database.error();
  auto journal = std::make_unique<SqliteJournal>(std::move(*file), std::move(*database), options.durability);
  const Result<void> started = journal->start();
  if (!started) return started.error();
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace weir::capture
