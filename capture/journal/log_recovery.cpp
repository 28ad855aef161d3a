#include "capture/journal/log_recovery.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "capture/journal/record_cursor.h"

namespace weir::capture {

namespace {

constexpr std::size_t window = 1 << 20;

class LogRecovery {
 public:
  LogRecovery(LogFiles& files, Segments& segments, SpillFolder& spills)
      : files_(files), segments_(segments), spills_(spills) {}

  Result<RecoveredLog> run();

 private:
  struct Found {
    std::string name;
    Place first = 0;
    std::shared_ptr<LogFile> file;
    std::uint64_t file_size = 0;
    std::optional<SegmentHeader> header;
    std::uint32_t version = 0;
  };

  Result<void> find_segments();
  Result<std::optional<SegmentHeader>> read_header(Found& found);
  Result<void> take_spare(const std::string& name);
  Result<void> scan();
  Result<bool> scan_segment(const Found& found, Place limit);
  void take(const StoredOutcome& outcome);
  bool take(Place place, const RecordHeader& header, std::string_view payload);
  Result<void> judge_end();
  Result<void> look_behind(const Found& found, Place from);
  Result<void> cut(std::size_t broken);
  Result<void> read_pending();
  Result<void> check_spill(const LogLedger::Entry& entry, std::int64_t id, bool& whole);
  Result<void> remove_orphans();
  Error damage(const Found& found, Place place) const;
  std::string path(const Found& found) const { return segments_.folder() + "/" + found.name; }

  LogFiles& files_;
  Segments& segments_;
  SpillFolder& spills_;
  std::vector<Found> found_;
  RecoveredLog log_;
};

Error LogRecovery::damage(const Found& found, Place place) const {
  return {"journal " + path(found) + ": damaged at place " + std::to_string(place) + " (byte " +
              std::to_string(place - found.first) +
              " of the file), before something that was synced later: `weir journal check` says what is readable, and "
              "`weir journal export` saves it; then move the folder aside and start again",
          "58030"};
}

Result<std::optional<SegmentHeader>> LogRecovery::read_header(Found& found) {
  std::string bytes(segment_header_size, '\0');
  const auto got = found.file->read(bytes.data(), bytes.size(), 0);
  if (!got) return got.error();
  bytes.resize(*got);
  found.version = segment_version(bytes);
  if (found.version > log_format_version)
    return Error{"journal " + path(found) + ": was written by a newer Weir (format " + std::to_string(found.version) +
                     ", this one knows " + std::to_string(log_format_version) + "); start that one",
                 "58030"};
  auto header = decode_segment_header(bytes);
  if (header && header->first != found.first) header.reset();  // used again, and what was written then is not there
  return header;
}

Result<void> LogRecovery::take_spare(const std::string& name) {
  const std::string spare = segments_.folder() + "/" + name;
  const auto facts = files_.facts(spare);
  if (!facts) return facts.error();
  if (!*facts) return {};
  if ((*facts)->size == segments_.size() && segments_.takes_spare()) {
    segments_.add_spare(name);
    return {};
  }
  return files_.remove(spare);
}

Result<void> LogRecovery::find_segments() {
  const auto names = files_.list(segments_.folder());
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (Segments::is_spare(name)) {
      if (auto taken = take_spare(name); !taken) return taken;
    }
    const auto place = Segments::place_of(name);
    if (!place) continue;
    Found found{name, *place, nullptr, 0, std::nullopt, 0};
    auto file = files_.open(path(found), LogFiles::Mode::write);
    if (!file) return file.error();
    found.file = std::move(*file);
    const auto facts = found.file->facts();
    if (!facts) return facts.error();
    found.file_size = facts->size;
    auto header = read_header(found);
    if (!header) return header.error();
    found.header = *header;
    if (found.header && log_.salt == 0) log_.salt = found.header->salt;
    found_.push_back(std::move(found));
  }
  for (Found& found : found_)
    if (found.header && found.header->salt != log_.salt) found.header.reset();  // of another log
  return {};
}

bool LogRecovery::take(Place place, const RecordHeader& header, std::string_view payload) {
  if (header.kind == RecordKind::transaction) {
    const auto facts = decode_transaction_facts(payload);
    if (!facts) return false;
    log_.ledger.write(place, *facts);
    log_.highest_id = std::max(log_.highest_id, facts->id);
  } else if (header.kind == RecordKind::shape) {
    auto shape = decode_shape(payload);
    if (!shape) return false;
    log_.shapes.stated(std::make_shared<const event::TableShape>(std::move(*shape)));
  } else {
    const auto outcomes = decode_outcomes(payload);
    if (!outcomes) return false;
    log_.ledger.note(*outcomes, place, place + header.size());
    for (const StoredOutcome& each : *outcomes) take(each);
  }
  log_.durable = std::max(log_.durable, header.durable);
  log_.told.last_us = std::max(log_.told.last_us, header.written_us);
  log_.end = place + header.size();
  return true;
}

void LogRecovery::take(const StoredOutcome& outcome) {
  log_.highest_id = std::max(log_.highest_id, outcome.told.id);
  if (outcome.told.kind != LogOutcome::Kind::released || outcome.place >= found_.front().first) return;
  log_.erased.through = std::max(log_.erased.through, outcome.told.position);
  log_.erased.lsn = std::max(log_.erased.lsn, outcome.last_lsn);
}

/// Up to the first place where there is no record; whether there is something that was meant to be one.
Result<bool> LogRecovery::scan_segment(const Found& found, Place limit) {
  RecordCursor cursor(found.file, found.first, log_.salt, window);
  log_.end = found.first + segment_header_size;
  while (log_.end < limit) {
    const auto header = cursor.header(log_.end, limit);
    if (!header) return header.error();
    if (!*header) return false;
    if ((**header).version > log_format_version)
      return Error{"journal " + path(found) + ": has records of a newer Weir; start that one", "58030"};
    const auto payload = cursor.payload(log_.end, **header);
    if (!payload) return payload.error();
    if (!*payload) return true;
    if (!take(log_.end, **header, **payload))
      return Error{"journal " + path(found) + ": has a record at place " + std::to_string(log_.end) +
                       " that this Weir does not understand; start the one that wrote it",
                   "58030"};
  }
  return false;
}

Result<void> LogRecovery::scan() {
  std::size_t at = 0;
  for (; at < found_.size(); ++at) {
    const Found& found = found_[at];
    if (!found.header || (at > 0 && log_.end != found.first)) break;
    const SegmentHeader& header = *found.header;
    const bool last = at + 1 == found_.size();
    log_.durable = std::max(log_.durable, header.durable);
    log_.told.last_us = std::max(log_.told.last_us, header.begun_us);
    log_.highest_id = std::max(log_.highest_id, header.highest_id);
    log_.ledger.begin_segment(header.first);
    log_.shapes.begin_segment();
    log_.ledger.start_at(header.last_position, header.last_lsn);
    const Place next = last ? 0 : found_[at + 1].first;
    segments_.add(std::make_shared<const Segment>(Segment{header, path(found), found.file, next}));
    const Place file_end = found.first + std::min(found.file_size, header.size);
    const auto torn = scan_segment(found, last ? file_end : std::min(file_end, next));
    if (!torn) return torn.error();
    log_.told.torn = *torn;
    if (log_.told.torn) break;
  }
  if (found_.empty()) return {};
  return judge_end();
}

/// What is there behind the end may say that what is missing was durable.
Result<void> LogRecovery::look_behind(const Found& found, Place from) {
  RecordCursor cursor(found.file, found.first, log_.salt, window);
  const Place limit = found.first + found.file_size;
  for (;;) {
    const auto next = cursor.find_next(from, limit);
    if (!next) return next.error();
    if (!*next) return {};
    log_.told.torn = true;
    const auto header = cursor.header(**next, limit);
    if (!header) return header.error();
    log_.durable = std::max(log_.durable, (**header).durable);
    from = **next + (**header).size() - record_alignment;
  }
}

Result<void> LogRecovery::judge_end() {
  const std::size_t last = segments_.all().empty() ? 0 : segments_.all().size() - 1;
  if (segments_.all().empty()) log_.end = found_.front().first;
  if (!segments_.all().empty()) {
    if (auto looked = look_behind(found_[last], log_.end - (log_.told.torn ? 0 : record_alignment)); !looked)
      return looked;
  }
  for (std::size_t behind = segments_.all().size(); behind < found_.size(); ++behind) {
    const Found& found = found_[behind];
    log_.told.torn = true;
    if (found.header) log_.durable = std::max(log_.durable, found.header->durable);
    if (auto looked = look_behind(found, found.first + segment_header_size - record_alignment); !looked) return looked;
  }
  const bool nothing_to_go_by = segments_.all().empty();  // a new log's first header is durable before it is used
  if (log_.durable > log_.end || nothing_to_go_by) return damage(found_[last], log_.end);
  if (found_[last].file_size < found_[last].header->size) {
    if (log_.durable > found_[last].first) return damage(found_[last], found_[last].first + found_[last].file_size);
    log_.told.torn = true;
  }
  return cut(last);
}

/// Durable before anything new is written, else it could be read one day behind what is new. From the end: whatever is
/// left of it after a crash meanwhile is torn as well.
Result<void> LogRecovery::cut(std::size_t last) {
  // An earlier Weir must not find what it does not know in a segment of its own form.
  log_.needs_segment = log_.told.torn || found_[last].version < log_format_version;
  if (log_.needs_segment) segments_.cut_current(log_.end);
  for (std::size_t behind = found_.size() - 1; behind > last; --behind) {
    found_[behind].file.reset();
    if (auto removed = files_.remove(path(found_[behind])); !removed) return removed;
    if (auto synced = files_.sync_folder(segments_.folder()); !synced) return synced;
  }
  return {};
}

Result<void> LogRecovery::check_spill(const LogLedger::Entry& entry, std::int64_t id, bool& whole) {
  whole = true;
  if (entry.spill.bytes == 0) return {};
  SpillReader reader(spills_, id, entry.spill);
  const auto checked = reader.check();
  if (checked) return {};
  whole = false;
  if (entry.place < log_.durable) return checked;
  return {};
}

Result<void> LogRecovery::read_pending() {
  std::vector<std::pair<Place, std::int64_t>> by_place;
  for (const auto& [id, entry] : log_.ledger.entries()) by_place.emplace_back(entry.place, id);
  std::sort(by_place.begin(), by_place.end());
  for (const auto& [place, id] : by_place) {
    const LogLedger::Entry entry = *log_.ledger.find(id);
    bool whole = true;
    if (auto checked = check_spill(entry, id, whole); !checked) return checked;
    if (!whole) {  // it was not synced: the record is here by chance, its spill is not
      log_.told.torn = true;
      log_.lost.push_back(id);
      continue;
    }
    const auto segment = segments_.find(place);
    RecordCursor cursor(segment->file, segment->first(), log_.salt, window);
    const auto header = cursor.header(place, segment->limit());
    if (!header) return header.error();
    const auto payload =
        *header ? cursor.payload(place, **header) : Result<std::optional<std::string_view>>(std::nullopt);
    if (!payload) return payload.error();
    auto stored = *payload ? decode_transaction(**payload, (**header).version) : std::nullopt;
    if (!stored) return damage(Found{Segments::name_of(segment->first()), segment->first(), nullptr, 0, {}, 0}, place);
    stored->transaction.committed_us = entry.committed_us;
    log_.told.pending.push_back(std::move(stored->transaction));
  }
  return {};
}

Result<void> LogRecovery::remove_orphans() {
  std::map<std::string, std::uint64_t> known;
  for (const auto& [id, entry] : log_.ledger.entries())
    if (entry.spill.bytes != 0) known[std::to_string(id)] = entry.spill.bytes;
  for (const auto& done : log_.ledger.done_spills()) known[std::to_string(done.id)] = done.bytes;
  std::set<std::int64_t> there;
  const auto names = files_.list(spills_.path);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    std::int64_t id = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), id).ec == std::errc())
      log_.highest_id = std::max(log_.highest_id, id);
    if (const auto found = known.find(name); found != known.end()) {
      spills_.bytes += found->second;
      there.insert(id);
    } else if (auto removed = files_.remove(spills_.path + "/" + name); !removed) {
      return removed;
    }
  }
  for (const auto& gone : log_.ledger.take_missing_spills([&](std::int64_t id) { return there.contains(id); })) {
    log_.erased.through = std::max(log_.erased.through, gone.position);
    if (gone.position != 0) log_.erased.lsn = std::max(log_.erased.lsn, gone.last_lsn);
  }
  return {};
}

Result<RecoveredLog> LogRecovery::run() {
  if (auto found = find_segments(); !found) return found.error();
  if (auto scanned = scan(); !scanned) return scanned.error();
  spills_.salt = log_.salt;
  log_.ledger.forget_taken_back();
  if (auto read = read_pending(); !read) return read.error();
  if (auto removed = remove_orphans(); !removed) return removed.error();
  log_.told.last_position = log_.ledger.last_position();
  log_.told.last_lsn = log_.ledger.last_lsn();
  return std::move(log_);
}

}  // namespace

Result<RecoveredLog> recover_log(LogFiles& files, Segments& segments, SpillFolder& spills) {
  return LogRecovery(files, segments, spills).run();
}

}  // namespace weir::capture
