#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <random>

#include "capture/journal.h"
#include "tests/capture/journal_fixture.h"

namespace weir::capture {
namespace {

TEST_F(JournalTest, IsUsedByOneProcessAtATime) {
  open();
  const Error error = open_error();
  EXPECT_NE(error.message.find("in use by process " + std::to_string(getpid())), std::string::npos) << error.message;
  journal_.reset();
  open();
}

TEST_F(JournalTest, RefusesADamagedFileAndSaysWhatToDo) {
  open();
  for (int xid = 1; xid <= 500; ++xid) prepare(static_cast<event::Xid>(xid));
  ASSERT_TRUE(journal_->sync());
  journal_.reset();
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  for (std::streamoff page = 2; page < 30; ++page) {
    file.seekp(page * 4096);
    file.write("damaged!damaged!", 16);
  }
  file.close();
  const Error error = open_error();
  EXPECT_NE(error.message.find("move it aside"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find(path_.string()), std::string::npos) << error.message;
}

TEST_F(JournalTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path_) << std::string(10'000, 'x');
  const Error error = open_error();
  EXPECT_NE(error.message.find("file is not a database"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("move it aside"), std::string::npos) << error.message;
}

TEST_F(JournalTest, RefusesTheDatabaseOfAnotherProgram) {
  query("CREATE TABLE t (a)");
  EXPECT_NE(open_error().message.find("another program"), std::string::npos);
  EXPECT_EQ(query("SELECT count(*) FROM sqlite_schema"), "1|") << "it was left alone";
}

TEST_F(JournalTest, RefusesAFormatFromTheFuture) {
  open();
  journal_.reset();
  query("UPDATE meta SET value = 99 WHERE name = 'format_version'");
  EXPECT_NE(open_error().message.find("format version 99"), std::string::npos);
}

TEST_F(JournalTest, SaysWhereItCouldNotBeCreated) {
  path_ = directory_ / "no such directory" / "journal";
  const Error error = open_error();
  EXPECT_NE(error.message.find("No such file or directory"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("check that its directory exists"), std::string::npos) << error.message;
}

/// Files cannot grow beyond `bytes` while this lives: what a full disk looks like to SQLite.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(JournalTest, AFullDiskUndoesTheGroupWholeAndIsOverWhenThereIsRoom) {
  open();
  const std::int64_t kept = prepare(1);
  ASSERT_TRUE(journal_->sync());
  const std::int64_t streaming = *journal_->begin();
  const ChangeEvent small = row(1);
  ASSERT_TRUE(journal_->append(streaming, {&small, 1}));
  ASSERT_TRUE(journal_->flush());
  {
    const FileSizeLimit full(256 << 10);
    const std::int64_t undone = *journal_->begin();
    ASSERT_TRUE(journal_->release(kept, 1, 0, 0));
    const ChangeEvent large = row(2, std::string(400 << 10, 'x'));
    (void)journal_->append(streaming, {&large, 1});
    (void)journal_->append(undone, {&small, 1});
    const Result<void> synced = journal_->sync();
    ASSERT_FALSE(synced);
    EXPECT_EQ(synced.error().sqlstate, "53100") << synced.error().message;
    EXPECT_NE(synced.error().message.find("free space"), std::string::npos) << synced.error().message;
  }
  EXPECT_EQ(stream(), Xids{});
  EXPECT_FALSE(journal_->prepare(transaction(streaming, 2))) << "one of its events is missing";
  EXPECT_TRUE(journal_->erase(streaming));
  ASSERT_TRUE(journal_->release(kept, 1, 0, 0));
  prepare(3);
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{1});
  EXPECT_EQ(query("SELECT xid FROM transactions ORDER BY xid"), "1|3|");
}

TEST_F(JournalTest, OneEventThatIsTooLargeConcernsItsTransactionAlone) {
  open();
  const std::int64_t good = prepare(1);
  const std::int64_t id = *journal_->begin();
  ChangeEvent huge = row(1, std::string(600'000'000, 'x'));
  huge.before = std::string(600'000'000, 'x');
  const Result<void> appended = journal_->append(id, {&huge, 1});
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().sqlstate, "54000") << appended.error().message;
  EXPECT_FALSE(journal_->prepare(transaction(id, 2)));
  ASSERT_TRUE(journal_->release(good, 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{1});
}

TEST_F(JournalTest, MemoryLeavesNothingBehind) {
  setenv("TMPDIR", directory_.c_str(), 1);
  auto opened = Journal::open({"", Journal::Durability::memory});
  unsetenv("TMPDIR");
  ASSERT_TRUE(opened) << opened.error().message;
  journal_ = std::move(*opened);
  ASSERT_TRUE(journal_->release(prepare(1), 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{1});
  EXPECT_FALSE(fs::is_empty(directory_));
  journal_.reset();
  EXPECT_TRUE(fs::is_empty(directory_));
}

/// A child process that never ends cleanly, like Weir under kill -9.
pid_t spawn(const std::function<void()>& body) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  body();
  _exit(0);
}

TEST_F(JournalTest, WhatWasNotSyncedIsNotThereAfterACrashAndTheRestIs) {
  const pid_t child = spawn([&] {
    open();
    prepare(1);
    (void)journal_->sync();
    prepare(2);
    (void)journal_->flush();
    prepare(3);
  });
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  open();
  EXPECT_EQ(in_doubt(), (Xids{1, 2}));
}

/// Prepares and syncs one transaction after the other and says each number once it is safe.
void write_until_killed(Journal& journal, int pipe) {
  for (event::Xid xid = 1;; ++xid) {
    const std::int64_t id = *journal.begin();
    const ChangeEvent events[] = {row(1), row(2, std::string(1 + xid * 997 % 9000, 'x'))};
    (void)journal.append(id, events);
    (void)journal.prepare(transaction(id, xid, 2000 + xid, 2));
    if (!journal.sync()) _exit(1);
    if (write(pipe, &xid, sizeof xid) != sizeof xid) _exit(1);
    (void)journal.release(id, static_cast<event::Position>(xid), 0, 0);
    if (xid % 100 == 0) (void)journal.trim(static_cast<event::Position>(xid) - 50, 1000);
  }
}

TEST_F(JournalTest, EverythingSyncedSurvivesKillAtRandomMoments) {
  std::mt19937 random(7);
  for (int round = 0; round < 15; ++round) {
    fs::remove(path_);
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t child = spawn([&] {
      open();
      write_until_killed(*journal_, ends[1]);
    });
    close(ends[1]);
    event::Xid last = 0;
    const event::Xid enough = 1 + random() % 400;
    while (last < enough && read(ends[0], &last, sizeof last) == sizeof last) {
    }
    kill(child, SIGKILL);
    while (read(ends[0], &last, sizeof last) == sizeof last) {
    }
    close(ends[0]);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    ASSERT_GE(last, enough);

    open();
    Xids found = stream();
    for (const event::Xid xid : in_doubt()) found.push_back(xid);
    ASSERT_FALSE(found.empty());
    EXPECT_GE(found.back(), last) << "round " << round;
    for (std::size_t i = 1; i < found.size(); ++i) EXPECT_EQ(found[i], found[i - 1] + 1);
    EXPECT_EQ(query("SELECT count(*) FROM events"), std::to_string(2 * found.size()) + "|");
    journal_.reset();
  }
}

TEST_F(JournalTest, AWalCutAnywhereHoldsABeginningOfTheGroups) {
  const pid_t child = spawn([&] {
    open();
    for (event::Xid xid = 1; xid <= 20; ++xid) {
      prepare(xid, 2000 + xid);
      (void)journal_->sync();
    }
  });
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  const fs::path saved = directory_ / "saved";
  fs::create_directory(saved);
  for (const char* suffix : {"", "-wal"}) fs::copy_file(path_.string() + suffix, (saved / "journal").string() + suffix);
  const auto size = fs::file_size(path_.string() + "-wal");
  std::size_t most = 0;
  for (std::uintmax_t cut = 32; cut <= size; cut += 1500) {
    fs::remove(path_.string() + "-shm");
    for (const char* suffix : {"", "-wal"}) {
      fs::copy_file((saved / "journal").string() + suffix, path_.string() + suffix,
                    fs::copy_options::overwrite_existing);
    }
    fs::resize_file(path_.string() + "-wal", cut);
    open();
    const Xids found = in_doubt();
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], i + 1);
    EXPECT_GE(found.size(), most);
    most = found.size();
    journal_.reset();
  }
  EXPECT_GE(most, 19u);
}

}  // namespace
}  // namespace weir::capture
