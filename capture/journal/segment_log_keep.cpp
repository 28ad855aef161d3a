// SegmentLog: what is not needed any more, and whether the files are still there.
#include <algorithm>

#include "capture/journal/record_cursor.h"
#include "capture/journal/segment_log.h"

namespace weir::capture {

namespace {

constexpr std::size_t most_copies = 256;
constexpr std::size_t fewest_segments_to_copy = 3;  // the oldest, one behind it that could go, and the current one

Error not_there(const std::string& path, const char* what) {
  return {"journal " + path + ": " + what +
              " while Weir uses it; put it back, or stop Weir and give it another journal: what was not delivered is "
              "lost then",
          "58030"};
}

}  // namespace

Result<void> SegmentLog::keep_from(event::Position safe) {
  if (folder_not_synced_) {
    if (auto synced = files_.sync_folder(segments_.folder()); !synced) return synced;
    folder_not_synced_ = false;
  }
  Result<event::Position> durably = safe;
  for (bool more = true; more;) {
    durably = durably_safe(safe);
    if (!durably) return durably.error();
    const Place oldest = oldest_place();
    if (auto dropped = drop_segments(*durably); !dropped) return dropped;
    more = oldest_place() != oldest;  // the next one may be done as well, once that is durable
  }
  if (auto dropped = drop_spills(*durably); !dropped) return dropped;
  if (auto begun = begin_anew(*durably); !begun) return begun;
  return copy_out(*durably);
}

Place SegmentLog::oldest_place() const {
  const std::lock_guard lock(mutex_);
  return segments_.all().front()->first();
}

/// A position that a crash of the machine would take back must not make anything go that it was read from.
Result<event::Position> SegmentLog::durably_safe(event::Position safe) {
  bool would_help = false;
  {
    const std::lock_guard lock(mutex_);
    would_help = sync_would_help(safe);
  }
  if (would_help)
    if (auto synced = sync(); !synced) return synced.error();
  const std::lock_guard lock(mutex_);
  return std::min(safe, ledger_.released_by(durable_));
}

bool SegmentLog::sync_would_help(event::Position safe) {
  const event::Position released = std::min(safe, ledger_.released_by(durable_));
  const auto& all = segments_.all();
  const bool waits = ledger_.oldest_is_read(safe) && !ledger_.oldest_is_read(released);
  if (all.size() > 1 && (waits || durable_ < all[1]->first() + segment_header_size)) return true;
  if (all.size() == 1 && waits && (end_ - all[0]->first()) * 2 >= segments_.size()) return true;
  for (const LogLedger::DoneSpill& spill : ledger_.done_spills())
    if (spill.position <= safe && spill.end > durable_) return true;
  return false;
}

/// What the next segment's header says must hold without the oldest one.
bool SegmentLog::may_drop(event::Position safe) const {
  const auto& all = segments_.all();
  return all.size() > 1 && ledger_.oldest_is_done(safe) && durable_ >= all[1]->first() + segment_header_size;
}

Result<void> SegmentLog::drop_segments(event::Position safe) {
  Lock lock(mutex_);
  while (may_drop(safe))
    if (auto retired = retire_oldest(lock); !retired) return retired;
  return {};
}

/// One after the other, each durably: a segment that is missing between two others would look like damage.
Result<void> SegmentLog::retire_oldest(Lock& lock) {
  auto oldest = segments_.take_oldest();
  const bool as_spare = segments_.takes_spare();
  lock.unlock();
  const auto spare = segments_.retire(*oldest, as_spare);
  const auto synced = spare ? files_.sync_folder(segments_.folder()) : Result<void>();
  lock.lock();
  if (!spare) {
    segments_.put_back(std::move(oldest));
    return spare.error();
  }
  erase(ledger_.drop_segment());
  shapes_.drop_segment();
  const SegmentHeader& first = segments_.all().front()->header;
  erase({first.last_position, first.last_lsn});
  folder_not_synced_ = !synced;
  if (synced && *spare) segments_.add_spare(**spare);
  return synced;
}

/// Where the only segment is rather full and of no use any more: another one, so that it can go.
Result<void> SegmentLog::begin_anew(event::Position safe) {
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t used = end_ - segments_.current()->first();
    if (sync_failed_ || segments_.all().size() > 1 || used * 2 < segments_.size() || !ledger_.oldest_is_done(safe))
      return {};
    if (auto begun = begin_segment(0); !begun) return begun;
  }
  if (auto synced = sync(); !synced) return synced;
  return drop_segments(safe);
}

/// The oldest segment is only there for a few transactions without an outcome: they are written once more, at the end,
/// and it goes when that is durable.
Result<void> SegmentLog::copy_out(event::Position safe) {
  std::vector<std::pair<std::int64_t, Place>> unfinished;
  std::shared_ptr<const Segment> oldest;
  {
    const std::lock_guard lock(mutex_);
    if (segments_.all().size() < fewest_segments_to_copy || !ledger_.oldest_is_read(safe)) return {};
    unfinished = ledger_.unfinished_in_oldest();
    oldest = segments_.all().front();
  }
  if (unfinished.size() > most_copies) return {};
  std::vector<ReadRecord> payloads;
  std::uint64_t size = 0;
  for (const auto& [id, place] : unfinished) {
    auto payload = read_record(*oldest, place);
    if (!payload) return payload.error();
    size += payload->bytes.size();
    if (size > segments_.size() / 4) return {};
    payloads.push_back(std::move(*payload));
  }
  for (std::size_t i = 0; i < unfinished.size(); ++i)
    if (auto copied = append_copy(unfinished[i].first, unfinished[i].second, payloads[i]); !copied) return copied;
  if (auto synced = sync(); !synced) return synced;
  return drop_segments(safe);
}

Result<SegmentLog::ReadRecord> SegmentLog::read_record(const Segment& segment, Place place) const {
  RecordCursor cursor(segment.file, segment.first(), salt_, 0);
  const auto header = cursor.header(place, segment.limit());
  if (!header) return header.error();
  if (*header) {
    const auto payload = cursor.payload(place, **header);
    if (!payload) return payload.error();
    if (*payload) return ReadRecord{(**header).version, std::string(**payload)};
  }
  return Error{"journal " + segment.path + ": damaged at place " + std::to_string(place) +
                   "; check the disk and the system's log, and see `weir journal check`",
               "58030"};
}

/// Unless something was told of it meanwhile.
Result<void> SegmentLog::append_copy(std::int64_t id, Place place, const ReadRecord& read) {
  auto stored = decode_transaction(read.bytes, read.version);
  if (!stored) return Error{"journal: transaction " + std::to_string(id) + " cannot be read", "58030"};
  const std::lock_guard lock(mutex_);
  const LogLedger::Entry* entry = ledger_.find(id);
  if (entry == nullptr || entry->place != place) return {};
  stored->transaction.committed_us = entry->committed_us;
  std::string record = begin_record();
  const std::uint8_t version = append_transaction(record, *stored);
  seal(record, RecordKind::transaction, version);
  const auto copy = put(record, shapes_.find(stored->shapes));
  if (!copy) return copy.error();
  ledger_.move(id, *copy);
  return {};
}

Result<void> SegmentLog::drop_spills(event::Position safe) {
  std::vector<LogLedger::DoneSpill> gone;
  {
    const std::lock_guard lock(mutex_);
    gone = ledger_.take_done_spills(safe, durable_);
    for (const LogLedger::DoneSpill& spill : gone)
      if (spill.position != 0) erase({spill.position, spill.last_lsn});
  }
  Result<void> result;
  for (const LogLedger::DoneSpill& spill : gone) {
    if (auto removed = files_.remove(spills_.path_of(spill.id)); !removed) {
      const std::lock_guard lock(mutex_);
      ledger_.add_done_spill(spill);
      result = removed;
      continue;
    }
    spills_.bytes -= spill.bytes;
  }
  return result;
}

Result<void> SegmentLog::look() {
  std::vector<std::shared_ptr<const Segment>> all;
  {
    const std::lock_guard lock(mutex_);
    all.assign(segments_.all().begin(), segments_.all().end());
  }
  const auto there = look_at(all);
  const std::lock_guard lock(mutex_);
  lost_ = there ? std::nullopt : std::optional(there.error());
  return there;
}

Result<void> SegmentLog::look_at(std::span<const std::shared_ptr<const Segment>> all) const {
  for (const auto& segment : all) {
    const auto there = files_.facts(segment->path);
    if (!there) return there.error();
    const auto ours = segment->file->facts();
    if (!ours) return ours.error();
    if (!*there) return not_there(segment->path, "was removed");
    if ((*there)->inode != ours->inode || (*there)->device != ours->device)
      return not_there(segment->path, "was replaced");
    if (ours->size < segment->header.size) return not_there(segment->path, "was cut off");
  }
  return {};
}

}  // namespace weir::capture
