#include "capture/journal.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

namespace weir::capture {
namespace {

namespace fs = std::filesystem;
using event::ChangeEvent;
using event::Transaction;

ChangeEvent row(std::uint32_t ordinal, std::string after = R"({"id":1})") {
  ChangeEvent event;
  event.schema = "public";
  event.table = "orders";
  event.ordinal = ordinal;
  event.statement_order = 1;
  event.lsn = 1000 + ordinal;
  event.key = R"({"id":1})";
  event.after = std::move(after);
  return event;
}

Transaction transaction(std::int64_t id, event::Xid xid, event::Lsn last_lsn = 2000, std::uint32_t events = 1) {
  Transaction made;
  made.id = id;
  made.xid = xid;
  made.database = "shop";
  made.first_lsn = last_lsn - 10;
  made.last_lsn = last_lsn;
  made.prepared_us = 1'795'247'617'702'980;
  made.event_count = events;
  made.context = {"anne", "psql", "10.0.0.7:51234", "17"};
  return made;
}

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = (fs::temp_directory_path() / "journal_test-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    path_ = directory_ / "journal";
  }
  ~JournalTest() override {
    journal_.reset();
    fs::remove_all(directory_);
  }

  void open() {
    journal_.reset();
    auto opened = Journal::open({path_.string(), Journal::Durability::gate});
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }
  Error open_error() {
    const auto opened = Journal::open({path_.string(), Journal::Durability::gate});
    return opened ? Error{"it opened", ""} : opened.error();
  }
  /// One transaction of `events` rows, prepared and not synced.
  std::int64_t prepare(event::Xid xid, event::Lsn last_lsn = 2000, std::uint32_t events = 1) {
    const auto id = journal_->begin();
    EXPECT_TRUE(id);
    for (std::uint32_t ordinal = 1; ordinal <= events; ++ordinal) {
      const ChangeEvent event = row(ordinal);
      EXPECT_TRUE(journal_->append(*id, {&event, 1}));
    }
    EXPECT_TRUE(journal_->prepare(transaction(*id, xid, last_lsn, events)));
    return *id;
  }
  /// Transaction ids of the stream, as a new reader sees them.
  std::vector<event::Xid> stream() {
    auto reader = journal_->reader();
    EXPECT_TRUE(reader);
    std::vector<event::Xid> xids;
    for (event::Position position = 0;;) {
      const auto next = (*reader)->next(position);
      EXPECT_TRUE(next) << next.error().message;
      if (!*next) return xids;
      position = (**next).position;
      xids.push_back((**next).xid);
    }
  }
  std::size_t event_count(std::int64_t id) {
    auto reader = journal_->reader();
    return (*reader)->events(id, 0, 1'000'000)->size();
  }
  std::vector<event::Xid> in_doubt() {
    std::vector<event::Xid> xids;
    const auto doubtful = journal_->in_doubt();
    EXPECT_TRUE(doubtful);
    for (const Transaction& each : *doubtful) xids.push_back(each.xid);
    return xids;
  }
  /// What an operator sees with the sqlite3 shell.
  std::string query(const std::string& sql) {
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path_.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr),
              SQLITE_OK);
    std::string answer;
    char* error = nullptr;
    sqlite3_exec(
        connection, sql.c_str(),
        [](void* out, int columns, char** values, char**) {
          for (int column = 0; column < columns; ++column) {
            *static_cast<std::string*>(out) += std::string(values[column] ? values[column] : "NULL") + "|";
          }
          return 0;
        },
        &answer, &error);
    if (error != nullptr) answer += error;
    sqlite3_free(error);
    sqlite3_close(connection);
    return answer;
  }

  fs::path directory_;
  fs::path path_;
  std::unique_ptr<Journal> journal_;
};

using Xids = std::vector<event::Xid>;

TEST_F(JournalTest, KeepsEveryFieldOfATransactionAndItsEvents) {
  open();
  ChangeEvent full = row(1, R"({"id":2,"note":"ü\n"})");
  full.op = event::Op::update;
  full.fidelity = event::Fidelity::input;
  full.statement_order = 3;
  full.old_key = R"({"id":1})";
  full.before = R"({"id":1})";
  full.statement = "UPDATE orders SET id = 2";
  full.tags = R"({"route":"/pay"})";
  ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.fidelity = event::Fidelity::statement;
  gap.ordinal = 7;
  gap.counts = {1, 2, 3};
  gap.cause = "trigger";
  const std::int64_t id = *journal_->begin();
  const std::vector<ChangeEvent> events = {full, gap};
  ASSERT_TRUE(journal_->append(id, events));
  Transaction stored = transaction(id, 80795, 0x123456789A, 2);
  ASSERT_TRUE(journal_->prepare(stored));
  ASSERT_TRUE(journal_->release(id, 1, 1990, 1'795'247'618'000'001));
  ASSERT_TRUE(journal_->sync());

  auto opened = journal_->reader();
  ASSERT_TRUE(opened);
  const auto& reader = *opened;
  const Transaction read = **reader->next(0);
  EXPECT_EQ(read.id, id);
  EXPECT_EQ(read.xid, 80795u);
  EXPECT_EQ(read.database, "shop");
  EXPECT_EQ(read.first_lsn, stored.first_lsn);
  EXPECT_EQ(read.last_lsn, stored.last_lsn);
  EXPECT_EQ(read.resolved, 1990u);
  EXPECT_EQ(read.prepared_us, stored.prepared_us);
  EXPECT_EQ(read.committed_us, 1'795'247'618'000'001);
  EXPECT_EQ(read.position, 1);
  EXPECT_EQ(read.event_count, 2u);
  EXPECT_EQ(read.context.user, "anne");
  EXPECT_EQ(read.context.application_name, "psql");
  EXPECT_EQ(read.context.client, "10.0.0.7:51234");
  EXPECT_EQ(read.context.session, "17");
  const std::vector<ChangeEvent> got = *reader->events(id, 0, 10);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].op, event::Op::update);
  EXPECT_EQ(got[0].fidelity, event::Fidelity::input);
  EXPECT_EQ(got[0].schema, "public");
  EXPECT_EQ(got[0].table, "orders");
  EXPECT_EQ(got[0].lsn, 1001u);
  EXPECT_EQ(got[0].statement_order, 3u);
  EXPECT_EQ(got[0].key, full.key);
  EXPECT_EQ(got[0].old_key, full.old_key);
  EXPECT_EQ(got[0].before, full.before);
  EXPECT_EQ(got[0].after, full.after);
  EXPECT_EQ(got[0].statement, full.statement);
  EXPECT_EQ(got[0].tags, full.tags);
  EXPECT_EQ(got[1].op, event::Op::gap);
  EXPECT_EQ(got[1].ordinal, 7u);
  EXPECT_EQ(got[1].fidelity, event::Fidelity::statement);
  EXPECT_EQ(got[1].key, std::nullopt);
  EXPECT_EQ(got[1].after, std::nullopt);
  EXPECT_EQ(got[1].counts.inserted, 1);
  EXPECT_EQ(got[1].counts.updated, 2);
  EXPECT_EQ(got[1].counts.deleted, 3);
  EXPECT_EQ(got[1].cause, "trigger");
}

TEST_F(JournalTest, ReadsInOrderOfPositionAndInSlices) {
  open();
  const std::int64_t first = prepare(1, 2000, 5);
  const std::int64_t second = prepare(2);
  ASSERT_TRUE(journal_->release(second, 1, 0, 0));
  ASSERT_TRUE(journal_->release(first, 2, 0, 0));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), (Xids{2, 1}));
  auto opened = journal_->reader();
  ASSERT_TRUE(opened);
  const auto& reader = *opened;
  const auto slice = *reader->events(first, 2, 2);
  ASSERT_EQ(slice.size(), 2u);
  EXPECT_EQ(slice[0].ordinal, 3u);
  EXPECT_EQ(slice[1].ordinal, 4u);
}

TEST_F(JournalTest, ReadersSeeAReleaseAfterFlushAndNotBefore) {
  open();
  const std::int64_t id = prepare(1);
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{});
  ASSERT_TRUE(journal_->release(id, 1, 0, 0));
  EXPECT_EQ(stream(), Xids{});
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), Xids{1});
}

TEST_F(JournalTest, FindsPreparedTransactionsInDoubtAndForgetsOpenOnes) {
  open();
  const std::int64_t later = prepare(1, 3000);
  prepare(2, 2000);
  const std::int64_t released = prepare(3);
  ASSERT_TRUE(journal_->release(released, 1, 0, 0));
  const std::int64_t never_prepared = *journal_->begin();
  const ChangeEvent event = row(1);
  ASSERT_TRUE(journal_->append(never_prepared, {&event, 1}));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(query("SELECT state FROM transactions WHERE id = " + std::to_string(never_prepared)), "open|");
  open();
  EXPECT_EQ(in_doubt(), (Xids{2, 1}));
  EXPECT_EQ(event_count(never_prepared), 0u);
  EXPECT_EQ(query("SELECT count(*) FROM events"), "3|");
  prepare(4);
  EXPECT_EQ(in_doubt(), (Xids{2, 1})) << "what this run prepared is not in doubt";
  ASSERT_TRUE(journal_->release(later, 2, 0, 0));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(in_doubt(), Xids{2});
}

TEST_F(JournalTest, NeverGivesOutANumberTwice) {
  open();
  const std::int64_t first = prepare(1);
  ASSERT_TRUE(journal_->sync());
  ASSERT_TRUE(journal_->erase(first));
  ASSERT_TRUE(journal_->sync());
  open();
  EXPECT_GT(*journal_->begin(), first);
}

TEST_F(JournalTest, TruncateTakesBackTheTailOfAnOpenTransaction) {
  open();
  const std::int64_t id = *journal_->begin();
  for (std::uint32_t ordinal = 1; ordinal <= 5; ++ordinal) {
    const ChangeEvent event = row(ordinal);
    ASSERT_TRUE(journal_->append(id, {&event, 1}));
  }
  ASSERT_TRUE(journal_->flush());
  ASSERT_TRUE(journal_->truncate(id, 3));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(event_count(id), 2u);
}

TEST_F(JournalTest, EraseTakesATransactionInAnyStateButCommitted) {
  open();
  const std::int64_t open_one = *journal_->begin();
  const ChangeEvent event = row(1);
  ASSERT_TRUE(journal_->append(open_one, {&event, 1}));
  const std::int64_t prepared = prepare(1);
  const std::int64_t released = prepare(2);
  ASSERT_TRUE(journal_->release(released, 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  EXPECT_TRUE(journal_->erase(open_one));
  EXPECT_TRUE(journal_->erase(prepared));
  EXPECT_FALSE(journal_->erase(released));
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(query("SELECT id FROM transactions"), std::to_string(released) + "|");
  EXPECT_EQ(query("SELECT count(*) FROM events"), "1|");
}

TEST_F(JournalTest, RefusesWhatIsOutOfTurnWithoutHarmToTheGroup) {
  open();
  const std::int64_t good = prepare(1);
  const ChangeEvent event = row(1);
  EXPECT_FALSE(journal_->append(good, {&event, 1})) << "it is prepared";
  EXPECT_FALSE(journal_->prepare(transaction(good, 1)));
  EXPECT_FALSE(journal_->append(999, {&event, 1}));
  EXPECT_FALSE(journal_->release(999, 1, 0, 0));
  ASSERT_TRUE(journal_->release(good, 1, 0, 0));
  EXPECT_FALSE(journal_->release(good, 2, 0, 0)) << "it is released";
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(stream(), Xids{1});
}

TEST_F(JournalTest, TrimErasesWholeTransactionsWithinItsLimit) {
  open();
  for (event::Xid xid = 1; xid <= 10; ++xid) {
    const std::int64_t id = prepare(xid, 2000 + xid, 3);
    ASSERT_TRUE(journal_->release(id, static_cast<event::Position>(xid), 0, 0));
  }
  ASSERT_TRUE(journal_->sync());
  EXPECT_TRUE(*journal_->trim(8, 10)) << "three of them fit into 10 events";
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), (Xids{4, 5, 6, 7, 8, 9, 10}));
  EXPECT_FALSE(*journal_->trim(8, 100));
  EXPECT_FALSE(*journal_->trim(8, 100));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(stream(), (Xids{9, 10}));
  EXPECT_EQ(query("SELECT count(*) FROM events"), "6|");
}

TEST_F(JournalTest, TrimTakesATransactionThatIsTooLargeInParts) {
  open();
  const std::int64_t large = prepare(1, 2000, 25);
  const std::int64_t small = prepare(2, 2001, 1);
  ASSERT_TRUE(journal_->release(large, 1, 0, 0));
  ASSERT_TRUE(journal_->release(small, 2, 0, 0));
  std::vector<std::string> left;
  for (bool more = true; more;) {
    const auto trimmed = journal_->trim(2, 10);
    ASSERT_TRUE(trimmed);
    more = *trimmed;
    ASSERT_TRUE(journal_->flush());
    left.push_back(query("SELECT count(*) FROM events"));
    ASSERT_LT(left.size(), 10u);
  }
  EXPECT_EQ(left, (std::vector<std::string>{"16|", "6|", "1|", "0|"}));
  EXPECT_EQ(query("SELECT count(*) FROM transactions"), "0|");
}

TEST_F(JournalTest, RemembersPositionAndLsnOfWhatWasTrimmed) {
  open();
  EXPECT_EQ(*journal_->last_position(), 0);
  EXPECT_EQ(*journal_->last_lsn(), 0u);
  ASSERT_TRUE(journal_->release(prepare(1, 5000), 1, 0, 0));
  ASSERT_TRUE(journal_->release(prepare(2, 4000), 2, 0, 0));
  prepare(3, 9000);
  ASSERT_TRUE(journal_->sync());
  EXPECT_EQ(*journal_->last_position(), 2);
  EXPECT_EQ(*journal_->last_lsn(), 5000u) << "the highest released, not the last one";
  ASSERT_FALSE(*journal_->trim(2, 100));
  ASSERT_TRUE(journal_->sync());
  open();
  EXPECT_EQ(*journal_->last_position(), 2);
  EXPECT_EQ(*journal_->last_lsn(), 5000u);
}

TEST_F(JournalTest, KeepsCheckpointsPerEmitter) {
  open();
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 3));
  ASSERT_TRUE(journal_->set_checkpoint("kafka://a/b", 7));
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 4));
  ASSERT_TRUE(journal_->sync());
  open();
  const auto checkpoints = *journal_->checkpoints();
  ASSERT_EQ(checkpoints.size(), 2u);
  EXPECT_EQ(checkpoints[0].emitter, "kafka://a/b");
  EXPECT_EQ(checkpoints[0].position, 7);
  EXPECT_EQ(checkpoints[1].emitter, "stdout");
  EXPECT_EQ(checkpoints[1].position, 4);
  EXPECT_EQ(*journal_->last_position(), 7) << "a position that was delivered is never given out again";
}

TEST_F(JournalTest, IsReadableForAnOperator) {
  open();
  ASSERT_TRUE(journal_->release(prepare(80795, 37677488), 1, 0, 1'795'247'618'000'000));
  ASSERT_TRUE(journal_->dead_letter("kafka://a/b", 1, "shop.public.orders", R"({"id":1})", "{}", "too large"));
  ASSERT_TRUE(journal_->flush());
  EXPECT_EQ(query("SELECT state, xid, lsn, committed_at FROM readable_transactions"),
            "committed|80795|0/23EE9B0|2026-11-21T07:53:38.000Z|");
  EXPECT_EQ(query("SELECT table_name, op, fidelity, lsn, state FROM readable_events"),
            "public.orders|c|row|0/3E9|committed|");
  EXPECT_EQ(query("SELECT emitter, position, topic, key, value, reason FROM dead_letters"),
            R"(kafka://a/b|1|shop.public.orders|{"id":1}|{}|too large|)");
  EXPECT_EQ(query("SELECT value FROM meta WHERE name = 'instance'"), journal_->instance() + "|");
}

TEST_F(JournalTest, KeepsItsInstanceOverRestarts) {
  open();
  const std::string instance = journal_->instance();
  EXPECT_EQ(instance.size(), 32u);
  open();
  EXPECT_EQ(journal_->instance(), instance);
}

TEST_F(JournalTest, BytesGrowWithEventsAndShrinkWithTrim) {
  open();
  const std::int64_t id = *journal_->begin();
  const ChangeEvent large = row(1, std::string(5 << 20, 'x'));
  ASSERT_TRUE(journal_->append(id, {&large, 1}));
  ASSERT_TRUE(journal_->prepare(transaction(id, 1)));
  ASSERT_TRUE(journal_->release(id, 1, 0, 0));
  ASSERT_TRUE(journal_->sync());
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 1));
  ASSERT_TRUE(journal_->flush());
  EXPECT_GT(journal_->bytes(), 5u << 20);
  ASSERT_TRUE(journal_->trim(1, 100));
  ASSERT_TRUE(journal_->flush());
  ASSERT_TRUE(journal_->set_checkpoint("stdout", 2));
  ASSERT_TRUE(journal_->flush());
  EXPECT_LT(journal_->bytes(), 1u << 20);
}

TEST_F(JournalTest, ReadersDoNotKeepTheWalFromStartingAnew) {
  open();
  auto opened = journal_->reader();
  ASSERT_TRUE(opened);
  const auto& reader = *opened;
  for (event::Position position = 1; position <= 3000; ++position) {
    const std::int64_t id = prepare(static_cast<event::Xid>(position));
    ASSERT_TRUE(journal_->release(id, position, 0, 0));
    ASSERT_TRUE(journal_->flush());
    ASSERT_TRUE(*reader->next(position - 1));
    ASSERT_EQ(reader->events(id, 0, 1)->size(), 1u) << "the limit leaves the statement before its end";
  }
  EXPECT_LT(fs::file_size(path_.string() + "-wal"), 16u << 20);
}

// -- what can go wrong ------------------------------------------------------------------------------------------------

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
