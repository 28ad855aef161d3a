// A journal of the earlier form, as three versions of Weir wrote it: what is taken over, what is refused.
#include "capture/journal/earlier_journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "capture/journal/sqlite_book.h"
#include "tests/support/temp_folder.h"

namespace weir::capture {
namespace {

namespace fs = std::filesystem;

/// As format version 3 was made; the earlier two lack some of it.
constexpr const char* schema = R"(
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE transactions (
  id INTEGER PRIMARY KEY, state TEXT NOT NULL, xid INTEGER NOT NULL DEFAULT 0, position INTEGER,
  event_count INTEGER NOT NULL DEFAULT 0, first_lsn INTEGER NOT NULL DEFAULT 0, last_lsn INTEGER NOT NULL DEFAULT 0,
  resolved INTEGER NOT NULL DEFAULT 0, prepared_us INTEGER NOT NULL DEFAULT 0, committed_us INTEGER NOT NULL DEFAULT 0,
  database TEXT, user TEXT, application_name TEXT, client TEXT, session TEXT, server_run TEXT);
CREATE UNIQUE INDEX transactions_position ON transactions (position) WHERE position IS NOT NULL;
CREATE TABLE events (
  transaction_id INTEGER NOT NULL, ordinal INTEGER NOT NULL, op TEXT NOT NULL, after TEXT, checksum INTEGER,
  PRIMARY KEY (transaction_id, ordinal)) WITHOUT ROWID;
CREATE TABLE checkpoints (emitter TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE server_runs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE);
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY, emitter TEXT NOT NULL, position INTEGER NOT NULL, topic TEXT NOT NULL, key TEXT, value TEXT,
  reason TEXT NOT NULL, stored_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
PRAGMA application_id = 1466263922;
PRAGMA journal_mode = WAL;
INSERT INTO meta VALUES ('format_version', 3), ('instance', '00112233445566778899aabbccddeeff'), ('next_id', 4097),
  ('trimmed_position', 40), ('trimmed_lsn', 4000), ('forgotten:file:/gone', 12);
INSERT INTO transactions (id, state, position, last_lsn) VALUES (70, 'committed', 41, 4100), (71, 'committed', 42, 4200),
  (72, 'open', NULL, 9999);
INSERT INTO events VALUES (71, 1, 'c', '{}', NULL), (72, 1, 'c', '{}', NULL);
INSERT INTO checkpoints VALUES ('stdout', 42), ('kafka://a:9092/shop', 42);
INSERT INTO server_runs (run) VALUES ('b'), ('a');
INSERT INTO dead_letters (emitter, position, topic, key, value, reason, stored_at)
  VALUES ('stdout', 7, 't', 'k', x'00ff41', 'too large', '2026-11-30T01:02:03.004Z');
)";

class EarlierJournalTest : public testing::Test {
 protected:
  EarlierJournalTest() {
    path_ = directory_ / "journal";
    query(schema);
    std::ofstream(path_.string() + ".lock") << "4711\nboot\n00112233445566778899aabbccddeeff\n";
  }

  void query(const std::string& sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    char* error = nullptr;
    sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, &error);
    EXPECT_EQ(error, nullptr) << error;
    sqlite3_free(error);
    sqlite3_close(connection);
  }
  std::string take_over() {
    const auto done = take_over_earlier_journal(path_);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : "";
  }
  void expect_refused(const std::vector<std::string>& words) {
    const auto done = take_over_earlier_journal(path_);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().sqlstate, "58030");
    for (const auto& word : words)
      EXPECT_NE(done.error().message.find(word), std::string::npos) << word << " in " << done.error().message;
    EXPECT_TRUE(fs::is_regular_file(path_)) << "it is as it was";
    EXPECT_FALSE(fs::exists(path_.string() + ".taking-over"));
  }
  void expect_taken_over(bool with_runs = true) {
    auto folder = Folder::claim(path_);
    ASSERT_TRUE(folder) << folder.error().message;
    ASSERT_TRUE(*(*folder)->has_book());
    const auto opened = SqliteBook::open(**folder, true);
    ASSERT_TRUE(opened) << opened.error().message;
    auto& book = **opened;
    EXPECT_EQ((*folder)->compare(book.instance()), "");
    EXPECT_EQ(book.instance(), "00112233445566778899aabbccddeeff");
    EXPECT_FALSE(book.booted_since());
    ASSERT_EQ(book.checkpoints()->size(), 2u);
    EXPECT_EQ(book.checkpoints()->front().emitter, "kafka://a:9092/shop");
    EXPECT_EQ(book.checkpoints()->front().position, 42);
    ASSERT_EQ(book.forgotten()->size(), 1u);
    EXPECT_EQ(book.forgotten()->front().emitter, "file:/gone");
    EXPECT_EQ(book.forgotten()->front().position, 12);
    EXPECT_EQ(*book.highest_position(), 42);
    EXPECT_EQ(*book.number(taken_over_id), 4096);
    EXPECT_EQ(*book.number(taken_over_lsn), 4200);
    EXPECT_EQ(*book.server_runs(), with_runs ? (std::vector<std::string>{"b", "a"}) : std::vector<std::string>());
    ASSERT_EQ(book.dead_letters()->size(), 1u);
    EXPECT_EQ(book.dead_letters()->front().value, std::string("\0\xff\x41", 3));
    EXPECT_EQ(book.dead_letters()->front().stored_at, "2026-11-30T01:02:03.004Z");
  }

  test_support::TempFolder directory_{"earlier_journal_test"};
  fs::path path_;
};

TEST_F(EarlierJournalTest, OneThatIsDeliveredIsTakenOver) {
  const auto told = take_over();
  EXPECT_NE(told.find(path_.string() + ".old"), std::string::npos) << told;
  expect_taken_over();
  EXPECT_TRUE(fs::is_regular_file(path_.string() + ".old"));
  EXPECT_TRUE(fs::exists(path_.string() + ".old.lock"));
  for (const char* suffix : {".lock", ".taking-over", ".old-wal", "-wal", "-shm"})
    EXPECT_FALSE(fs::exists(path_.string() + suffix)) << suffix;
  EXPECT_EQ(take_over(), "") << "it is a folder now";
  expect_taken_over();
}

TEST_F(EarlierJournalTest, SoAreThoseOfTheFirstVersions) {
  query(
      "ALTER TABLE transactions DROP COLUMN server_run; DROP TABLE server_runs; UPDATE meta SET value = 2 WHERE name = "
      "'format_version'");
  fs::copy_file(path_, directory_ / "second");
  take_over();
  expect_taken_over(false);
  fs::remove_all(path_);
  fs::remove(path_.string() + ".old");
  fs::rename(directory_ / "second", path_);
  query("ALTER TABLE events DROP COLUMN checksum; UPDATE meta SET value = 1 WHERE name = 'format_version'");
  take_over();
  expect_taken_over(false);
}

TEST_F(EarlierJournalTest, WhatIsOnlyInItsWalIsSeen) {
  sqlite3* killed = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "other").c_str(), &killed), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(killed, schema, nullptr, nullptr, nullptr), SQLITE_OK);
  for (const char* suffix : {"", "-wal"})
    fs::copy_file((directory_ / "other").string() + suffix, path_.string() + suffix,
                  fs::copy_options::overwrite_existing);
  sqlite3_close(killed);
  take_over();
  expect_taken_over();
}

TEST_F(EarlierJournalTest, WhatADestinationHasNotIsUndelivered) {
  query("UPDATE checkpoints SET position = 40 WHERE emitter = 'stdout'");
  expect_refused({"2 transactions in it are not delivered to stdout", "start the earlier version on it once more",
                  path_.string()});
  query("UPDATE checkpoints SET position = 41 WHERE emitter = 'stdout'");
  expect_refused({"1 transaction in it is not delivered to stdout"});
  query("UPDATE checkpoints SET position = 42 WHERE emitter = 'stdout'");
  take_over();
  expect_taken_over();
}

TEST_F(EarlierJournalTest, WithoutDestinationsNothingWasDelivered) {
  query("DELETE FROM checkpoints");
  expect_refused({"2 transactions in it are not delivered; start"});
}

TEST_F(EarlierJournalTest, OneWithoutAnythingIsTakenOver) {
  query("DELETE FROM checkpoints; DELETE FROM transactions; UPDATE meta SET value = 0 WHERE name LIKE 'trimmed%'");
  take_over();
  const auto book = SqliteBook::open_to_read((path_ / "book.sqlite").string());
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_TRUE((*book)->checkpoints()->empty());
  EXPECT_EQ(*(*book)->highest_position(), 12) << "of the forgotten one";
}

TEST_F(EarlierJournalTest, WhatIsInDoubtIsUndelivered) {
  query("UPDATE transactions SET state = 'prepared' WHERE id = 72");
  expect_refused({"how 1 transaction in it ended is not known yet", "start the earlier version"});
  query("UPDATE transactions SET state = 'acknowledged' WHERE id = 72");
  expect_refused({"how 1 transaction in it ended is not known yet"});
}

TEST_F(EarlierJournalTest, OneThatIsInUseIsRefused) {
  const int lock = open((path_.string() + ".lock").c_str(), O_RDWR);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  expect_refused({"in use by process 4711"});
  close(lock);
  take_over();
}

TEST_F(EarlierJournalTest, OneThatAnotherProgramReadsIsRefused) {
  sqlite3* shell = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &shell), SQLITE_OK);
  for (const char* sql : {"UPDATE meta SET value = 5000 WHERE name = 'next_id'", "BEGIN", "SELECT * FROM meta"})
    ASSERT_EQ(sqlite3_exec(shell, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(shell);
  expect_refused({"another program has it open", "close it there"});
  sqlite3_close(shell);
  take_over();
}

TEST_F(EarlierJournalTest, OneOfAVersionThatNeverWasIsRefused) {
  query("UPDATE meta SET value = 4 WHERE name = 'format_version'");
  expect_refused({"format version 4"});
}

TEST_F(EarlierJournalTest, ADamagedOneIsRefused) {
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  for (std::streamoff page = 1; page < 9; ++page) {
    file.seekp(page * 4096);
    file.write("damaged!damaged!", 16);
  }
  file.close();
  expect_refused({path_.string()});
}

TEST_F(EarlierJournalTest, WhatIsInTheWayIsNotOverwritten) {
  std::ofstream(path_.string() + ".old") << "x";
  expect_refused({path_.string() + ".old is in the way"});
}

TEST_F(EarlierJournalTest, AnotherProgramsDatabaseIsNotOurs) {
  query("PRAGMA application_id = 7");
  expect_refused({"another program"});
}

TEST_F(EarlierJournalTest, OtherFilesAreLeftAlone) {
  fs::remove(path_);
  EXPECT_EQ(take_over(), "");
  std::ofstream(path_) << "x";
  EXPECT_EQ(take_over(), "");
  EXPECT_EQ(fs::file_size(path_), 1u);
}

TEST_F(EarlierJournalTest, ACrashBeforeTheRenamesIsBegunAnew) {
  fs::create_directory(path_.string() + ".taking-over");
  std::ofstream(path_.string() + ".taking-over/book.sqlite") << "half a book";
  take_over();
  expect_taken_over();
}

TEST_F(EarlierJournalTest, ACrashBetweenTheRenamesIsMadeGood) {
  take_over();
  fs::rename(path_, path_.string() + ".taking-over");
  EXPECT_EQ(take_over(), "");
  expect_taken_over();
}

}  // namespace
}  // namespace weir::capture
