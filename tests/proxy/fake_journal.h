// A Journal in memory that can be told to fail: what is written in a group appears only when the group ends well.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/journal.h"

namespace weir::proxy {

class FakeJournal final : public capture::Journal {
 public:
  struct Stored {
    std::string state = "open";
    event::Transaction transaction;
    std::vector<event::ChangeEvent> events;
  };
  struct State {
    std::map<std::int64_t, Stored> transactions;
    std::map<std::string, event::Position> checkpoints;
    std::map<std::string, event::Position> forgotten;
    std::vector<std::string> server_runs;
    std::vector<std::string> dead_letters;
    event::Position trimmed = 0;
  };

  // What the tests set and see.
  State durable;
  std::optional<Error> fail_group;   ///< every group that wrote something fails with it
  std::optional<Error> fail_append;  ///< an append fails, and it alone
  std::uint64_t size = 0;
  std::uint64_t wal = 0;  ///< so much of `size` goes when it is compacted
  int syncs = 0;
  int flushes = 0;
  std::vector<std::string> groups;  ///< what each group wrote: "prepare 1; release 1@1"

  Result<std::int64_t> begin() override { return ++last_id_; }
  Result<void> append(std::int64_t id, std::span<const event::ChangeEvent> events) override {
    if (fail_append) return *fail_append;
    note("append " + std::to_string(id));
    auto& stored = group_.transactions[id].events;
    stored.insert(stored.end(), events.begin(), events.end());
    return {};
  }
  Result<void> reopen(std::int64_t id) override {
    note("reopen " + std::to_string(id));
    group_.transactions[id].state = "open";
    return {};
  }
  Result<void> truncate(std::int64_t id, std::uint32_t ordinal) override {
    note("truncate " + std::to_string(id));
    std::erase_if(group_.transactions[id].events, [&](const auto& event) { return event.ordinal >= ordinal; });
    return {};
  }
  Result<void> prepare(const event::Transaction& transaction) override {
    note("prepare " + std::to_string(transaction.id));
    auto& stored = group_.transactions[transaction.id];
    stored.state = "prepared";
    stored.transaction = transaction;
    return {};
  }
  Result<void> acknowledge(std::int64_t id, std::int64_t at) override {
    note("acknowledge " + std::to_string(id));
    auto& stored = group_.transactions[id];
    if (stored.state != "prepared") return Error{"transaction " + std::to_string(id) + " is not prepared", "58030"};
    stored.state = "acknowledged";
    stored.transaction.committed_us = at;
    return {};
  }
  Result<void> release(std::int64_t id, event::Position position, event::Lsn resolved, std::int64_t at) override {
    note("release " + std::to_string(id) + "@" + std::to_string(position));
    auto& stored = group_.transactions[id];
    if (stored.state != "prepared" && stored.state != "acknowledged")
      return Error{"transaction " + std::to_string(id) + " is not prepared", "58030"};
    stored.state = "committed";
    stored.transaction.position = position;
    stored.transaction.resolved = resolved;
    stored.transaction.committed_us = at;
    return {};
  }
  Result<void> erase(std::int64_t id) override {
    note("erase " + std::to_string(id));
    group_.transactions.erase(id);
    return {};
  }
  Result<void> note_server_run(std::string_view run) override {
    note("run");
    group_.server_runs.emplace_back(run);
    return {};
  }
  Result<std::vector<std::string>> server_runs() override { return durable.server_runs; }
  Result<void> set_checkpoint(std::string_view emitter, event::Position position) override {
    note("checkpoint " + std::to_string(position));
    group_.checkpoints[std::string(emitter)] = position;
    return {};
  }
  Result<void> forget(std::string_view emitter) override {
    note("forget " + std::string(emitter));
    group_.forgotten[std::string(emitter)] = group_.checkpoints[std::string(emitter)];
    group_.checkpoints.erase(std::string(emitter));
    return {};
  }
  Result<void> rename(std::string_view emitter, std::string_view now) override {
    note("rename " + std::string(emitter));
    group_.checkpoints[std::string(now)] = group_.checkpoints[std::string(emitter)];
    group_.checkpoints.erase(std::string(emitter));
    return {};
  }
  Result<bool> trim(event::Position through, std::size_t) override {
    note("trim " + std::to_string(through));
    group_.trimmed = through;
    std::erase_if(group_.transactions, [&](const auto& one) {
      return one.second.state == "committed" && one.second.transaction.position <= through;
    });
    size = 0;
    return false;
  }
  Result<void> dead_letter(std::string_view, event::Position, std::string_view topic, std::string_view,
                           std::string_view, std::string_view reason) override {
    note("dead letter");
    group_.dead_letters.push_back(std::string(topic) + ": " + std::string(reason));
    return {};
  }
  Result<void> sync() override {
    ++syncs;
    return end();
  }
  Result<void> flush() override {
    ++flushes;
    return end();
  }
  void compact() override { size -= std::exchange(wal, 0); }

  Result<std::vector<event::Transaction>> in_doubt() override {
    std::vector<event::Transaction> result;
    for (const auto& [id, stored] : durable.transactions) {
      if (stored.state == "prepared" || stored.state == "acknowledged") result.push_back(stored.transaction);
    }
    return result;
  }
  Result<std::vector<capture::Checkpoint>> checkpoints() override { return listed(durable.checkpoints); }
  Result<std::vector<capture::Checkpoint>> forgotten() override { return listed(durable.forgotten); }
  Result<capture::Erased> erased() override { return capture::Erased{durable.trimmed, 0}; }
  Result<event::Position> last_position() override {
    event::Position last = durable.trimmed;
    for (const auto& [id, stored] : durable.transactions) last = std::max(last, stored.transaction.position);
    return last;
  }
  Result<event::Lsn> last_lsn() override { return event::Lsn{0}; }
  std::uint64_t bytes() const override { return size; }
  const std::string& instance() const override { return instance_; }
  const std::string& warning() const override { return warning_; }
  Result<std::unique_ptr<capture::JournalReader>> reader() override { return Error{"the fake has no reader", ""}; }

  /// Takes over what an earlier run left.
  void start_from(const State& state) {
    durable = group_ = state;
    if (!state.transactions.empty()) last_id_ = state.transactions.rbegin()->first;
  }

 private:
  static std::vector<capture::Checkpoint> listed(const std::map<std::string, event::Position>& positions) {
    std::vector<capture::Checkpoint> result;
    for (const auto& [emitter, position] : positions) result.push_back({emitter, position});
    return result;
  }
  void note(const std::string& what) { written_ += (written_.empty() ? "" : "; ") + what; }
  Result<void> end() {
    const auto written = std::move(written_);
    written_.clear();
    if (written.empty()) return {};
    if (fail_group) {
      group_ = durable;
      return *fail_group;
    }
    durable = group_;
    groups.push_back(written);
    return {};
  }

  State group_;
  std::string written_;
  std::int64_t last_id_ = 100;
  std::string instance_ = "fake";
  std::string warning_;
};

}  // namespace weir::proxy
