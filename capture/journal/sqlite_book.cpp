#include "capture/journal/sqlite_book.h"

#include <utility>

namespace weir::capture {

namespace {

constexpr const char* begin_durable = "PRAGMA synchronous = FULL; BEGIN IMMEDIATE";
constexpr const char* begin_ordinary = "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE";
constexpr const char* begin_unsynced = "BEGIN IMMEDIATE";

constexpr int copied_back_at = 256;  // pages in the WAL: 1 MB

bool is_failed_sync(int code) {
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

/// The highest position is kept beside before a destination's may go.
/// In the table meta: the last run ended well.
constexpr const char* ended = "ended";

constexpr const char* keep_highest =
    "UPDATE meta SET value = max(value, (SELECT ifnull(max(position), 0) FROM destinations)) WHERE name = 'position'";

}  // namespace

Result<std::unique_ptr<SqliteBook>> SqliteBook::open(const Folder& folder, bool synced) {
  auto file = open_book_file(folder.book_path(), folder.booted_since(), synced);
  if (!file) return file.error();
  std::unique_ptr<SqliteBook> book(new SqliteBook(std::move(file->database), true, synced));
  book->warning_ = std::move(file->warning);
  Result<void> done = book->start();
  if (done) done = book->watch_.begin(folder.book_path());
  if (done) done = book->take_back_end();
  if (!done) return done.error();
  sqlite3_wal_hook(
      book->database_.connection(),
      [](void* self, sqlite3*, const char*, int frames) {
        static_cast<SqliteBook*>(self)->wal_frames_ = frames;
        return SQLITE_OK;
      },
      book.get());
  return book;
}

Result<std::unique_ptr<SqliteBook>> SqliteBook::open_to_read(const std::string& path) {
  auto database = look_at_book_file(path);
  if (!database) return database.error();
  std::unique_ptr<SqliteBook> book(new SqliteBook(std::move(*database), false, false));
  const auto done = book->start();
  if (!done) return done.error();
  return book;
}

Result<void> SqliteBook::start() {
  auto instance = database_.text("SELECT value FROM meta WHERE name = 'instance'", "read its header");
  if (!instance) return instance.error();
  const auto boot = database_.text("SELECT value FROM meta WHERE name = 'boot'", "read its header");
  if (!boot) return boot.error();
  instance_ = std::move(*instance);
  booted_since_ = boot->empty() || *boot != boot_id();
  return {};
}

// -- writing --------------------------------------------------------------------------------------------------------

Result<void> SqliteBook::write(Durable durable, const std::function<Result<void>()>& body) {
  const std::lock_guard turn(turn_);
  if (broken_) return *broken_;
  if (!is_written_) return Error{"journal " + database_.path() + ": was opened to be read", "58030"};
  if (auto there = watch_.look(); !there) return there;
  const char* begin = !synced_ ? begin_unsynced : durable == Durable::yes ? begin_durable : begin_ordinary;
  auto done = database_.execute(begin, "begin to write");
  if (done) done = write_group(body);
  if (done) {
    copy_back();
  } else if (sqlite3_get_autocommit(database_.connection()) == 0) {
    (void)database_.execute("ROLLBACK", "roll back");
  }
  return done;
}

Result<void> SqliteBook::write_group(const std::function<Result<void>()>& body) {
  const auto done = body();
  if (!done) return done;
  auto committed = database_.execute("COMMIT", "commit");
  const int code = sqlite3_extended_errcode(database_.connection());
  if (committed || !is_failed_sync(code)) return committed;
  broken_ = lost_writes(code);
  return *broken_;
}

/// Copies the WAL into the file now and then. An error loses nothing, as all is in the WAL, and the next group tries
/// again; but what a failed sync has lost, no later one can bring back.
void SqliteBook::copy_back() {
  if (wal_frames_ < copied_back_at) return;
  const int code =
      sqlite3_wal_checkpoint_v2(database_.connection(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (is_failed_sync(code)) broken_ = lost_writes(code);
}

Error SqliteBook::lost_writes(int code) const {
  Error error = sqlite::describe(nullptr, code, database_.path(), "force it to disk");
  error.message += ", then restart Weir";
  return error;
}

/// How many rows it changed.
template <typename... Values>
Result<int> SqliteBook::run(const char* sql, const Values&... values) {
  auto statement = database_.prepare(sql, "write");
  if (!statement) return statement.error();
  const auto done = statement->bind(values...).run();
  if (!done) return done.error();
  return sqlite3_changes(database_.connection());
}

Error SqliteBook::unknown(std::string_view emitter) const {
  return {"journal " + database_.path() + ": knows no destination " + std::string(emitter), "58030"};
}

Error SqliteBook::present(std::string_view emitter) const {
  return {"journal " + database_.path() + ": has a destination " + std::string(emitter) + " already", "58030"};
}

Result<void> SqliteBook::note_boot() {
  return write(Durable::yes, [&]() -> Result<void> {
    const auto changed = run("UPDATE meta SET value = ? WHERE name = 'boot'", boot_id());
    return changed ? Result<void>() : changed.error();
  });
}

Result<void> SqliteBook::note_end() {
  return set_number(ended, 1);
}

/// The last run ended with everything on disk: no boot since has taken anything.
Result<void> SqliteBook::take_back_end() {
  const auto was_ended = number(ended);
  if (!was_ended) return was_ended.error();
  if (*was_ended == 0) return {};
  if (booted_since_)
    if (auto noted = note_boot(); !noted) return noted;
  booted_since_ = false;
  return set_number(ended, 0);
}

Result<void> SqliteBook::set_checkpoints(std::span<const Checkpoint> checkpoints) {
  return write(Durable::no, [&]() -> Result<void> {
    for (const auto& one : checkpoints) {
      const auto changed = run("UPDATE destinations SET position = max(position, ?) WHERE name = ? AND forgotten = 0",
                               one.position, one.emitter);
      if (!changed) return changed.error();
      if (*changed == 0) return unknown(one.emitter);
    }
    return {};
  });
}

Result<void> SqliteBook::add_destination(std::string_view emitter, event::Position position) {
  return write(Durable::yes, [&]() -> Result<void> {
    const auto kept = run(keep_highest);
    if (!kept) return kept.error();
    const auto changed =
        run("INSERT INTO destinations (name, position) VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET position = excluded.position, forgotten = 0 WHERE forgotten = 1",
            emitter, position);
    if (!changed) return changed.error();
    return *changed == 0 ? present(emitter) : Result<void>();
  });
}

Result<void> SqliteBook::forget(std::string_view emitter) {
  return write(Durable::yes, [&]() -> Result<void> {
    const auto changed = run("UPDATE destinations SET forgotten = 1 WHERE name = ? AND forgotten = 0", emitter);
    if (!changed) return changed.error();
    return *changed == 0 ? unknown(emitter) : Result<void>();
  });
}

Result<void> SqliteBook::rename(std::string_view emitter, std::string_view now) {
  return write(Durable::yes, [&]() -> Result<void> {
    const auto kept = run(keep_highest);
    if (!kept) return kept.error();
    const auto gone = run("DELETE FROM destinations WHERE name = ? AND forgotten = 1", now);
    if (!gone) return gone.error();
    const auto taken = run("UPDATE destinations SET name = name WHERE name = ?", now);
    if (!taken) return taken.error();
    if (*taken != 0 && now != emitter) return present(now);
    const auto changed = run("UPDATE destinations SET name = ? WHERE name = ? AND forgotten = 0", now, emitter);
    if (!changed) return changed.error();
    return *changed == 0 ? unknown(emitter) : Result<void>();
  });
}

Result<void> SqliteBook::add_dead_letter(const DeadLetter& letter) {
  return write(Durable::yes, [&]() -> Result<void> {
    const auto changed =
        run("INSERT INTO dead_letters (destination, position, topic, key, value, reason) VALUES (?, ?, ?, ?, ?, ?)",
            letter.emitter, letter.position, letter.topic, letter.key, letter.value, letter.reason);
    return changed ? Result<void>() : changed.error();
  });
}

Result<void> SqliteBook::note_server_run(std::string_view run_of_server) {
  return write(Durable::yes, [&]() -> Result<void> {
    const auto changed = run("INSERT OR IGNORE INTO server_runs (run) VALUES (?)", run_of_server);
    return changed ? Result<void>() : changed.error();
  });
}

Result<void> SqliteBook::set_number(std::string_view name, std::int64_t value) {
  return write(Durable::yes, [&]() -> Result<void> {
    const auto changed = run("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, value);
    return changed ? Result<void>() : changed.error();
  });
}

// -- reading --------------------------------------------------------------------------------------------------------

Result<std::vector<Checkpoint>> SqliteBook::positions(const char* sql) {
  const std::lock_guard turn(turn_);
  auto statement = database_.prepare(sql, "read its destinations");
  if (!statement) return statement.error();
  std::vector<Checkpoint> checkpoints;
  for (auto row = statement->step(); !row || *row; row = statement->step()) {
    if (!row) return row.error();
    checkpoints.push_back({std::string(statement->text(0)), statement->integer(1)});
  }
  return checkpoints;
}

Result<std::vector<Checkpoint>> SqliteBook::checkpoints() {
  return positions("SELECT name, position FROM destinations WHERE forgotten = 0 ORDER BY name");
}

Result<std::vector<Checkpoint>> SqliteBook::forgotten() {
  return positions("SELECT name, position FROM destinations WHERE forgotten = 1 ORDER BY name");
}

Result<void> SqliteBook::each_dead_letter(const std::function<void(const DeadLetter&)>& visit) {
  const std::lock_guard turn(turn_);
  auto statement = database_.prepare(
      "SELECT destination, position, topic, key, value, reason, stored_at FROM dead_letters ORDER BY id",
      "read its dead letters");
  if (!statement) return statement.error();
  for (auto row = statement->step(); !row || *row; row = statement->step()) {
    if (!row) return row.error();
    DeadLetter letter;
    letter.emitter = statement->text(0);
    letter.position = statement->integer(1);
    letter.topic = statement->text(2);
    letter.key = statement->text(3);
    letter.value = statement->text(4);
    letter.reason = statement->text(5);
    letter.stored_at = statement->text(6);
    visit(letter);
  }
  return {};
}

Result<std::vector<DeadLetter>> SqliteBook::dead_letters() {
  std::vector<DeadLetter> letters;
  const auto done = each_dead_letter([&](const DeadLetter& letter) { letters.push_back(letter); });
  if (!done) return done.error();
  return letters;
}

Result<std::vector<std::string>> SqliteBook::server_runs() {
  const std::lock_guard turn(turn_);
  auto statement = database_.prepare("SELECT run FROM server_runs ORDER BY id", "read what was seen of the server");
  if (!statement) return statement.error();
  std::vector<std::string> runs;
  for (auto row = statement->step(); !row || *row; row = statement->step()) {
    if (!row) return row.error();
    runs.emplace_back(statement->text(0));
  }
  return runs;
}

Result<event::Position> SqliteBook::highest_position() {
  const std::lock_guard turn(turn_);
  return database_.integer(
      "SELECT max((SELECT value FROM meta WHERE name = 'position'),"
      " ifnull((SELECT max(position) FROM destinations), 0))",
      "read its destinations");
}

Result<std::int64_t> SqliteBook::number(std::string_view name) {
  const std::lock_guard turn(turn_);
  auto statement = database_.prepare("SELECT value FROM meta WHERE name = ?", "read its header");
  if (!statement) return statement.error();
  const auto row = statement->bind(name).step();
  if (!row) return row.error();
  return *row ? statement->integer(0) : 0;
}

Result<void> SqliteBook::look() {
  const std::lock_guard turn(turn_);
  return is_written_ ? watch_.look() : Result<void>();
}

Result<void> SqliteBook::check() {
  const std::lock_guard turn(turn_);
  return check_book(database_);
}

}  // namespace weir::capture
