// A committer over a log and a book that fail on demand, and what they have at the end.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <future>
#include <memory>

#include "capture/journal/tail.h"
#include "proxy/commit/committer.h"
#include "tests/capture/journal/fake_book.h"
#include "tests/capture/journal/fake_log.h"
#include "tests/capture/journal/transactions.h"
#include "tests/proxy/heard.h"

namespace weir::proxy {
using capture::change;
using capture::Durability;
using capture::FakeBook;
using capture::FakeDisk;
using capture::FakeLog;
using capture::FakeShelf;
using capture::Outcome;
using capture::transaction;
using std::chrono::milliseconds;

inline const Error kDiskFull{"journal /j: cannot write: the disk is full; make room", "53100"};

class CommitterTest : public testing::Test {
 protected:
  CommitterTest() { shelf.destinations["e"] = {}; }
  ~CommitterTest() override { disk->let_sync_go(); }

  Committer::Options options(Durability durability = Durability::answer) {
    Committer::Options made;
    made.journal = "/j";
    made.durability = durability;
    made.max_bytes = 1000;
    made.hold_timeout = std::chrono::minutes(1);
    made.emitters = {"e"};
    made.tail = &tail;
    made.on_released = [this] { heard.add("released"); };
    made.on_doubt = [this](std::vector<capture::Doubt> doubts) {
      for (const auto& doubt : doubts) heard.add("doubt " + std::to_string(doubt.transaction.id));
    };
    return made;
  }
  Result<void> try_start(Committer::Options with) {
    committer.reset();
    auto log = std::make_unique<FakeLog>(disk);
    if (on_log) on_log(*log, with);
    capture::Journal journal;
    journal.book = std::make_unique<FakeBook>(shelf);
    journal.log = std::move(log);
    committer = std::make_unique<Committer>(std::move(journal), std::move(with));
    return committer->start();
  }
  void start(Committer::Options with) {
    fill(0);
    const auto started = try_start(std::move(with));
    ASSERT_TRUE(started) << started.error().message;
  }
  void start(Durability durability = Durability::answer) { start(options(durability)); }

  std::unique_ptr<capture::CommitGate> make_gate() {
    GateAnswers answers;
    answers.prepared = [this](std::int64_t id, const Result<void>& result) {
      heard.add(std::to_string(id) + (result ? " ok" : " refused " + result.error().sqlstate));
    };
    answers.durable = [this] { heard.add("durable"); };
    return committer->make_gate(std::move(answers));
  }
  /// As a session does it: true where its COMMIT may be sent.
  bool prepare(capture::CommitGate& gate, std::int64_t id) {
    const auto lsn = static_cast<event::Lsn>(id) * 10;
    const auto answer = gate.prepare(transaction(id, lsn, lsn), {change()});
    if (answer) return static_cast<bool>(*answer);
    EXPECT_TRUE(heard.hears(std::to_string(id) + " ok"));
    return heard.has(std::to_string(id) + " ok");
  }
  std::int64_t commit(capture::CommitGate& gate) {
    const auto id = gate.open();
    EXPECT_TRUE(prepare(gate, id));
    gate.outcome(id, Outcome::committed);
    return id;
  }

  void fill(std::uint64_t bytes) {
    disk->set([&](FakeDisk& one) { one.bytes = bytes; });
  }
  void fail_writes(std::optional<Error> error) {
    disk->set([&](FakeDisk& one) { one.fail_write = std::move(error); });
  }
  void fail_syncs(std::optional<Error> error) {
    disk->set([&](FakeDisk& one) { one.fail_sync = std::move(error); });
  }
  void await_syncs(int count) {
    std::unique_lock lock(disk->mutex);
    disk->changed.wait(lock, [&] { return disk->syncs >= count; });
  }
  /// Of the machine, while Weir ran.
  void crash() {
    committer.reset();
    shelf.ended = false;
    shelf.booted_since = true;
  }
  event::Position erased_through() {
    const std::lock_guard lock(disk->mutex);
    return disk->erased.through;
  }
  /// "701@1 702@2" as the next run reads it; what it has no outcome of behind that: "703? 704!".
  std::string left() {
    committer.reset();
    FakeLog log(disk);
    auto reader = log.reader();
    std::string result;
    const auto add = [&](const event::Transaction& one, const std::string& mark) {
      result += (result.empty() ? "" : " ") + std::to_string(one.xid) + mark;
    };
    event::Position after = 0;
    for (auto next = *(*reader)->next(0); next; next = *(*reader)->next(after)) {
      after = next->position;
      add(*next, "@" + std::to_string(after));
    }
    for (const auto& one : log.recovered().pending) add(one, one.committed_us != 0 ? "!" : "?");
    return result;
  }

  std::shared_ptr<FakeDisk> disk = std::make_shared<FakeDisk>();
  FakeShelf shelf;
  capture::Tail tail;
  Heard heard;
  std::function<void(FakeLog&, Committer::Options&)> on_log;  // before the committer has it
  std::unique_ptr<Committer> committer;
};

}  // namespace weir::proxy
