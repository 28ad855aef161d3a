// The journal as a whole: claim, book and log, over its starts.
#include "capture/journal/journal.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/capture/journal/contract.h"
#include "tests/support/temp_folder.h"

namespace weir::capture {
namespace {

namespace fs = std::filesystem;

class OpenJournalTest : public testing::Test {
 protected:
  OpenJournalTest() { path_ = directory_ / "journal"; }
  ~OpenJournalTest() override { close(); }

  void close() { journal_.reset(); }
  Error try_open(Durability durability = Durability::answer) {
    close();
    auto opened = open_journal({path_.string(), durability, 1 << 20});
    if (!opened) return opened.error();
    journal_ = std::make_unique<Journal>(std::move(*opened));
    return {};
  }
  void open() { ASSERT_EQ(try_open().message, ""); }
  void expect_refused(const std::vector<std::string>& words) {
    const auto error = try_open();
    EXPECT_EQ(error.sqlstate, "58030") << error.message;
    for (const auto& word : words)
      EXPECT_NE(error.message.find(word), std::string::npos) << word << " in " << error.message;
    close();
  }
  /// Writes one and releases it.
  std::int64_t write(event::Position position) {
    const auto id = journal_->log->next_id();
    EXPECT_TRUE(journal_->log->write(transaction(id), rows(1, 1), nullptr, nullptr));
    const auto outcome = released(id, position);
    EXPECT_TRUE(journal_->log->note({&outcome, 1}));
    EXPECT_TRUE(journal_->log->sync());
    return id;
  }
  void set_checkpoint(event::Position position) {
    const Checkpoint checkpoint{"stdout", position};
    ASSERT_TRUE(journal_->book->set_checkpoints({&checkpoint, 1}));
  }
  void change_book(const std::string& sql, const fs::path& file) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &connection), SQLITE_OK);
    char* error = nullptr;
    sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, &error);
    EXPECT_EQ(error, nullptr) << error;
    sqlite3_close(connection);
  }
  fs::path book_file() const { return path_ / "book.sqlite"; }
  /// What the journal is to name as bad, as damage below the end that was synced.
  void damage_first_record() {
    for (const auto& entry : fs::directory_iterator(path_ / "log")) {
      if (entry.path().extension() != ".log") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(4096 + 40);
      file.write("damaged!", 8);
    }
  }

  test_support::TempFolder directory_{"open_journal_test"};
  fs::path path_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(OpenJournalTest, GoesOnWhereItEnded) {
  open();
  EXPECT_EQ(journal_->warning, "");
  const auto instance = journal_->book->instance();
  ASSERT_TRUE(journal_->book->add_destination("stdout", 0));
  const auto id = write(1);
  set_checkpoint(1);
  open();
  EXPECT_EQ(journal_->warning, "");
  EXPECT_EQ(journal_->book->instance(), instance);
  EXPECT_EQ(journal_->log->recovered().last_position, 1);
  EXPECT_GT(journal_->log->next_id(), id);
  EXPECT_EQ(journal_->book->checkpoints()->front().position, 1);
}

TEST_F(OpenJournalTest, IsUsedOnce) {
  open();
  const auto again = open_journal({path_.string(), Durability::answer});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("in use by process " + std::to_string(getpid())), std::string::npos);
  close();
  open();
}

TEST_F(OpenJournalTest, AnyDurabilityReadsWhatAnotherWrote) {
  event::Position position = 0;
  for (const auto durability : {Durability::answer, Durability::commit, Durability::process}) {
    ASSERT_EQ(try_open(durability).message, "");
    EXPECT_EQ(journal_->log->recovered().last_position, position);
    write(++position);
  }
}

TEST_F(OpenJournalTest, PositionsGoOnBehindTheHighestCheckpoint) {
  open();
  ASSERT_TRUE(journal_->book->add_destination("stdout", 0));
  ASSERT_TRUE(journal_->book->add_destination("file:/gone", 0));
  write(1);
  set_checkpoint(7);
  const Checkpoint gone{"file:/gone", 9};
  ASSERT_TRUE(journal_->book->set_checkpoints({&gone, 1}));
  open();
  EXPECT_EQ(journal_->log->recovered().last_position, 9) << "releases 2 to 9 were lost with the machine";
  ASSERT_TRUE(journal_->book->forget("file:/gone"));
  open();
  EXPECT_EQ(journal_->log->recovered().last_position, 9);
  write(10);
  open();
  const auto reader = journal_->log->reader();
  const auto next = (*reader)->next(7);
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((**next).position, 10);
}

TEST_F(OpenJournalTest, BehindABootNoIdIsGivenOutAgain) {
  open();
  const auto id = write(1);
  close();
  change_book("UPDATE meta SET value = 'another boot' WHERE name = 'boot'", book_file());
  open();
  ASSERT_TRUE(journal_->book->booted_since());
  EXPECT_GT(journal_->log->next_id(), id + 1'000'000) << "some may have been written, seen and lost";
  const auto later = write(2);
  ASSERT_TRUE(journal_->book->note_boot());
  open();
  EXPECT_EQ(journal_->log->next_id(), later + 1);
}

TEST_F(OpenJournalTest, MemoryLeavesNothingBehind) {
  setenv("TMPDIR", directory_.path().c_str(), 1);
  const auto error = try_open(Durability::memory);
  unsetenv("TMPDIR");
  ASSERT_EQ(error.message, "");
  write(1);
  EXPECT_FALSE(fs::is_empty(directory_.path()));
  EXPECT_FALSE(fs::exists(path_));
  close();
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(OpenJournalTest, AFileIsRefusedByName) {
  std::ofstream(path_) << "x";
  expect_refused({path_.string(), "is no folder, and no journal of an earlier Weir"});
}

TEST_F(OpenJournalTest, ALogThatIsGoneIsRefused) {
  open();
  write(1);
  close();
  fs::rename(path_ / "log", directory_ / "log");
  expect_refused({"its log is gone", "put it back"});
  fs::remove_all(path_ / "log");
  fs::rename(directory_ / "log", path_ / "log");
  open();
  EXPECT_EQ(journal_->log->recovered().last_position, 1);
}

TEST_F(OpenJournalTest, ABookThatIsGoneIsRefused) {
  open();
  write(1);
  close();
  fs::rename(book_file(), directory_ / "book");
  expect_refused({"no book.sqlite", "put its book.sqlite back"});
  fs::rename(directory_ / "book", book_file());
  open();
}

TEST_F(OpenJournalTest, AnEmptiedFolderIsANewJournalAndIsMissed) {
  open();
  const auto instance = journal_->book->instance();
  write(1);
  close();
  for (const char* name : {"book.sqlite", "log", "spill"}) fs::remove_all(path_ / name);
  open();
  EXPECT_NE(journal_->warning.find("instance " + instance + ") is gone"), std::string::npos) << journal_->warning;
  EXPECT_NE(journal_->book->instance(), instance);
  open();
  EXPECT_EQ(journal_->warning, "");
}

TEST_F(OpenJournalTest, WhileASegmentIsNotThereNothingIsTaken) {
  open();
  write(1);
  const auto segment = path_ / "log" / "0000000000000000.log";
  fs::rename(segment, directory_ / "away");
  const auto looked = journal_->log->look();
  ASSERT_FALSE(looked);
  EXPECT_EQ(looked.error().sqlstate, "58030");
  EXPECT_NE(looked.error().message.find(segment.string() + ": was removed"), std::string::npos);
  const auto id = journal_->log->next_id();
  const auto refused = journal_->log->write(transaction(id), rows(1, 1), nullptr, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, looked.error().message);
  fs::rename(directory_ / "away", segment);
  EXPECT_TRUE(journal_->log->look());
  write(2);
  open();
  EXPECT_EQ(journal_->log->recovered().last_position, 2);
}

TEST_F(OpenJournalTest, DamageInTheMiddleIsRefused) {
  open();
  for (event::Position position = 1; position <= 5; ++position) write(position);
  close();
  damage_first_record();
  expect_refused({"damaged at place", "weir journal check"});
}

TEST_F(OpenJournalTest, AKilledOneIsOpenedAgain) {
  const pid_t child = fork();
  if (child == 0) {
    open();
    write(1);
    raise(SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  open();
  EXPECT_EQ(journal_->warning, "");
  EXPECT_EQ(journal_->log->recovered().last_position, 1);
}

/// Enough of the earlier form for its take-over; earlier_journal_test.cpp has the whole.
constexpr const char* earlier = R"(
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE transactions (id INTEGER PRIMARY KEY, state TEXT NOT NULL, position INTEGER, last_lsn INTEGER);
CREATE TABLE checkpoints (emitter TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE server_runs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE);
CREATE TABLE dead_letters (id INTEGER PRIMARY KEY, emitter TEXT, position INTEGER, topic TEXT, key TEXT, value TEXT,
  reason TEXT, stored_at TEXT);
PRAGMA application_id = 1466263922;
INSERT INTO meta VALUES ('format_version', 3), ('instance', '00112233445566778899aabbccddeeff'), ('next_id', 4097),
  ('trimmed_position', 42), ('trimmed_lsn', 4200);
INSERT INTO checkpoints VALUES ('stdout', 42);
)";

TEST_F(OpenJournalTest, OneOfTheEarlierFormGoesOnBehindItsNumbers) {
  change_book(earlier, path_);
  open();
  EXPECT_NE(journal_->warning.find(path_.string() + ".old"), std::string::npos) << journal_->warning;
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(journal_->book->instance(), "00112233445566778899aabbccddeeff");
    EXPECT_EQ(journal_->log->recovered().last_position, 42);
    EXPECT_EQ(journal_->log->recovered().last_lsn, 4200u);
    EXPECT_EQ(journal_->log->erased().through, 42);
    EXPECT_EQ(journal_->log->erased().lsn, 4200u);
    EXPECT_EQ(journal_->log->next_id(), 4097);
    open();
    EXPECT_EQ(journal_->warning, "");
  }
  write(43);
  open();
  EXPECT_EQ(journal_->log->recovered().last_position, 43);
}

TEST_F(OpenJournalTest, OneOfTheEarlierFormWithUndeliveredEventsIsRefused) {
  change_book(std::string(earlier) + "INSERT INTO transactions VALUES (1, 'committed', 43, 1)", path_);
  expect_refused({"1 transaction in it is not delivered to stdout", "start the earlier version"});
}

}  // namespace
}  // namespace weir::capture
