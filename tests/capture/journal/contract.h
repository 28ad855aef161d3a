// What any EventLog must do, written against a factory: the same tests run with the real log and with the fake that
// other tests use. The factory's members are what a test may do to a log from outside.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "capture/journal/event_log.h"

namespace weir::capture {

/// A log and what lies beneath it.
class LogBench {
 public:
  virtual ~LogBench() = default;
  virtual EventLog& log() = 0;
  /// kill -9 and a new start.
  virtual void restart() = 0;
  /// The machine crashes, loses what was not synced, and starts anew.
  virtual void crash() = 0;
  virtual void fail_writes(bool fail) = 0;
  virtual void fail_syncs(bool fail) = 0;
  /// Makes keep_from let go of all it may: segments are small, or there are none.
  virtual bool lets_go_of_all() const = 0;
};

struct LogBenchKind {
  std::string name;
  std::unique_ptr<LogBench> (*make)();
};

inline event::ChangeEvent row(std::uint32_t ordinal, std::string after = R"({"id":1})") {
  event::ChangeEvent event;
  event.schema = "public";
  event.table = "orders";
  event.ordinal = ordinal;
  event.statement_order = 1;
  event.lsn = 1000 + ordinal;
  event.key = R"({"id":1})";
  event.after = std::move(after);
  return event;
}

/// A table of two columns; `note` is the name of the second.
inline event::ShapePtr shape(std::string note = "note", std::uint64_t fingerprint = 0xF00DF00DF00DF00D) {
  event::TableShape made{"public", "orders", {}, {"id"}, fingerprint};
  made.columns.push_back({"id", 1, 20, "pg_catalog", "int8", -1, 'b', 0, true});
  made.columns.push_back({std::move(note), 3, 1043, "pg_catalog", "varchar", 24, 'b', 0, false});
  return std::make_shared<const event::TableShape>(std::move(made));
}

inline std::vector<event::ChangeEvent> rows(std::uint32_t from, std::uint32_t to) {
  std::vector<event::ChangeEvent> made;
  for (std::uint32_t ordinal = from; ordinal <= to; ++ordinal) made.push_back(row(ordinal));
  return made;
}

inline event::Transaction transaction(std::int64_t id, std::uint32_t events = 1, event::Lsn last_lsn = 2000) {
  event::Transaction made;
  made.id = id;
  made.xid = 700 + static_cast<event::Xid>(id);
  made.database = "shop";
  made.first_lsn = last_lsn - 10;
  made.last_lsn = last_lsn;
  made.prepared_us = 1'795'247'617'702'980;
  made.event_count = events;
  made.server_run = "7412/1";
  made.context = {"anne", "psql", "10.0.0.7:51234", "17"};
  return made;
}

inline LogOutcome released(std::int64_t id, event::Position position) {
  return {LogOutcome::Kind::released, id, position, 1990, 1'795'247'618'000'001};
}
inline LogOutcome acknowledged(std::int64_t id) {
  return {LogOutcome::Kind::acknowledged, id, 0, 0, 1'795'247'618'000'002};
}
inline LogOutcome aborted(std::int64_t id) {
  return {LogOutcome::Kind::aborted, id, 0, 0, 0};
}
inline LogOutcome reopened(std::int64_t id) {
  return {LogOutcome::Kind::reopened, id, 0, 0, 0};
}

}  // namespace weir::capture
