// A session's gate over a log and a book that fail on demand, and what the stream was told.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "capture/journal/tail.h"
#include "proxy/commit/session_gate.h"
#include "tests/capture/journal/fake_book.h"
#include "tests/capture/journal/fake_log.h"
#include "tests/capture/journal/transactions.h"
#include "tests/proxy/heard.h"

namespace weir::proxy {

using capture::change;
using capture::Durability;
using capture::FakeDisk;
using capture::FakeLog;
using capture::FakeShelf;
using capture::FakeState;
using capture::Outcome;
using capture::transaction;
using Urgency = JournalDoor::Urgency;
namespace command = capture::command;

inline const Error kDiskFull{"journal /j: cannot write: the disk is full; make room", "53100"};
inline const std::string kRun = "77 00000001 100.5 0/0 100.4";

class SessionGateTest : public testing::Test {
 protected:
  SessionGateTest() { syncer.start(); }
  ~SessionGateTest() override { disk->let_sync_go(); }

  std::unique_ptr<SessionGate> make_gate(Durability durability = Durability::answer) {
    door.durability = durability;
    GateAnswers answers;
    answers.prepared = [this](std::int64_t id, const Result<void>& result) {
      heard.add(std::to_string(id) + (result ? " ok" : " refused"));
    };
    answers.reported = [this](const event::ChangeEvent& gap) { heard.add("reported " + gap.cause); };
    answers.durable = [this] { heard.add("durable"); };
    answers.later = later;
    answers.refusal = [](const Error& error) { return Error{"told: " + error.message, error.sqlstate}; };
    return std::make_unique<SessionGate>(door, std::move(answers), &counts);
  }
  /// "ok", "53100 told: …", or "later".
  static std::string text(const std::optional<Result<void>>& answer) {
    if (!answer) return "later";
    return *answer ? "ok" : answer->error().sqlstate + " " + answer->error().message;
  }
  std::string prepare(SessionGate& gate, std::int64_t id, std::vector<event::ChangeEvent> rest = {change()}) {
    auto one = transaction(id, 10, 10);
    one.event_count = static_cast<std::uint32_t>(rest.size());
    one.server_run = kRun;
    return text(gate.prepare(one, std::move(rest)));
  }

  /// What the stream was told: "open 1; written 1; end 1".
  static std::string text(const capture::StreamCommand& one) {
    struct Names {
      std::string operator()(const command::Open& it) { return "open " + std::to_string(it.id); }
      std::string operator()(const command::Written& it) { return "written " + std::to_string(it.transaction.id); }
      std::string operator()(const command::Hold& it) { return "hold " + std::to_string(it.transaction.id); }
      std::string operator()(const command::Reopened& it) { return "reopened " + std::to_string(it.id); }
      std::string operator()(const command::End& it) {
        constexpr const char* kOutcomes[] = {" committed", " aborted", " unknown"};
        return "end " + std::to_string(it.id) + kOutcomes[static_cast<int>(it.outcome)];
      }
      std::string operator()(const command::Report& it) { return "report " + std::to_string(it.transaction.id); }
      std::string operator()(const command::GiveUp&) { return "give up"; }
      std::string operator()(const command::Subscribe&) { return "subscribe"; }
      std::string operator()(const command::Unsubscribe&) { return "unsubscribe"; }
      std::string operator()(const command::ChangeDestinations&) { return "destinations"; }
      std::string operator()(const command::Limits&) { return "limits"; }
      std::string operator()(const capture::Checkpoint&) { return "checkpoint"; }
      std::string operator()(const capture::DeadLetter&) { return "dead letter"; }
    };
    return std::visit(Names(), one);
  }
  std::string told_text() const {
    std::string result;
    for (const auto& [one, urgency] : told) result += (result.empty() ? "" : "; ") + text(one);
    return result;
  }
  template <typename Command>
  const Command& last_told() const {
    return std::get<Command>(told.back().first);
  }

  /// Ordinals of the events of what a restart would find of it; "none" where it would find nothing.
  std::string in_log(std::int64_t id) const {
    FakeState state;
    for (const auto& record : disk->records) state.take(record);
    const auto found = state.pending.find(id);
    if (found == state.pending.end()) return "none";
    std::string result;
    for (const auto& one : found->second.events) result += (result.empty() ? "" : " ") + std::to_string(one.ordinal);
    return result;
  }
  void fail_writes(std::optional<Error> error) {
    disk->set([&](FakeDisk& one) { one.fail_write = std::move(error); });
  }
  void fail_spills(std::optional<Error> error) {
    disk->set([&](FakeDisk& one) { one.fail_spill = std::move(error); });
  }
  void fill(std::uint64_t bytes) {
    door.max_bytes = 1000;
    disk->set([&](FakeDisk& one) { one.bytes = bytes; });
  }
  int syncs() {
    const std::lock_guard lock(disk->mutex);
    return disk->syncs;
  }

  std::shared_ptr<FakeDisk> disk = std::make_shared<FakeDisk>();
  FakeLog log{disk};
  FakeShelf shelf;
  capture::FakeBook book{shelf};
  Heard heard;
  Syncer syncer{log, [] {}};
  ServerRuns runs{[this](std::string_view run) { return book.note_server_run(run); }};
  CommitCounts commits;
  StreamCounts rows;
  SessionCounts counts;
  std::vector<std::pair<capture::StreamCommand, Urgency>> told;
  std::function<void()> on_written = [] {};  // under the log's lock
  std::function<void(std::function<void()>)> later = [](const std::function<void()>& function) { function(); };
  bool takes_offers = false;
  JournalDoor door{log,
                   Durability::answer,
                   "/j",
                   0,
                   syncer,
                   runs,
                   commits,
                   rows,
                   [this](capture::StreamCommand one, Urgency urgency) {
                     if (std::holds_alternative<command::Written>(one)) on_written();
                     told.emplace_back(std::move(one), urgency);
                     return takes_offers && urgency == Urgency::offered;
                   },
                   [this] { heard.add("carried out"); }};
};

}  // namespace weir::proxy
