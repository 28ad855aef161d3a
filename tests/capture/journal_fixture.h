// What the journal's tests share: a journal in a directory of its own, transactions to put into it, and the views of a
// reader, of a restart and of an operator.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "capture/journal.h"

namespace weir::capture {

namespace fs = std::filesystem;
using event::ChangeEvent;
using event::Transaction;
using Xids = std::vector<event::Xid>;

inline ChangeEvent row(std::uint32_t ordinal, std::string after = R"({"id":1})") {
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

inline Transaction transaction(std::int64_t id, event::Xid xid, event::Lsn last_lsn = 2000, std::uint32_t events = 1) {
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
  Xids stream() {
    auto reader = journal_->reader();
    EXPECT_TRUE(reader);
    Xids xids;
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
  Xids in_doubt() {
    Xids xids;
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

}  // namespace weir::capture
