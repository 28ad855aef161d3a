// The book's file and its folder: two processes, damage, full disks, and what is said about them.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "capture/journal/sqlite_book.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace weir::capture {
namespace {

namespace fs = std::filesystem;

class BookTest : public testing::Test {
 protected:
  BookTest() { path_ = directory_ / "journal"; }
  ~BookTest() override { close(); }

  void close() {
    book_.reset();
    folder_.reset();
  }
  /// What is wrong with it; empty where it opened.
  Error try_open(bool synced = true) {
    close();
    auto folder = Folder::claim(path_);
    if (!folder) return folder.error();
    folder_ = *folder;
    const auto has_book = folder_->has_book();
    if (!has_book) return has_book.error();
    auto book = SqliteBook::open(*folder_, synced);
    if (!book) return book.error();
    book_ = std::move(*book);
    gone_ = folder_->compare(book_->instance());
    const auto remembered = folder_->remember(book_->instance());
    return remembered ? Error{} : remembered.error();
  }
  void open() { ASSERT_EQ(try_open().message, ""); }
  void expect_refused(const std::vector<std::string>& words) {
    const auto error = try_open();
    EXPECT_EQ(error.sqlstate, "58030") << error.message;
    for (const auto& word : words)
      EXPECT_NE(error.message.find(word), std::string::npos) << word << " in " << error.message;
    close();
  }
  fs::path file(const std::string& suffix = "") const { return (path_ / "book.sqlite").string() + suffix; }
  /// What an operator sees and does with the sqlite3 shell.
  std::string query(const std::string& sql) {
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open_v2(file().c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr),
              SQLITE_OK);
    std::string answer;
    char* error = nullptr;
    sqlite3_exec(
        connection, sql.c_str(),
        [](void* out, int columns, char** values, char**) {
          for (int column = 0; column < columns; ++column)
            *static_cast<std::string*>(out) += std::string(values[column] ? values[column] : "NULL") + "|";
          return 0;
        },
        &answer, &error);
    if (error != nullptr) answer += error;
    sqlite3_free(error);
    sqlite3_close(connection);
    return answer;
  }
  /// Many small changes in a WAL, as kill -9 leaves it.
  void leave_a_wal() {
    const pid_t child = fork();
    if (child == 0) {
      if (try_open().message.empty()) (void)book_->add_destination("stdout", 0);
      for (event::Position position = 1; position <= 40; ++position) {
        const Checkpoint checkpoint{"stdout", position};
        (void)book_->set_checkpoints({&checkpoint, 1});
      }
      _exit(0);
    }
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
  }
  event::Position stdout_at() {
    const auto read = book_->checkpoints();
    return read && read->size() == 1 ? read->front().position : -1;
  }

  test_support::TempFolder directory_{"book_test"};
  fs::path path_;
  std::shared_ptr<Folder> folder_;
  std::unique_ptr<SqliteBook> book_;
  std::string gone_;
};

// -- the folder -----------------------------------------------------------------------------------------------------

TEST_F(BookTest, NobodyElseReadsTheFolder) {
  open();
  ASSERT_TRUE(book_->add_destination("stdout", 0));
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  for (const auto& entry : fs::directory_iterator(path_)) {
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << entry.path();
  }
}

TEST_F(BookTest, IsUsedByOneProcessAtATime) {
  EXPECT_EQ(owner_of(path_), std::nullopt);
  open();
  EXPECT_EQ(owner_of(path_), std::to_string(getpid()));
  const auto again = Folder::claim(path_);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("in use by process " + std::to_string(getpid())), std::string::npos)
      << again.error().message;
  EXPECT_EQ(again.error().sqlstate, "58030");
  EXPECT_NE(again.error().message.find(path_.string()), std::string::npos);
  close();
  EXPECT_EQ(owner_of(path_), std::nullopt);
  open();
}

TEST_F(BookTest, OneThatWasKilledHasNothingAnyMore) {
  const pid_t child = fork();
  if (child == 0) {
    (void)try_open();
    raise(SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(owner_of(path_), std::nullopt);
  open();
  EXPECT_EQ(gone_, "");
}

TEST_F(BookTest, AskingForTheOwnerNeverStandsInTheWayOfAStart) {
  open();
  close();
  std::atomic<bool> ends = false;
  std::thread asks([&] {
    while (!ends) (void)owner_of(path_);
  });
  for (int start = 0; start < 20; ++start) EXPECT_EQ(try_open().message, "");
  ends = true;
  asks.join();
}

TEST_F(BookTest, ParentsAreNotMade) {
  path_ = directory_ / "no such directory" / "journal";
  expect_refused({"No such file or directory", "check that its directory exists", path_.string()});
  EXPECT_FALSE(fs::exists(directory_ / "no such directory"));
}

TEST_F(BookTest, APathMayEndWithASlash) {
  open();
  close();
  const auto plain = path_;
  path_ += "/";
  open();
  EXPECT_EQ(folder_->path(), plain.string());
}

TEST_F(BookTest, AFileIsNoFolder) {
  std::ofstream(path_) << "x";
  expect_refused({"is no folder", path_.string()});
}

TEST_F(BookTest, SomebodyElsesFolderIsLeftAlone) {
  fs::create_directory(path_);
  std::ofstream(path_ / "letter.txt") << "Dear Anne";
  expect_refused({"letter.txt", "an empty folder"});
  EXPECT_FALSE(fs::exists(path_ / "lock"));
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(BookTest, AMountedFolderIsEmpty) {
  fs::create_directories(path_ / "lost+found");
  open();
}

TEST_F(BookTest, ALogWithoutItsBookIsNoNewJournal) {
  open();
  close();
  fs::remove(file());
  std::ofstream(path_ / "segment-0000000000001000") << "x";
  expect_refused({"no book.sqlite", "segment-0000000000001000", "put its book.sqlite back"});
}

TEST_F(BookTest, OneThatWasRemovedWhileNobodyUsedItIsMissed) {
  open();
  const std::string instance = book_->instance();
  open();
  EXPECT_EQ(gone_, "");
  EXPECT_EQ(book_->instance(), instance);
  close();
  fs::remove(file());
  open();
  EXPECT_NE(gone_.find("instance " + instance + ") is gone"), std::string::npos) << gone_;
  EXPECT_NE(book_->instance(), instance);
  open();
  EXPECT_EQ(gone_, "");
}

TEST_F(BookTest, ATemporaryOneLeavesNothingBehind) {
  setenv("TMPDIR", directory_.path().c_str(), 1);
  auto folder = Folder::temporary();
  unsetenv("TMPDIR");
  ASSERT_TRUE(folder) << folder.error().message;
  auto book = SqliteBook::open(**folder, false);
  ASSERT_TRUE(book) << book.error().message;
  ASSERT_TRUE((*book)->add_destination("stdout", 0));
  EXPECT_FALSE(fs::is_empty(directory_.path()));
  book->reset();
  folder->reset();
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

// -- boots ----------------------------------------------------------------------------------------------------------

TEST_F(BookTest, ABootBehindAGoodEndTakesNothing) {
  open();
  ASSERT_TRUE(book_->note_end());
  close();
  query("UPDATE meta SET value = 'another boot' WHERE name = 'boot'");
  open();
  EXPECT_FALSE(book_->booted_since());
  open();
  EXPECT_FALSE(book_->booted_since()) << "it is known by now";
  close();
  query("UPDATE meta SET value = 'a third boot' WHERE name = 'boot'");
  open();
  EXPECT_TRUE(book_->booted_since()) << "the run before has not ended well";
}

TEST_F(BookTest, ABootStaysUntoldUntilItWasTold) {
  open();
  EXPECT_FALSE(book_->booted_since());
  close();
  query("UPDATE meta SET value = 'another boot' WHERE name = 'boot'");
  for (int start = 0; start < 2; ++start) {
    open();
    EXPECT_TRUE(book_->booted_since()) << "also where the start before died before it could tell";
  }
  ASSERT_TRUE(book_->note_boot());
  EXPECT_TRUE(book_->booted_since()) << "of this run it stays true";
  open();
  EXPECT_FALSE(book_->booted_since());
}

// -- the file at a start --------------------------------------------------------------------------------------------

TEST_F(BookTest, RefusesADamagedFileAndSaysWhatToDo) {
  open();
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(book_->add_dead_letter({"stdout", i, "topic", "key", std::string(1000, 'x'), "reason", {}}));
  close();
  std::fstream damaged(file(), std::ios::in | std::ios::out | std::ios::binary);
  for (std::streamoff page = 2; page < 30; ++page) {
    damaged.seekp(page * 4096);
    damaged.write("damaged!damaged!", 16);
  }
  damaged.close();
  expect_refused({"move it aside", "weir journal export", file().string()});
}

TEST_F(BookTest, RefusesAFileThatIsNoDatabase) {
  fs::create_directory(path_);
  std::ofstream(file()) << std::string(10'000, 'x');
  expect_refused({"file is not a database", "move it aside", file().string()});
}

TEST_F(BookTest, RefusesTheDatabaseOfAnotherProgram) {
  fs::create_directory(path_);
  query("CREATE TABLE t (a)");
  expect_refused({"another program"});
  EXPECT_EQ(query("SELECT count(*) FROM sqlite_schema"), "1|") << "it was left alone";
}

TEST_F(BookTest, RefusesAFormatFromTheFuture) {
  open();
  close();
  query("UPDATE meta SET value = 99 WHERE name = 'format_version'");
  expect_refused({"format version 99", "run the newer Weir"});
}

TEST_F(BookTest, RefusesAFileThatWasCutOff) {
  open();
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(book_->add_dead_letter({"stdout", i, "topic", "key", std::string(1000, 'x'), "reason", {}}));
  close();
  const auto whole = fs::file_size(file());
  for (const std::uintmax_t cut : {whole - 4096, whole / 2, std::uintmax_t(4096), std::uintmax_t(0)}) {
    fs::copy_file(file(), directory_ / "kept", fs::copy_options::overwrite_existing);
    fs::resize_file(file(), cut);
    expect_refused({file().string(), "put a copy of it back"});
    fs::copy_file(directory_ / "kept", file(), fs::copy_options::overwrite_existing);
  }
  open();
  EXPECT_EQ(book_->dead_letters()->size(), 50u);
}

TEST_F(BookTest, SurvivesKill) {
  leave_a_wal();
  open();
  EXPECT_EQ(stdout_at(), 40);
}

TEST_F(BookTest, AWalCutAnywhereHoldsABeginning) {
  leave_a_wal();
  const auto saved = directory_ / "saved";
  fs::create_directory(saved);
  for (const char* suffix : {"", "-wal"}) fs::copy_file(file(suffix), saved / (std::string("b") + suffix));
  const auto size = fs::file_size(file("-wal"));
  event::Position most = 0;
  for (std::uintmax_t cut = size / 3; cut <= size; cut += 3500) {
    fs::remove(file("-shm"));
    for (const char* suffix : {"", "-wal"})
      fs::copy_file(saved / (std::string("b") + suffix), file(suffix), fs::copy_options::overwrite_existing);
    fs::resize_file(file("-wal"), cut);
    open();
    EXPECT_GE(stdout_at(), most);
    most = stdout_at();
    close();
  }
  EXPECT_GE(most, 38);
}

class BookWalTest : public BookTest {
 protected:
  void SetUp() override { leave_a_wal(); }
  void flip(std::streamoff at) {
    std::fstream wal(file("-wal"), std::ios::in | std::ios::out | std::ios::binary);
    wal.seekg(at);
    const char byte = char(wal.get() ^ 1);
    wal.seekp(at);
    wal.put(byte);
  }
};

TEST_F(BookWalTest, AFlippedBitInItsMiddleIsRefused) {
  for (const std::streamoff at : {32 + 8 * 4120 + 10, 32 + 8 * 4120 + 2000, 26, 3 * 4120 + 32 + 21}) {
    flip(at);
    expect_refused({"-wal: damaged behind frame", "put a copy of it back"});
    flip(at);
  }
  open();
  EXPECT_EQ(stdout_at(), 40);
}

TEST_F(BookWalTest, BehindAPowerLossItIsSaidAndCutOff) {
  flip(32 + 30 * 4120 + 2000);
  std::ifstream in(path_ / "lock");
  std::string pid, boot, instance;
  in >> pid >> boot >> instance;
  ASSERT_EQ(boot, boot_id());
  std::ofstream(path_ / "lock") << pid << "\nanother boot\n" << instance << "\n";
  open();
  EXPECT_NE(book_->warning().find("damaged behind frame 30"), std::string::npos) << book_->warning();
  EXPECT_LT(stdout_at(), 40);
}

// -- the file under a running Weir ----------------------------------------------------------------------------------

TEST_F(BookTest, AFileThatIsRemovedStopsWritesUntilItIsBack) {
  open();
  ASSERT_TRUE(book_->add_destination("stdout", 0));
  event::Position position = 0;
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    const Checkpoint next{"stdout", ++position};
    EXPECT_TRUE(book_->look());
    fs::rename(file(suffix), directory_ / "moved");
    EXPECT_FALSE(book_->look());
    const auto refused = book_->set_checkpoints({&next, 1});
    ASSERT_FALSE(refused) << suffix;
    EXPECT_EQ(refused.error().sqlstate, "58030");
    EXPECT_NE(refused.error().message.find(file(suffix).string() + " was removed"), std::string::npos)
        << refused.error().message;
    EXPECT_NE(refused.error().message.find("put it back"), std::string::npos);
    fs::rename(directory_ / "moved", file(suffix));
    EXPECT_TRUE(book_->set_checkpoints({&next, 1}));
  }
  fs::copy_file(file(), directory_ / "copy");
  fs::rename(directory_ / "copy", file());
  const auto refused = book_->forget("stdout");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("was replaced by another file"), std::string::npos);
}

TEST_F(BookTest, AFullDiskIsOverWhenThereIsRoom) {
  open();
  ASSERT_TRUE(book_->add_destination("stdout", 1));
  const DeadLetter letter{"stdout", 1, "t", "k", std::string(400 << 10, 'x'), "r", {}};
  {
    const test_support::FileSizeLimit full(128 << 10);
    const auto refused = book_->add_dead_letter(letter);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sqlstate, "53100") << refused.error().message;
    EXPECT_NE(refused.error().message.find("free space"), std::string::npos) << refused.error().message;
  }
  EXPECT_TRUE(book_->dead_letters()->empty());
  EXPECT_TRUE(book_->add_dead_letter(letter));
  EXPECT_EQ(stdout_at(), 1);
}

TEST_F(BookTest, TheWalDoesNotGrowForEver) {
  open();
  ASSERT_TRUE(book_->add_destination("stdout", 1));
  for (event::Position position = 2; position <= 3000; ++position) {
    const Checkpoint next{"stdout", position};
    ASSERT_TRUE(book_->set_checkpoints({&next, 1}));
  }
  EXPECT_LT(fs::file_size(file("-wal")), 3u << 20);
}

// -- positions and readers ------------------------------------------------------------------------------------------

TEST_F(BookTest, TheHighestPositionOutlivesItsDestination) {
  open();
  EXPECT_EQ(*book_->highest_position(), 0);
  ASSERT_TRUE(book_->add_destination("a", 100));
  ASSERT_TRUE(book_->add_destination("b", 80));
  EXPECT_EQ(*book_->highest_position(), 100);
  ASSERT_TRUE(book_->forget("a"));
  EXPECT_EQ(*book_->highest_position(), 100);
  ASSERT_TRUE(book_->rename("b", "a"));
  EXPECT_EQ(*book_->highest_position(), 100);
  ASSERT_TRUE(book_->forget("a"));
  ASSERT_TRUE(book_->add_destination("a", 0));
  open();
  EXPECT_EQ(*book_->highest_position(), 100);
}

TEST_F(BookTest, IsReadWhileItIsUsedAndAfterwards) {
  open();
  ASSERT_TRUE(book_->add_destination("stdout", 1));
  const auto live = SqliteBook::open_to_read(file());
  ASSERT_TRUE(live) << live.error().message;
  const Checkpoint next{"stdout", 2};
  ASSERT_TRUE(book_->set_checkpoints({&next, 1}));
  EXPECT_EQ((*live)->checkpoints()->front().position, 2);
  EXPECT_EQ((*live)->instance(), book_->instance());
  EXPECT_FALSE((*live)->forget("stdout"));
  EXPECT_EQ(stdout_at(), 2);
  close();
  const auto later = SqliteBook::open_to_read(file());
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_EQ((*later)->checkpoints()->front().position, 2);
}

TEST_F(BookTest, IsReadWhereNothingMayBeWritten) {
  if (getuid() == 0) {
    ASSERT_EQ(chown(directory_.path().c_str(), 65534, 65534), 0);
  }
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && setuid(65534) != 0) _exit(2);
    path_ = directory_ / "what?#%25";
    if (!try_open().message.empty() || !book_->add_destination("stdout", 7)) _exit(3);
    close();
    fs::permissions(file(), fs::perms::owner_read);
    fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_exec);
    const auto book = SqliteBook::open_to_read(file());
    const bool fits = book && (*book)->checkpoints()->front().position == 7;
    fs::permissions(path_, fs::perms::owner_all);
    _exit(fits ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(BookTest, WhatIsNoBookIsNotRead) {
  EXPECT_FALSE(SqliteBook::open_to_read(file()));
  fs::create_directory(path_);
  std::ofstream(file()) << std::string(10'000, 'x');
  EXPECT_FALSE(SqliteBook::open_to_read(file()));
  fs::remove(file());
  query("CREATE TABLE t (a)");
  const auto other = SqliteBook::open_to_read(file());
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("another program"), std::string::npos);
}

}  // namespace
}  // namespace weir::capture
