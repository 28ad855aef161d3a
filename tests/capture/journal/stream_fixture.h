// A Stream over a log and a book that fail on demand. A test says what sessions do (`open`, `write`, `end`), which is
// queued as a session's gate queues it, and then takes a turn of the stream. `restart` is kill -9 and the next run.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capture/journal/stream.h"
#include "tests/capture/journal/fake_book.h"
#include "tests/capture/journal/fake_log.h"
#include "tests/capture/journal/transactions.h"

namespace weir::capture {

class StreamTest : public testing::Test {
 protected:
  using milliseconds = std::chrono::milliseconds;
  static inline const Error kDiskFull{"journal /j: cannot write: the disk is full; make room", "53100"};

  StreamTest() {
    shelf.destinations["e"] = {};
    start({.journal = "/j", .emitters = {"e"}});
  }

  /// A run over what the one before left.
  void start(Stream::Options now_with) {
    options = std::move(now_with);
    queue.clear();
    stream.reset();
    log = std::make_unique<FakeLog>(disk);
    book = std::make_unique<FakeBook>(shelf);
    stream = std::make_unique<Stream>(*log, *book, options);
    auto taken_up = stream->recover(now());
    ASSERT_TRUE(taken_up) << taken_up.error().message;
    recovered = std::move(*taken_up);
  }
  void restart() { start(options); }
  /// A journal of so many bytes, which are `bytes` now.
  void limit(std::uint64_t bytes) {
    auto limited = options;
    limited.max_bytes = 1000;
    limited.hold_timeout = milliseconds(100);
    start(limited);
    fill(bytes);
  }
  void fill(std::uint64_t bytes) {
    disk->set([&](FakeDisk& one) { one.bytes = bytes; });
  }
  void fail_writes(std::optional<Error> error) {
    disk->set([&](FakeDisk& one) { one.fail_write = std::move(error); });
  }
  void fail_book(std::optional<Error> error) {
    shelf.set([&](FakeShelf& one) { one.fail_write = std::move(error); });
  }

  // -- what sessions and others do, in this order
  // -----------------------------------------------------------------------

  void open(std::int64_t id) {
    while (disk->last_id < id) log->next_id();
    queue.emplace_back(command::Open{id});
  }
  /// Written, and not synced yet.
  Place write(std::int64_t id, event::Lsn first, event::Lsn last) {
    const auto events = std::make_shared<const std::vector<event::ChangeEvent>>(1, change());
    const auto end = log->write(transaction(id, first, last), *events, nullptr, [&](Place place) {
      queue.emplace_back(command::Written{transaction(id, first, last), events, place});
    });
    EXPECT_TRUE(end) << end.error().message;
    return end ? *end : 0;
  }
  /// From its first statement to the moment in which its COMMIT is sent and its record is durable.
  void prepare(std::int64_t id, event::Lsn first, event::Lsn last) {
    open(id);
    write(id, first, last);
    EXPECT_TRUE(log->sync());
  }
  void hold(std::int64_t id, event::Lsn first, event::Lsn last, std::unique_ptr<Spill> spill = nullptr) {
    queue.emplace_back(command::Hold{transaction(id, first, last), {change()}, std::move(spill), answer});
  }
  void reopen(std::int64_t id) {
    EXPECT_TRUE(log->reopen(id));
    queue.emplace_back(command::Reopened{id});
  }
  void end(std::int64_t id, Outcome outcome = Outcome::committed) {
    queue.emplace_back(command::End{id, outcome, 1000 + id});
  }
  void report(std::int64_t id, event::Lsn lsn) {
    while (disk->last_id < id) log->next_id();
    auto gap = change();
    gap.op = event::Op::gap;
    gap.cause = "copy";
    queue.emplace_back(command::Report{transaction(id, lsn, lsn), gap});
  }
  void checkpoint(const std::string& emitter, event::Position position) {
    queue.emplace_back(Checkpoint{emitter, position});
  }
  void dead_letter(event::Position position) {
    queue.emplace_back(DeadLetter{"e", position, "t", "k", "v", "too large", {}});
  }

  Stream::Now now() { return {++wall, Stream::Clock::time_point{} + milliseconds(clock_ms)}; }
  Stream::Effects turn() { return stream->execute(std::exchange(queue, {}), now()); }
  /// A turn, the sync that it asks for, and the turn that follows.
  Stream::Effects turn_and_sync() {
    auto effects = turn();
    if (effects.sync_to == 0) return effects;
    EXPECT_TRUE(log->sync());
    auto more = turn();
    EXPECT_EQ(more.sync_to, 0u);
    for (auto& one : more.released) effects.released.push_back(std::move(one));
    for (auto& one : more.notices) effects.notices.push_back(std::move(one));
    return effects;
  }
  std::optional<std::int64_t> deadline_ms() const {
    const auto at = stream->deadline();
    if (!at) return std::nullopt;
    return std::chrono::duration_cast<milliseconds>(at->time_since_epoch()).count();
  }

  // -- what is there to see
  // ---------------------------------------------------------------------------------------------

  /// "1 ok; 2 53100" in the order of the replies.
  static std::string replies(const Stream::Effects& effects) {
    std::string result;
    for (const auto& reply : effects.replies)
      result += (result.empty() ? "" : "; ") + std::to_string(reply.id) + " " +
                (reply.result ? "ok" : reply.result.error().sqlstate);
    return result;
  }
  static std::string text(const std::vector<Released>& released) {
    std::string result;
    for (const auto& one : released)
      result += (result.empty() ? "" : " ") + std::to_string(one.transaction.xid) + "@" +
                std::to_string(one.transaction.position);
    return result;
  }
  static std::string released(const Stream::Effects& effects) { return text(effects.released); }
  static std::vector<std::string> notices(const Stream::Effects& effects) {
    std::vector<std::string> result;
    for (const auto& notice : effects.notices) result.push_back(notice.text);
    return result;
  }
  std::unique_ptr<JournalReader> make_reader() const {
    auto made = log->reader();
    return std::move(*made);
  }
  std::vector<event::Transaction> read_all() const {
    const auto reader = make_reader();
    std::vector<event::Transaction> all;
    for (auto next = *reader->next(0); next; next = *reader->next(all.back().position)) all.push_back(*next);
    return all;
  }
  std::unique_ptr<Spill> make_spill(std::int64_t id) {
    auto made = log->open_spill(id);
    return std::move(*made);
  }
  /// The stream as readers of the log see it: "701@1 702@2".
  std::string in_log() const {
    std::vector<Released> all;
    for (const auto& one : read_all()) all.push_back({one, {}});
    return text(all);
  }
  /// What the next run would find without an outcome: "701 702!", with a mark where it is known to have committed.
  std::string pending() const {
    FakeState state;
    for (const auto& record : disk->records) state.take(record);
    std::string result;
    for (const auto& [id, one] : state.pending)
      result += (result.empty() ? "" : " ") + std::to_string(one.transaction.xid) +
                (one.transaction.committed_us != 0 ? "!" : "");
    return result;
  }
  /// What the log was told, one text for each record: "k2 r1@1".
  std::vector<std::string> notes() const {
    std::vector<std::string> result;
    for (const auto& record : disk->records) {
      if (const auto* outcomes = std::get_if<std::vector<LogOutcome>>(&record.what)) result.push_back(text(*outcomes));
    }
    return result;
  }
  static std::string text(const std::vector<LogOutcome>& outcomes) {
    std::string result;
    for (const auto& one : outcomes)
      result += (result.empty() ? "" : " ") + std::string(1, static_cast<char>(one.kind)) + std::to_string(one.id) +
                (one.position != 0 ? "@" + std::to_string(one.position) : "");
    return result;
  }
  event::Lsn resolved_of(event::Xid xid) const {
    for (const auto& one : read_all())
      if (one.xid == xid) return one.resolved;
    return 999;
  }
  event::Position in_book(const std::string& emitter) const { return shelf.destinations.at(emitter).position; }

  std::shared_ptr<FakeDisk> disk = std::make_shared<FakeDisk>();
  FakeShelf shelf;
  std::unique_ptr<FakeLog> log;
  std::unique_ptr<FakeBook> book;
  Stream::Options options;
  std::unique_ptr<Stream> stream;
  Stream::Effects recovered;
  std::vector<StreamCommand> queue;
  std::shared_ptr<const Answer> answer = std::make_shared<const Answer>();
  std::int64_t wall = 0;
  std::int64_t clock_ms = 0;
};

}  // namespace weir::capture
