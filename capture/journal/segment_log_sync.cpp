// SegmentLog: what makes durable.
#include <algorithm>
#include <iterator>
#include <utility>

#include "capture/journal/segment_log.h"

namespace weir::capture {

namespace {

constexpr std::size_t copy_size = 1 << 20;
/// What is made ready at once: some 50 µs for who waits for the lock, and less than a millisecond for one sync.
constexpr std::size_t ready_size = 256 << 10;
constexpr std::uint64_t file_block = 4096;

template <typename T>
void prepend(std::vector<T>& to, std::vector<T>&& first) {
  first.insert(first.end(), std::make_move_iterator(to.begin()), std::make_move_iterator(to.end()));
  to = std::move(first);
}

}  // namespace

Result<void> SegmentLog::sync() {
  const std::lock_guard one_at_a_time(sync_mutex_);
  ToSync todo;
  std::vector<Unsynced> bytes;
  std::shared_ptr<const Segment> current;
  Place target = 0;
  {
    const std::lock_guard lock(mutex_);
    target = end_;
    if (!is_in_memory() && sync_failed_) {
      if (auto again = write_again(); !again) return again;
    }
    make_ready();
    todo = std::exchange(to_sync_, {});
    bytes = std::exchange(unsynced_, {});
    unsynced_size_ = 0;
    current = segments_.current();
  }
  const bool nothing = is_in_memory() || (todo.empty() && target == durable_);
  const auto synced = nothing ? Result<void>() : sync_files(todo, current);
  {
    const std::lock_guard lock(mutex_);
    if (!synced) {
      prepend(to_sync_.spills, std::move(todo.spills));
      prepend(to_sync_.segments, std::move(todo.segments));
      to_sync_.log_folder |= todo.log_folder;
      for (const Unsynced& each : bytes) unsynced_size_ += each.bytes.size();
      prepend(unsynced_, std::move(bytes));
      sync_failed_ = synced.error();
      return synced;
    }
    sync_failed_.reset();
    durable_.store(target, std::memory_order_release);
  }
  prepare_spare();
  return {};
}

/// A block that was allocated and never written costs its first sync a change of the file's map: half as much time
/// again. So what comes next in a new file is written with zeros, a stretch at a time. Where it fails the records
/// behind will say so.
void SegmentLog::make_ready() {
  const Segment& current = *segments_.current();
  if (!keeps_unsynced() || !current.blank) return;
  const Place end = end_.load(std::memory_order_relaxed);
  if (ready_through_ >= std::min<Place>(end + ready_size / 2, current.limit())) return;
  static const std::string zeros(ready_size, '\0');
  const std::uint64_t used = std::max(ready_through_, end) - current.first();
  const std::uint64_t offset = (used + file_block - 1) / file_block * file_block;
  const auto size = std::min<std::uint64_t>(ready_size, current.header.size - std::min(offset, current.header.size));
  (void)current.file->write(std::string_view(zeros).substr(0, size), offset);
  ready_through_ = current.first() + offset + size;
}

/// What a record names must be there before the record is: spills first, then the segments in their order.
Result<void> SegmentLog::sync_files(const ToSync& todo, const std::shared_ptr<const Segment>& current) {
  for (const auto& [id, file] : todo.spills)
    if (auto synced = file->sync(); !synced) return synced;
  if (!todo.spills.empty())
    if (auto synced = files_.sync_folder(spills_.path); !synced) return synced;
  for (const auto& segment : todo.segments)
    if (segment != current)
      if (auto synced = segment->file->sync(); !synced) return synced;
  if (auto synced = current->file->sync(); !synced) return synced;
  if (todo.log_folder) return files_.sync_folder(segments_.folder());
  return {};
}

/// After a failed sync the system may take for written what the disk does not have, and a second sync would say so: so
/// all is written once more first.
Result<void> SegmentLog::write_again() {
  for (const Unsynced& each : unsynced_) {
    LogFile& file = *each.segment->file;
    if (auto made = file.allocate(each.segment->header.size); !made) return made;
    if (auto written = file.write(each.bytes, each.offset); !written) return written;
  }
  for (const auto& [id, file] : to_sync_.spills)
    if (auto written = write_spill_again(id, *file); !written) return written;
  return {};
}

/// The run before may have ended after a failed sync: what it could not sync is in the system's cache at best. Only
/// what no record says is durable.
Result<void> SegmentLog::write_recovered_again() {
  if (!keeps_unsynced()) return {};
  std::string bytes;
  const auto& all = segments_.all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Segment& segment = *all[i];
    const Place end = i + 1 < all.size() ? all[i + 1]->first() : std::min<Place>(end_, segment.limit());
    if (end <= durable_) continue;
    if (auto made = segment.file->allocate(segment.header.size); !made) return made;
    for (Place place = durable_ > segment.first() ? durable_.load() : segment.first(); place < end;) {
      bytes.resize(std::min<std::uint64_t>(copy_size, end - place));
      const auto got = segment.file->read(bytes.data(), bytes.size(), place - segment.first());
      if (!got) return got.error();
      bytes.resize(*got);
      if (bytes.empty()) break;
      if (auto written = segment.file->write(bytes, place - segment.first()); !written) return written;
      place += bytes.size();
    }
  }
  for (const auto& [id, file] : to_sync_.spills)
    if (ledger_.find(id)->place >= durable_)
      if (auto written = write_spill_again(id, *file); !written) return written;
  return {};
}

Result<void> SegmentLog::write_spill_again(std::int64_t id, LogFile& file) {
  const LogLedger::Entry* entry = ledger_.find(id);
  if (entry == nullptr || entry->spill.bytes == 0) return {};
  if (auto checked = SpillReader(spills_, id, entry->spill).check(); !checked) return checked;
  std::string bytes(copy_size, '\0');
  for (std::uint64_t offset = 0; offset < entry->spill.bytes; offset += copy_size) {
    const auto size = std::min<std::uint64_t>(copy_size, entry->spill.bytes - offset);
    const auto got = file.read(bytes.data(), size, offset);
    if (!got) return got.error();
    if (auto written = file.write(std::string_view(bytes).substr(0, *got), offset); !written) return written;
  }
  return {};
}

/// So that a write finds the next segment made.
void SegmentLog::prepare_spare() {
  {
    const std::lock_guard lock(mutex_);
    const Segment& current = *segments_.current();
    if (!segments_.wants_spare() || (end_ - current.first()) * 2 < current.header.size) return;
  }
  auto name = segments_.make_spare();
  if (!name) return;  // whoever needs it will be told
  const std::lock_guard lock(mutex_);
  segments_.add_spare(*name, true);
}

}  // namespace weir::capture
