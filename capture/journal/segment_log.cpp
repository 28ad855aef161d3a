#include "capture/journal/segment_log.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>

#include "base/memory.h"
#include "capture/journal/log_recovery.h"
#include "capture/journal/record_cursor.h"

namespace weir::capture {

namespace {

constexpr std::int64_t passed_over_ids = std::int64_t{1} << 30;
constexpr std::uint64_t lowest_segment_size = 16 << 10;
constexpr std::size_t most_scratch = 1 << 20;
constexpr std::size_t most_unsynced = 64 << 20;
constexpr std::size_t most_spills_to_sync = 64;

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

std::uint64_t random_salt() {
  std::random_device random;
  return (static_cast<std::uint64_t>(random()) << 32) | random();
}

std::uint64_t segment_size(const JournalOptions& options) {
  const std::uint64_t size = std::max(options.segment_bytes, lowest_segment_size);
  return size / segment_header_size * segment_header_size;
}

/// All that was released before this segment was begun, when it is the oldest.
Erased erased_by(const Segment& oldest) {
  return {oldest.header.last_position, oldest.header.last_lsn};
}

/// Records that state shapes, but for those that are there already.
class ShapeRecords {
 public:
  template <typename IsThere>
  ShapeRecords(std::span<const event::ShapePtr> shapes, IsThere is_there) {
    for (const event::ShapePtr& shape : shapes) {
      if (!shape || is_there(shape->fingerprint)) continue;
      auto& [record, of] = records_.emplace_back(begin_record(), shape);
      append_shape(record, *shape);
      seal(record, RecordKind::shape, record_version_shapes);
      size_ += record.size();
    }
  }
  std::uint64_t size() const { return size_; }
  std::vector<std::pair<std::string, event::ShapePtr>>& all() { return records_; }

 private:
  std::vector<std::pair<std::string, event::ShapePtr>> records_;
  std::uint64_t size_ = 0;
};

Error not_here(std::int64_t id) {
  return {"journal: transaction " + std::to_string(id) + " is not in the log", "58030"};
}

}  // namespace

Result<std::unique_ptr<EventLog>> open_segment_log(const JournalOptions& options, LogFiles& files,
                                                   const LogStart& start) {
  auto log = std::make_unique<SegmentLog>(options, files, start);
  if (auto opened = log->open(); !opened) return opened.error();
  return std::unique_ptr<EventLog>(std::move(log));
}

SegmentLog::SegmentLog(const JournalOptions& options, LogFiles& files, const LogStart& start)
    : options_(options),
      start_(start),
      files_(files),
      spills_{files, options.path + "/spill"},
      segments_(files, options.path + "/log", segment_size(options)) {}

Result<void> SegmentLog::open() {
  for (const std::string& folder : {segments_.folder(), spills_.path})
    if (auto made = files_.make_folder(folder); !made) return made;
  auto recovered = recover_log(files_, segments_, spills_);
  if (!recovered) return recovered.error();
  recovered_ = std::move(recovered->told);
  ledger_ = std::move(recovered->ledger);
  shapes_ = std::move(recovered->shapes);
  last_id_ = recovered->highest_id;
  go_on_behind_start();
  end_ = recovered->end;
  durable_ = recovered->durable;
  salt_ = recovered->end == 0 ? random_salt() : recovered->salt;
  spills_.salt = salt_;
  erase(recovered->erased);
  to_sync_.segments.assign(segments_.all().begin(), segments_.all().end());
  to_sync_.log_folder = true;
  for (const auto& [id, entry] : ledger_.entries()) {
    const auto& lost = recovered->lost;
    if (entry.spill.bytes == 0 || std::find(lost.begin(), lost.end(), id) != lost.end()) continue;
    auto file = files_.open(spills_.path_of(id), LogFiles::Mode::write);
    if (!file) return file.error();
    to_sync_.spills.emplace_back(id, std::move(*file));
  }
  if (auto written = write_recovered_again(); !written) return written;
  if (end_ == 0 || recovered->needs_segment)
    if (auto begun = begin_segment(0); !begun) return begun;
  erase(erased_by(*segments_.all().front()));
  std::vector<LogOutcome> forgotten;
  for (const std::int64_t id : recovered->lost) forgotten.push_back({LogOutcome::Kind::aborted, id, 0, 0, 0});
  if (auto noted = note(forgotten); !noted) return noted;
  return sync();
}

void SegmentLog::go_on_behind_start() {
  last_id_ = std::max(last_id_.load(), start_.id) + (start_.passes_over_ids ? passed_over_ids : 0);
  ledger_.start_at(start_.position, start_.lsn);
  recovered_.last_position = ledger_.last_position();
  recovered_.last_lsn = ledger_.last_lsn();
}

Result<std::unique_ptr<Spill>> SegmentLog::open_spill(std::int64_t id) {
  auto spill = SpillFile::create(spills_, id);
  if (!spill) return spill.error();
  return std::unique_ptr<Spill>(std::move(*spill));
}

Result<Place> SegmentLog::write(const event::Transaction& transaction, std::span<const event::ChangeEvent> rest,
                                std::unique_ptr<Spill> spill, const std::function<void(Place end)>& announce) {
  TransactionFacts facts{transaction.id, transaction.committed_us, transaction.last_lsn, {}};
  ShapeNumbers shapes;
  auto* const file = static_cast<SpillFile*>(spill.get());
  if (file != nullptr) {
    auto finished = file->finish();
    if (!finished) return finished.error();
    facts.spill = *finished;
    shapes = file->shapes();
  }
  thread_local std::string record;
  record.assign(record_header_size, '\0');
  const std::uint8_t version = append_transaction(record, transaction, facts.spill, shapes, rest);
  if (record.size() > std::numeric_limits<std::uint32_t>::max() - segment_header_size)
    return Error{"a transaction of more than 4 GB in one record cannot be journalled", "54000"};
  seal(record, RecordKind::transaction, version);
  Place end = 0;
  bool sync_now = false;
  {
    const std::lock_guard lock(mutex_);
    const auto place = put(record, shapes.all());
    if (!place) return place.error();
    ledger_.write(*place, facts);
    if (facts.spill.bytes != 0) to_sync_.spills.emplace_back(transaction.id, file->keep());
    end = *place + record.size();
    if (announce) announce(end);
    sync_now = unsynced_size_ > most_unsynced || to_sync_.spills.size() > most_spills_to_sync;
  }
  if (record.capacity() > most_scratch) give_back(record);
  if (sync_now) (void)sync();  // a bound for what a failed sync needs; an error is there for who writes next
  return end;
}

Result<Place> SegmentLog::put(std::string& record) {
  if (lost_) return *lost_;
  if (sync_failed_) return *sync_failed_;
  Place place = end_.load(std::memory_order_relaxed);
  if (place + record.size() > segments_.current()->limit()) {
    if (auto begun = begin_segment(record.size()); !begun) return begun.error();
    place = end_.load(std::memory_order_relaxed);
  }
  const Segment& segment = *segments_.current();
  put_place(record, salt_, place, durable_.load(std::memory_order_relaxed), now_us());
  const std::uint64_t offset = place - segment.first();
  if (auto written = segment.file->write(record, offset); !written) {
    (void)segment.file->write(std::string(record_header_size, '\0'), offset);  // whatever of it is there is no record
    return written.error();
  }
  keep_unsynced(record, offset);
  end_.store(place + record.size(), std::memory_order_release);
  return place;
}

/// What the record names is stated in its own segment, so it is there for as long as the record. Most often it is.
Result<Place> SegmentLog::put(std::string& record, std::span<const event::ShapePtr> shapes) {
  ShapeRecords stating(shapes, [this](std::uint64_t known) { return shapes_.is_stated(known); });
  if (!shapes.empty() && !lost_ && !sync_failed_ &&
      end_ + stating.size() + record.size() > segments_.current()->limit()) {
    stating = ShapeRecords(shapes, [](std::uint64_t) { return false; });
    if (auto begun = begin_segment(stating.size() + record.size()); !begun) return begun.error();
  }
  for (auto& [bytes, shape] : stating.all()) {
    if (const auto place = put(bytes); !place) return place;
    shapes_.stated(shape);
  }
  return put(record);
}

Result<void> SegmentLog::begin_segment(std::uint64_t record_size) {
  SegmentHeader header;
  header.salt = salt_;
  header.first = end_;
  header.highest_id = last_id_;
  header.last_position = ledger_.last_position();
  header.last_lsn = ledger_.last_lsn();
  header.durable = durable_;
  header.begun_us = now_us();
  const auto before = segments_.all().empty() ? nullptr : segments_.current();
  if (auto begun = segments_.begin(header, record_size); !begun) return begun;
  if (before) to_sync_.segments.push_back(before);
  to_sync_.log_folder = true;
  ledger_.begin_segment(header.first);
  shapes_.begin_segment();
  keep_unsynced(encode(segments_.current()->header), 0);
  end_ = header.first + segment_header_size;
  return {};
}

void SegmentLog::keep_unsynced(const std::string& bytes, std::uint64_t offset) {
  if (!keeps_unsynced()) return;
  if (unsynced_.empty() || unsynced_.back().segment != segments_.current() ||
      unsynced_.back().offset + unsynced_.back().bytes.size() != offset)
    unsynced_.push_back({segments_.current(), offset, {}});
  unsynced_.back().bytes += bytes;
  unsynced_size_ += bytes.size();
}

Result<std::unique_ptr<Spill>> SegmentLog::reopen(std::int64_t id) {
  SpillFacts facts;
  std::vector<event::ChangeEvent> inline_events;
  std::vector<event::ShapePtr> shapes;
  {
    const std::lock_guard lock(mutex_);
    const LogLedger::Entry* entry = ledger_.find(id);
    if (entry == nullptr || entry->place == 0) return not_here(id);
    facts = entry->spill;
    const auto segment = segments_.find(entry->place);
    RecordCursor cursor(segment->file, segment->first(), salt_, 0);
    const auto header = cursor.header(entry->place, end_);
    if (!header) return header.error();
    const auto payload =
        *header ? cursor.payload(entry->place, **header) : Result<std::optional<std::string_view>>(std::nullopt);
    if (!payload) return payload.error();
    const auto stored = *payload ? decode_transaction(**payload, (**header).version) : std::nullopt;
    if (!stored)
      return Error{"journal " + segment->path + ": damaged at place " + std::to_string(entry->place), "58030"};
    shapes = shapes_.find(stored->shapes);
    EventScanner events(stored->encoded, shapes);
    for (std::uint32_t i = 0; i < stored->events; ++i)
      if (auto event = events.next()) inline_events.push_back(std::move(*event));
    const StoredOutcome taken_back{{LogOutcome::Kind::reopened, id, 0, 0, 0}, entry->place, 0};
    if (auto noted = put_outcomes({&taken_back, 1}); !noted) return noted.error();
    ledger_.reopen(id);
  }
  const Place known = end_;
  auto spill = facts.bytes == 0 ? SpillFile::create(spills_, id)
                                : SpillFile::reopen(spills_, id, facts,
                                                    {[this] { return sync(); },
                                                     [this, id, known](std::uint64_t bytes) {
                                                       const std::lock_guard lock(mutex_);
                                                       ledger_.add_done_spill({0, known, id, bytes});
                                                     }},
                                                    ShapeNumbers(std::move(shapes)));
  if (!spill) return spill.error();
  if (auto appended = (*spill)->append(inline_events); !appended) return appended.error();
  return std::unique_ptr<Spill>(std::move(*spill));
}

Result<void> SegmentLog::note(std::span<const LogOutcome> outcomes) {
  const std::lock_guard lock(mutex_);
  if (lost_) return *lost_;
  if (sync_failed_) return *sync_failed_;
  std::vector<StoredOutcome> stored;
  stored.reserve(outcomes.size());
  if (const auto missing = ledger_.complete(outcomes, stored)) return not_here(*missing);
  if (auto written = put_outcomes(stored); !written) return written;
  ledger_.heard(outcomes);
  return {};
}

Result<void> SegmentLog::put_outcomes(std::span<const StoredOutcome> stored) {
  if (stored.empty()) return {};
  std::string record = begin_record();
  append_outcomes(record, stored);
  seal(record, RecordKind::outcomes);
  const auto place = put(record);
  if (!place) return place.error();
  ledger_.note(stored, *place, *place + record.size());
  return {};
}

std::uint64_t SegmentLog::bytes() const {
  const std::lock_guard lock(mutex_);
  const Segment& current = *segments_.current();
  return segments_.bytes() - current.header.size + (end_ - current.first()) + spills_.bytes;
}

Erased SegmentLog::erased() const {
  const std::lock_guard lock(mutex_);
  return erased_;
}

void SegmentLog::erase(const Erased& gone) {
  erased_.through = std::max(erased_.through, gone.through);
  erased_.lsn = std::max(erased_.lsn, gone.lsn);
  erased_through_.store(erased_.through, std::memory_order_release);
}

std::shared_ptr<const Segment> SegmentLog::segment_of(Place place) const {
  const std::lock_guard lock(mutex_);
  return segments_.find(place);
}

std::shared_ptr<const Segment> SegmentLog::segment_after(event::Position after) const {
  const std::lock_guard lock(mutex_);
  const auto& all = segments_.all();
  const auto behind = std::upper_bound(all.begin(), all.end(), after, [](event::Position wanted, const auto& segment) {
    return wanted < segment->header.last_position;
  });
  return behind == all.begin() ? all.front() : *std::prev(behind);
}

std::vector<event::ShapePtr> SegmentLog::shapes(std::span<const std::uint64_t> fingerprints) const {
  if (fingerprints.empty()) return {};
  const std::lock_guard lock(mutex_);
  return shapes_.find(fingerprints);
}

Place SegmentLog::pending_place(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  const LogLedger::Entry* entry = ledger_.find(id);
  return entry == nullptr ? 0 : entry->place;
}

}  // namespace weir::capture
