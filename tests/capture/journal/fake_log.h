// An EventLog in memory, for tests of what stands above it: shared, and held to the same contract test as the real one.
//
// A FakeDisk is what remains when a FakeLog is destroyed: another one made on it is the next run, after kill -9.
// `FakeDisk::crash` before that takes away what was not synced, as a crash of the machine would. Failures are made on
// demand by the disk's members. Any thread; a held sync waits until it is let go, and can be waited for.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "capture/journal/event_log.h"

namespace weir::capture {

/// One record, as it would be in a file.
struct FakeRecord {
  std::variant<event::Transaction, std::vector<LogOutcome>> what;
  std::vector<event::ChangeEvent> events;
  Place place = 0;
  Place end = 0;
};

struct FakeDisk {
  // What a test sets, under the mutex or before threads start.
  std::optional<Error> fail_write;  ///< write, note and reopen fail with it as long as it is set
  std::optional<Error> fail_sync;   ///< so does sync, and then write, until a sync succeeds
  std::optional<Error> fail_spill;  ///< so do append and cut
  std::optional<Error> fail_look;
  std::optional<std::uint64_t> bytes;  ///< what bytes() says

  void set(const std::function<void(FakeDisk&)>& change) {
    const std::lock_guard lock(mutex);
    change(*this);
  }
  /// From now on a sync waits before it does anything.
  void hold_sync() {
    set([](FakeDisk& disk) { disk.held = true; });
  }
  void let_sync_go() {
    set([](FakeDisk& disk) { disk.held = false; });
    changed.notify_all();
  }
  /// Until as many syncs wait to be let go.
  void await_held_syncs(int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting >= count; });
  }
  /// Until so much is erased; false: it was not in twenty seconds.
  bool await_erased(event::Position through) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return erased.through >= through; });
  }
  /// The machine: what was not synced is gone.
  void crash() {
    const std::lock_guard lock(mutex);
    while (!records.empty() && records.back().end > durable) {
      records.pop_back();
      torn = true;
    }
    end = records.empty() ? std::max<Place>(first_place, erased_end) : records.back().end;
  }

  static constexpr Place first_place = 4096;
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;
  int waiting = 0;
  int syncs = 0;  ///< that were begun
  bool torn = false;
  std::vector<FakeRecord> records;
  Place end = first_place;
  Place durable = first_place;
  Place erased_end = 0;
  std::int64_t last_id = 0;
  std::int64_t last_us = 0;
  Erased erased;
};

/// What the records say, one after the other.
struct FakeState {
  struct Pending {
    event::Transaction transaction;
    std::vector<event::ChangeEvent> events;
    Place place = 0;
  };
  std::map<std::int64_t, Pending> pending;
  std::map<event::Position, Pending> released;
  event::Position last_position = 0;
  event::Lsn last_lsn = 0;

  void take(const FakeRecord& record) {
    if (const auto* transaction = std::get_if<event::Transaction>(&record.what)) {
      pending[transaction->id] = {*transaction, record.events, record.place};
      return;
    }
    for (const LogOutcome& outcome : std::get<1>(record.what)) take(outcome);
  }
  void take(const LogOutcome& outcome) {
    const auto found = pending.find(outcome.id);
    if (outcome.kind == LogOutcome::Kind::released) last_position = std::max(last_position, outcome.position);
    if (found == pending.end()) return;
    event::Transaction& transaction = found->second.transaction;
    if (outcome.kind == LogOutcome::Kind::acknowledged) {
      transaction.committed_us = outcome.committed_us;
      return;
    }
    if (outcome.kind == LogOutcome::Kind::released) {
      transaction.position = outcome.position;
      transaction.resolved = outcome.resolved;
      transaction.committed_us = outcome.committed_us;
      last_lsn = std::max(last_lsn, transaction.last_lsn);
      released[outcome.position] = std::move(found->second);
    }
    pending.erase(found);
  }
};

class FakeSpill : public Spill {
 public:
  FakeSpill(std::shared_ptr<FakeDisk> disk, std::vector<event::ChangeEvent> events)
      : disk_(std::move(disk)), events_(std::move(events)) {}

  Result<void> append(std::span<const event::ChangeEvent> events) override {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->fail_spill) return *disk_->fail_spill;
    events_.insert(events_.end(), events.begin(), events.end());
    return {};
  }
  Result<void> cut(std::uint32_t ordinal) override {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->fail_spill) return *disk_->fail_spill;
    std::erase_if(events_, [&](const event::ChangeEvent& each) { return each.ordinal >= ordinal; });
    return {};
  }
  const std::vector<event::ChangeEvent>& events() const { return events_; }

 private:
  std::shared_ptr<FakeDisk> disk_;
  std::vector<event::ChangeEvent> events_;
};

class FakeLog : public EventLog {
 public:
  explicit FakeLog(std::shared_ptr<FakeDisk> disk = std::make_shared<FakeDisk>()) : disk_(std::move(disk)) {
    const std::lock_guard lock(disk_->mutex);
    for (const FakeRecord& record : disk_->records) state_->take(record);
    for (const auto& [id, pending] : state_->pending) recovered_.pending.push_back(pending.transaction);
    std::sort(recovered_.pending.begin(), recovered_.pending.end(), [&](const auto& one, const auto& other) {
      return state_->pending[one.id].place < state_->pending[other.id].place;
    });
    state_->last_position = std::max(state_->last_position, disk_->erased.through);
    state_->last_lsn = std::max(state_->last_lsn, disk_->erased.lsn);
    recovered_.last_position = state_->last_position;
    recovered_.last_lsn = state_->last_lsn;
    recovered_.last_us = disk_->last_us;
    recovered_.torn = std::exchange(disk_->torn, false);
    disk_->durable = disk_->end;
  }

  FakeDisk& disk() { return *disk_; }

  const Recovered& recovered() const override { return recovered_; }
  std::int64_t next_id() override {
    const std::lock_guard lock(disk_->mutex);
    return ++disk_->last_id;
  }
  Result<std::unique_ptr<Spill>> open_spill(std::int64_t) override { return spill_of({}); }

  Result<Place> write(const event::Transaction& transaction, std::span<const event::ChangeEvent> rest,
                      std::unique_ptr<Spill> spill, const std::function<void(Place end)>& announce) override {
    const std::lock_guard lock(disk_->mutex);
    if (auto failed = refuses()) return *failed;
    FakeRecord record;
    record.what = transaction;
    if (spill) record.events = static_cast<FakeSpill&>(*spill).events();
    record.events.insert(record.events.end(), rest.begin(), rest.end());
    put(std::move(record));
    if (announce) announce(disk_->end);
    return disk_->end;
  }
  Result<std::unique_ptr<Spill>> reopen(std::int64_t id) override {
    const std::lock_guard lock(disk_->mutex);
    if (auto failed = refuses()) return *failed;
    const auto found = state_->pending.find(id);
    if (found == state_->pending.end())
      return Error{"transaction " + std::to_string(id) + " is not in the log", "58030"};
    auto events = found->second.events;
    put({std::vector{LogOutcome{LogOutcome::Kind::reopened, id}}, {}});
    ++not_noted_[id];
    return spill_of(std::move(events));
  }

  Place durable() const override {
    const std::lock_guard lock(disk_->mutex);
    return disk_->durable;
  }
  Place end() const override {
    const std::lock_guard lock(disk_->mutex);
    return disk_->end;
  }
  Result<void> sync() override {
    std::unique_lock lock(disk_->mutex);
    const Place target = disk_->end;
    ++disk_->syncs;
    ++disk_->waiting;
    disk_->changed.notify_all();
    disk_->changed.wait(lock, [&] { return !disk_->held; });
    --disk_->waiting;
    sync_failed_ = disk_->fail_sync;
    if (sync_failed_) return *sync_failed_;
    disk_->durable = std::max(disk_->durable, target);
    return {};
  }

  Result<void> note(std::span<const LogOutcome> outcomes) override {
    const std::lock_guard lock(disk_->mutex);
    if (auto failed = refuses()) return *failed;
    std::vector<LogOutcome> told;
    for (const LogOutcome& outcome : outcomes) {
      const bool told_by_reopen = outcome.kind == LogOutcome::Kind::reopened && not_noted_[outcome.id] > 0;
      if (told_by_reopen) --not_noted_[outcome.id];
      if (!told_by_reopen) told.push_back(outcome);
    }
    if (!told.empty()) put({std::move(told), {}});
    return {};
  }
  Result<void> keep_from(event::Position safe) override {
    const std::lock_guard lock(disk_->mutex);
    std::set<Place> gone;
    while (!state_->released.empty() && state_->released.begin()->first <= safe) {
      const FakeState::Pending& first = state_->released.begin()->second;
      disk_->erased.through = first.transaction.position;
      disk_->changed.notify_all();
      disk_->erased.lsn = std::max(disk_->erased.lsn, first.transaction.last_lsn);
      gone.insert(first.place);
      state_->released.erase(state_->released.begin());
    }
    std::erase_if(disk_->records, [&](const FakeRecord& record) {
      const bool goes = gone.contains(record.place);
      if (goes) disk_->erased_end = std::max(disk_->erased_end, record.end);
      return goes;
    });
    return {};
  }
  Result<void> look() override {
    const std::lock_guard lock(disk_->mutex);
    lost_ = disk_->fail_look;
    if (lost_) return *lost_;
    return {};
  }

  std::uint64_t bytes() const override {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->bytes) return *disk_->bytes;
    std::uint64_t bytes = 0;
    for (const FakeRecord& record : disk_->records) bytes += record.end - record.place;
    return bytes;
  }
  Erased erased() const override {
    const std::lock_guard lock(disk_->mutex);
    return disk_->erased;
  }
  Result<std::unique_ptr<JournalReader>> reader() override {
    return std::unique_ptr<JournalReader>(new Reader(disk_, state_));
  }

 private:
  class Reader : public JournalReader {
   public:
    Reader(std::shared_ptr<FakeDisk> disk, std::shared_ptr<FakeState> state)
        : disk_(std::move(disk)), state_(std::move(state)) {}
    Result<std::optional<event::Transaction>> next(event::Position after) override {
      const std::lock_guard lock(disk_->mutex);
      const auto found = state_->released.upper_bound(after);
      if (found == state_->released.end()) return std::optional<event::Transaction>();
      return std::optional(found->second.transaction);
    }
    Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after_ordinal,
                                                   std::size_t limit) override {
      const std::lock_guard lock(disk_->mutex);
      const std::vector<event::ChangeEvent>* all = find(id);
      if (all == nullptr) return Error{"transaction " + std::to_string(id) + " is not in the log", "58030"};
      std::vector<event::ChangeEvent> slice;
      std::size_t bytes = 0;
      for (const event::ChangeEvent& each : *all) {
        if (each.ordinal <= after_ordinal) continue;
        if (slice.size() == limit || bytes >= kMostBytes) break;
        bytes += event::memory_of(each);
        slice.push_back(each);
      }
      return slice;
    }

   private:
    const std::vector<event::ChangeEvent>* find(std::int64_t id) const {
      if (const auto found = state_->pending.find(id); found != state_->pending.end()) return &found->second.events;
      for (const auto& [position, each] : state_->released)
        if (each.transaction.id == id) return &each.events;
      return nullptr;
    }
    std::shared_ptr<FakeDisk> disk_;
    std::shared_ptr<FakeState> state_;
  };

  std::unique_ptr<Spill> spill_of(std::vector<event::ChangeEvent> events) {
    return std::make_unique<FakeSpill>(disk_, std::move(events));
  }
  std::optional<Error> refuses() const { return disk_->fail_write ? disk_->fail_write : lost_ ? lost_ : sync_failed_; }
  void put(FakeRecord record) {
    record.place = disk_->end;
    record.end = record.place + 64 + event::memory_of(record.events);
    disk_->end = record.end;
    state_->take(record);
    if (const auto* transaction = std::get_if<event::Transaction>(&record.what))
      disk_->last_us = std::max(disk_->last_us, transaction->prepared_us);
    disk_->records.push_back(std::move(record));
  }

  std::shared_ptr<FakeDisk> disk_;
  std::shared_ptr<FakeState> state_ = std::make_shared<FakeState>();
  std::map<std::int64_t, int> not_noted_;  // reopen was called so often, and the stream has not told yet
  std::optional<Error> sync_failed_;
  std::optional<Error> lost_;  // look said so
  Recovered recovered_;
};

}  // namespace weir::capture
