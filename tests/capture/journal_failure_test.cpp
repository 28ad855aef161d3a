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

// -- the files under a running journal
// ---------------------------------------------------------------------------------

void expect_refused(const Result<void>& done, const std::string& what) {
  ASSERT_FALSE(done) << what;
  EXPECT_EQ(done.error().sqlstate, "58030");
  EXPECT_NE(done.error().message.find(what), std::string::npos) << done.error().message;
  EXPECT_NE(done.error().message.find("put it back"), std::string::npos) << done.error().message;
}

TEST_F(JournalTest, AFileThatIsRemovedStopsCommitsUntilItIsBack) {
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    open();
    prepare(1);
    ASSERT_TRUE(journal_->sync());
    const fs::path file = path_.string() + suffix;
    fs::rename(file, directory_ / "moved");
    expect_refused(journal_->flush(), file.string() + " was removed");
    const auto undone = prepare(2);
    expect_refused(journal_->sync(), "was removed");
    fs::rename(directory_ / "moved", file);
    EXPECT_TRUE(journal_->flush());
    EXPECT_FALSE(journal_->prepare(transaction(undone, 2))) << "it was in the group that failed";
    prepare(3);
    ASSERT_TRUE(journal_->sync());
    EXPECT_EQ(query("SELECT xid FROM transactions ORDER BY xid"), "1|3|") << suffix;
    journal_.reset();
    fs::remove(path_);
  }
}

TEST_F(JournalTest, AFileThatIsReplacedStopsCommits) {
  open();
  prepare(1);
  ASSERT_TRUE(journal_->sync());
  fs::copy_file(path_, directory_ / "copy");
  fs::rename(directory_ / "copy", path_);
  prepare(2);
  expect_refused(journal_->sync(), path_.string() + " was replaced by another file");
}

TEST_F(JournalTest, AFileThatIsCutOffStopsCommits) {
  open();
  for (event::Xid xid = 1; xid <= 500; ++xid) prepare(xid);
  ASSERT_TRUE(journal_->sync());
  fs::resize_file(path_.string() + "-wal", 5000);
  expect_refused(journal_->flush(), path_.string() + "-wal was cut off");
  journal_.reset();
  fs::remove(path_);
  open();
  for (event::Xid xid = 1; xid <= 500; ++xid) prepare(xid);
  ASSERT_TRUE(journal_->sync());
  journal_->compact();
  ASSERT_TRUE(journal_->flush());
  fs::resize_file(path_, 4096);
  expect_refused(journal_->flush(), path_.string() + " was cut off");
}

TEST_F(JournalTest, AWalThatBeginsAnewIsNotCutOff) {
  open();
  for (event::Xid xid = 1; xid <= 2000; ++xid) {
    prepare(xid);
    ASSERT_TRUE(journal_->sync()) << xid;
    if (xid % 300 == 0) journal_->compact();
  }
}

// -- what a checksum finds at a start
// ----------------------------------------------------------------------------------

/// Changes the first place where `text` stands in the file.
bool overwrite(const fs::path& path, const std::string& text, const std::string& other) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto at = bytes.find(text);
  if (at == std::string::npos) return false;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(std::streamoff(at));
  file.write(other.data(), std::streamsize(other.size()));
  return bool(file);
}

TEST_F(JournalTest, AValueThatChangedOnTheDiskIsFound) {
  open();
  const auto id = journal_->begin();
  const ChangeEvent event = row(1, R"({"id":1,"price":"11111.11"})");
  ASSERT_TRUE(journal_->append(*id, {&event, 1}));
  ASSERT_TRUE(journal_->prepare(transaction(*id, 1)));
  ASSERT_TRUE(journal_->release(*id, 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  journal_.reset();
  ASSERT_TRUE(overwrite(path_, "11111.11", "11111.10"));
  const Error error = open_error();
  EXPECT_NE(error.message.find("event 1 of transaction 1 is not what was stored"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("move it aside"), std::string::npos) << error.message;
  ASSERT_TRUE(overwrite(path_, "11111.10", "11111.11"));
  open();
}

TEST_F(JournalTest, AValueThatChangedUnderARunningWeirIsNotDelivered) {
  open();
  const auto id = journal_->begin();
  const ChangeEvent event = row(1, R"({"id":1,"price":"11111.11"})");
  ASSERT_TRUE(journal_->append(*id, {&event, 1}));
  ASSERT_TRUE(journal_->sync());
  query("UPDATE events SET after = '{\"id\":1,\"price\":\"11111.10\"}'");
  const auto reader = journal_->reader();
  const auto events = (*reader)->events(*id, 0, 10);
  ASSERT_FALSE(events);
  EXPECT_NE(events.error().message.find("checksum"), std::string::npos) << events.error().message;
}

TEST_F(JournalTest, EveryFieldIsInTheChecksum) {
  open();
  const auto id = *journal_->begin();
  ChangeEvent event = row(1);
  event.before = event.old_key = "{}";
  event.statement = "UPDATE";
  event.cause = "copy";
  event.tags = "{}";
  event.counts = {1, 2, 3};
  ASSERT_TRUE(journal_->append(id, {&event, 1}));
  ASSERT_TRUE(journal_->sync());
  const auto reader = std::move(*journal_->reader());
  ASSERT_TRUE(reader->events(id, 0, 10));
  for (const std::string column :
       {"op", "fidelity", "table_schema", "table_name", "lsn", "statement_order", "key", "old_key", "before", "after",
        "inserted", "updated", "deleted", "cause", "statement", "tags"}) {
    const std::string number = column == "lsn" || column == "statement_order" || column.ends_with("ed") ? "7" : "'u'";
    query("CREATE TABLE kept AS SELECT " + column + " AS kept FROM events; UPDATE events SET " + column + " = " +
          (column == "fidelity" ? "'input'" : number));
    EXPECT_FALSE(reader->events(id, 0, 10)) << column;
    query("UPDATE events SET " + column + " = (SELECT kept FROM kept); DROP TABLE kept");
    ASSERT_TRUE(reader->events(id, 0, 10)) << column;
  }
}

TEST_F(JournalTest, AFileOfAnOlderWeirIsTakenOver) {
  open();
  ASSERT_TRUE(journal_->release(prepare(1), 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  journal_.reset();
  query(
      "ALTER TABLE events DROP COLUMN checksum; ALTER TABLE transactions DROP COLUMN server_run;"
      "DROP TABLE server_runs; UPDATE meta SET value = 1 WHERE name = 'format_version'");
  open();
  ASSERT_TRUE(journal_->release(prepare(2), 2, 0, 0));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), (Xids{1, 2}));
  EXPECT_EQ(event_count(1), 1u);
  EXPECT_EQ(query("SELECT count(*), count(checksum) FROM events"), "2|1|");
  open();
}

TEST_F(JournalTest, AFileThatWasCutOffWhileNobodyUsedItIsRefused) {
  open();
  for (event::Xid xid = 1; xid <= 500; ++xid) prepare(xid);
  ASSERT_TRUE(journal_->sync());
  journal_.reset();
  const auto whole = fs::file_size(path_);
  for (const std::uintmax_t cut : {whole - 4096, whole / 2, std::uintmax_t(4096), std::uintmax_t(0)}) {
    fs::copy_file(path_, directory_ / "kept", fs::copy_options::overwrite_existing);
    fs::resize_file(path_, cut);
    const Error error = open_error();
    EXPECT_NE(error.message.find(path_.string()), std::string::npos) << cut << error.message;
    EXPECT_NE(error.message.find("move it aside"), std::string::npos) << cut << error.message;
    fs::copy_file(directory_ / "kept", path_, fs::copy_options::overwrite_existing);
  }
  open();
  EXPECT_EQ(in_doubt().size(), 500u);
}

TEST_F(JournalTest, OneThatWasRemovedWhileNobodyUsedItIsMissed) {
  open();
  EXPECT_EQ(journal_->warning(), "");
  const std::string instance = journal_->instance();
  journal_.reset();
  open();
  EXPECT_EQ(journal_->warning(), "");
  EXPECT_EQ(journal_->instance(), instance);
  journal_.reset();
  fs::remove(path_);
  open();
  EXPECT_NE(journal_->warning().find(instance + ") is gone"), std::string::npos) << journal_->warning();
  EXPECT_NE(journal_->instance(), instance);
}

/// A WAL of many groups, as kill -9 leaves it, and the place of one frame in it.
class DamagedWal : public JournalTest {
 protected:
  void SetUp() override {
    const pid_t child = spawn([&] {
      open();
      for (event::Xid xid = 1; xid <= 20; ++xid) {
        prepare(xid, 2000 + xid);
        (void)journal_->sync();
      }
    });
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
  }
  void flip(std::streamoff at) {
    std::fstream file(path_.string() + "-wal", std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = char(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
  }
  void pretend_a_reboot() {
    std::ifstream in(path_.string() + ".lock");
    std::string pid, boot, instance;
    in >> pid >> boot >> instance;
    std::ofstream(path_.string() + ".lock") << pid << "\nanother boot\n" << instance << "\n";
  }
};

TEST_F(DamagedWal, AFlippedBitInItsMiddleIsRefused) {
  for (const std::streamoff at : {32 + 8 * 4120 + 10, 32 + 8 * 4120 + 2000, 26, 3 * 4120 + 32 + 21}) {
    flip(at);
    const Error error = open_error();
    EXPECT_NE(error.message.find("-wal: damaged behind frame"), std::string::npos) << at << error.message;
    flip(at);
  }
  open();
  EXPECT_EQ(in_doubt().size(), 20u);
}

TEST_F(DamagedWal, BehindAPowerLossItIsSaidAndCutOff) {
  flip(32 + 30 * 4120 + 2000);
  pretend_a_reboot();
  open();
  EXPECT_NE(journal_->warning().find("damaged behind frame 30"), std::string::npos) << journal_->warning();
  EXPECT_LT(in_doubt().size(), 20u);
}

}  // namespace
}  // namespace weir::capture
