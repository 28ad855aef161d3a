// The EventLog over segments and spills in a folder: `log/` and `spill/`. README.md says what its files look like.
//
// Threads: event_log.h. One lock; a write holds it for the last few bytes of the record's header and one file call,
// never for a sync. Readers and spills must be gone before the log is.
#pragma once

#include <atomic>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/journal/journal.h"
#include "capture/journal/log_ledger.h"
#include "capture/journal/segments.h"
#include "capture/journal/spill_file.h"

namespace weir::capture {

/// What was given out before and the log itself may not know: it goes on behind it.
struct LogStart {
  std::int64_t id = 0;
  event::Position position = 0;
  event::Lsn lsn = 0;
  /// The end of the log may be lost, with ids that a destination has seen: so many are passed over as cannot have been
  /// written since the last sync.
  bool passes_over_ids = false;
};

/// Opens the log in this folder, or begins one. `options.path` is a folder that is there and that nobody else uses.
/// Reads all of it once; everything that it finds is durable when this returns (not with Durability::memory).
Result<std::unique_ptr<EventLog>> open_segment_log(const JournalOptions& options, LogFiles& files = system_files(),
                                                   const LogStart& start = {});

/// What the log's readers need to know of it. Any thread.
class LogView {
 public:
  virtual ~LogView() = default;
  virtual Place end() const = 0;
  /// What was released up to here is not read any more.
  virtual event::Position erased_through() const = 0;
  /// Nothing where it is gone.
  virtual std::shared_ptr<const Segment> segment_of(Place place) const = 0;
  /// The last one in which everything may be that was released after this position, or the oldest.
  virtual std::shared_ptr<const Segment> segment_after(event::Position after) const = 0;
  /// Where a record without outcome is; 0: there is none.
  virtual Place pending_place(std::int64_t id) const = 0;
  virtual const SpillFolder& spills() const = 0;
  /// Null where it is gone.
  virtual std::vector<event::ShapePtr> shapes(std::span<const std::uint64_t> fingerprints) const = 0;
};

std::unique_ptr<JournalReader> make_log_reader(const LogView& log);

class SegmentLog : public EventLog, public LogView {
 public:
  SegmentLog(const JournalOptions& options, LogFiles& files, const LogStart& start = {});
  ~SegmentLog() override = default;
  Result<void> open();

  const Recovered& recovered() const override { return recovered_; }
  std::int64_t next_id() override { return last_id_.fetch_add(1, std::memory_order_relaxed) + 1; }
  Result<std::unique_ptr<Spill>> open_spill(std::int64_t id) override;
  Result<Place> write(const event::Transaction& transaction, std::span<const event::ChangeEvent> rest,
                      std::unique_ptr<Spill> spill, const std::function<void(Place end)>& announce) override;
  Result<std::unique_ptr<Spill>> reopen(std::int64_t id) override;
  Place durable() const override { return durable_.load(std::memory_order_acquire); }
  Place end() const override { return end_.load(std::memory_order_acquire); }
  Result<void> sync() override;
  Result<void> note(std::span<const LogOutcome> outcomes) override;
  Result<void> keep_from(event::Position safe) override;
  Result<void> look() override;
  std::uint64_t bytes() const override;
  Erased erased() const override;
  event::Position erased_through() const override { return erased_through_.load(std::memory_order_acquire); }
  Result<std::unique_ptr<JournalReader>> reader() override { return make_log_reader(*this); }

  std::shared_ptr<const Segment> segment_of(Place place) const override;
  std::shared_ptr<const Segment> segment_after(event::Position after) const override;
  Place pending_place(std::int64_t id) const override;
  const SpillFolder& spills() const override { return spills_; }
  std::vector<event::ShapePtr> shapes(std::span<const std::uint64_t> fingerprints) const override;

 private:
  /// Bytes that were written and are not durable yet: for the case that a sync fails.
  struct Unsynced {
    std::shared_ptr<const Segment> segment;
    std::uint64_t offset = 0;
    std::string bytes;
  };
  /// Files that a sync has to do with, in this order.
  struct ToSync {
    std::vector<std::pair<std::int64_t, std::shared_ptr<LogFile>>> spills;
    std::vector<std::shared_ptr<const Segment>> segments;  // but for the current one
    bool log_folder = false;
    bool empty() const { return spills.empty() && segments.empty() && !log_folder; }
  };
  using Lock = std::unique_lock<std::mutex>;

  // segment_log.cpp: with the lock held
  Result<Place> put(std::string& record);
  Result<Place> put(std::string& record, std::span<const event::ShapePtr> shapes);
  Result<void> begin_segment(std::uint64_t record_size);
  void erase(const Erased& gone);
  void keep_unsynced(const std::string& bytes, std::uint64_t offset);
  void go_on_behind_start();
  Result<void> put_outcomes(std::span<const StoredOutcome> stored);
  bool keeps_unsynced() const {
    return options_.durability == Durability::answer || options_.durability == Durability::commit;
  }
  bool is_in_memory() const { return options_.durability == Durability::memory; }

  // segment_log_sync.cpp
  void make_ready();
  Result<void> write_again();
  Result<void> write_recovered_again();
  Result<void> write_spill_again(std::int64_t id, LogFile& file);
  Result<void> sync_files(const ToSync& todo, const std::shared_ptr<const Segment>& current);
  void prepare_spare();

  // segment_log_keep.cpp
  Result<void> look_at(std::span<const std::shared_ptr<const Segment>> all) const;
  Place oldest_place() const;
  Result<event::Position> durably_safe(event::Position safe);
  bool sync_would_help(event::Position safe);
  bool may_drop(event::Position safe) const;
  Result<void> drop_segments(event::Position safe);
  Result<void> retire_oldest(Lock& lock);
  Result<void> begin_anew(event::Position safe);
  Result<void> copy_out(event::Position safe);
  struct ReadRecord {
    std::uint8_t version = 0;
    std::string bytes;
  };
  Result<ReadRecord> read_record(const Segment& segment, Place place) const;
  Result<void> append_copy(std::int64_t id, Place place, const ReadRecord& read);
  Result<void> drop_spills(event::Position safe);

  JournalOptions options_;
  const LogStart start_;
  LogFiles& files_;
  Recovered recovered_;
  SpillFolder spills_;
  std::atomic<std::int64_t> last_id_ = 0;
  std::atomic<Place> end_ = 0;
  std::atomic<Place> durable_ = 0;
  std::atomic<event::Position> erased_through_ = 0;

  std::mutex sync_mutex_;  // held by a sync from its beginning to its end; before mutex_

  mutable std::mutex mutex_;  // for all below
  Segments segments_;
  LogLedger ledger_;
  LogShapes shapes_;
  std::uint64_t salt_ = 0;
  Erased erased_;
  std::optional<Error> sync_failed_;
  std::optional<Error> lost_;  // what was seen of the files when they were looked at last
  std::vector<Unsynced> unsynced_;
  std::size_t unsynced_size_ = 0;
  ToSync to_sync_;
  Place ready_through_ = 0;         // of a blank segment: blocks that were written
  bool folder_not_synced_ = false;  // of keep_from
};

}  // namespace weir::capture
