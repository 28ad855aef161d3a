#include "capture/journal/log_scan.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "capture/journal/record_cursor.h"
#include "capture/journal/segments.h"
#include "capture/journal/spill_file.h"

namespace weir::capture {

namespace {

constexpr std::size_t window = 1 << 20;

class FolderScan : public LogScan {
 public:
  FolderScan(const std::string& path, LogFiles& files)
      : files_(files), folder_(path + "/log"), spills_{files, path + "/spill"} {}
  Result<void> open();
  Result<std::optional<ScannedRecord>> next() override;
  Place durable() const override { return durable_; }
  Result<std::vector<event::ChangeEvent>> events(const ScannedRecord& transaction, std::uint32_t after_ordinal,
                                                 std::size_t limit) override;

 private:
  struct Found {
    std::string path;
    Place first = 0;
    std::shared_ptr<LogFile> file;
    std::uint64_t size = 0;
    std::optional<SegmentHeader> header;
    std::string wrong;  // with the header
  };
  Result<std::optional<Found>> look_at(const std::string& name, Place first);
  ScannedRecord begin_segment();
  Result<std::optional<ScannedRecord>> read_record();
  bool understand(const RecordHeader& header, std::string_view payload, ScannedRecord& record);
  Result<std::optional<ScannedRecord>> read_broken(Place limit);
  ScannedRecord broken(Place to, std::string wrong);
  Place limit() const;

  LogFiles& files_;
  std::string folder_;
  SpillFolder spills_;
  std::vector<Found> found_;
  std::size_t at_ = 0;
  bool begun_ = false;
  std::optional<RecordCursor> cursor_;
  Place place_ = 0;
  Place durable_ = 0;
  std::unordered_map<std::uint64_t, event::ShapePtr> shapes_;  // by fingerprint
};

Result<std::optional<FolderScan::Found>> FolderScan::look_at(const std::string& name, Place first) {
  Found found{folder_ + "/" + name, first, nullptr, 0, std::nullopt, {}};
  const auto there = files_.facts(found.path);
  if (!there) return there.error();
  if (!*there) return std::optional<Found>();  // used again since the folder was listed
  auto file = files_.open(found.path, LogFiles::Mode::read);
  if (!file) return file.error();
  found.file = std::move(*file);
  found.size = (*there)->size;
  std::string bytes(segment_header_size, '\0');
  const auto got = found.file->read(bytes.data(), bytes.size(), 0);
  if (!got) return got.error();
  bytes.resize(*got);
  found.header = decode_segment_header(bytes);
  if (found.header && found.header->first != first) found.header.reset();
  if (const auto version = segment_version(bytes); version > log_format_version)
    found.wrong = "a segment of a newer Weir, of format " + std::to_string(version);
  else if (!found.header)
    found.wrong = "the segment's header is not what was written";
  else if (found.size < found.header->size)
    found.wrong =
        "the file is cut off at " + std::to_string(found.size) + " of " + std::to_string(found.header->size) + " bytes";
  return std::optional(std::move(found));
}

Result<void> FolderScan::open() {
  const auto names = files_.list(folder_);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto place = Segments::place_of(name);
    if (!place) continue;
    auto found = look_at(name, *place);
    if (!found) return found.error();
    if (*found) found_.push_back(std::move(**found));
  }
  if (found_.empty()) return Error{"journal " + folder_ + ": there is no log", "58030"};
  for (const Found& found : found_)
    if (found.header && spills_.salt == 0) spills_.salt = found.header->salt;
  place_ = found_.front().first;
  return {};
}

/// Where what belongs to this segment ends, at the latest.
Place FolderScan::limit() const {
  const Found& found = found_[at_];
  const Place end = found.first + found.size;
  return at_ + 1 < found_.size() ? std::min(end, found_[at_ + 1].first) : end;
}

ScannedRecord FolderScan::broken(Place to, std::string wrong) {
  ScannedRecord record;
  record.file = found_[at_].path;
  record.place = std::exchange(place_, to);
  record.size = to - record.place;
  record.wrong = std::move(wrong);
  return record;
}

ScannedRecord FolderScan::begin_segment() {
  begun_ = true;
  const Found& found = found_[at_];
  place_ = found.first;
  cursor_.emplace(found.file, found.first, spills_.salt, window);
  if (!found.header || !found.wrong.empty()) return broken(found.first + segment_header_size, found.wrong);
  ScannedRecord record;
  record.kind = ScannedRecord::Kind::segment;
  record.file = found.path;
  record.place = std::exchange(place_, found.first + segment_header_size);
  record.size = segment_header_size;
  record.segment = *found.header;
  record.durable = found.header->durable;
  record.written_us = found.header->begun_us;
  durable_ = std::max(durable_, record.durable);
  return record;
}

bool FolderScan::understand(const RecordHeader& header, std::string_view payload, ScannedRecord& record) {
  if (header.kind == RecordKind::outcomes) {
    record.kind = ScannedRecord::Kind::outcomes;
    auto outcomes = decode_outcomes(payload);
    if (outcomes) record.outcomes = std::move(*outcomes);
    return outcomes.has_value();
  }
  if (header.kind == RecordKind::shape) {
    record.kind = ScannedRecord::Kind::shape;
    auto shape = decode_shape(payload);
    if (!shape) return false;
    record.shapes = {std::make_shared<const event::TableShape>(std::move(*shape))};
    shapes_[record.shapes[0]->fingerprint] = record.shapes[0];
    return true;
  }
  record.kind = ScannedRecord::Kind::transaction;
  auto stored = decode_transaction(payload, header.version);
  if (!stored) return false;
  for (const std::uint64_t fingerprint : stored->shapes) {
    const auto found = shapes_.find(fingerprint);
    record.shapes.push_back(found == shapes_.end() ? nullptr : found->second);
  }
  record.transaction = std::move(stored->transaction);
  record.spill = stored->spill;
  record.encoded_events = stored->encoded;
  return true;
}

/// Nothing where no record is at this place.
Result<std::optional<ScannedRecord>> FolderScan::read_record() {
  const auto header = cursor_->header(place_, limit());
  if (!header) return header.error();
  const auto payload =
      *header ? cursor_->payload(place_, **header) : Result<std::optional<std::string_view>>(std::nullopt);
  if (!payload) return payload.error();
  if (!*payload) return std::optional<ScannedRecord>();
  const Place end = place_ + (**header).size();
  ScannedRecord record;
  if (!understand(**header, **payload, record))
    return std::optional(broken(end, "a record that this Weir does not understand"));
  record.file = found_[at_].path;
  record.place = std::exchange(place_, end);
  record.size = (**header).size();
  record.durable = (**header).durable;
  record.written_us = (**header).written_us;
  durable_ = std::max(durable_, record.durable);
  return std::optional(std::move(record));
}

/// What is broken up to the next record, or to the next segment; nothing at the end of the log.
Result<std::optional<ScannedRecord>> FolderScan::read_broken(Place limit) {
  const auto next = cursor_->find_next(place_, limit);
  if (!next) return next.error();
  if (*next) return std::optional(broken(**next, "what is here is not what was written"));
  if (at_ + 1 < found_.size() && place_ < found_[at_ + 1].first)
    return std::optional(broken(found_[at_ + 1].first, "there is nothing, but another segment follows"));
  return std::optional<ScannedRecord>();
}

Result<std::optional<ScannedRecord>> FolderScan::next() {
  for (; at_ < found_.size(); ++at_, begun_ = false) {
    if (!begun_) return std::optional(begin_segment());
    const Place end = limit();
    if (place_ < end || (at_ + 1 < found_.size() && place_ < found_[at_ + 1].first)) {
      auto record = read_record();
      if (!record || *record) return record;
      record = read_broken(end);
      if (!record || *record) return record;
    }
  }
  return std::optional<ScannedRecord>();
}

Result<std::vector<event::ChangeEvent>> FolderScan::events(const ScannedRecord& transaction,
                                                           std::uint32_t after_ordinal, std::size_t limit) {
  std::vector<event::ChangeEvent> slice;
  std::size_t bytes = 0;
  const auto is_full = [&] { return slice.size() >= limit || bytes >= JournalReader::kMostBytes; };
  std::uint32_t last = after_ordinal;
  const auto take = [&](event::ChangeEvent event) {
    last = event.ordinal;
    bytes += event::memory_of(event);
    slice.push_back(std::move(event));
  };
  SpillReader spill(spills_, transaction.transaction.id, transaction.spill, transaction.shapes);
  while (transaction.spill.bytes != 0 && !is_full()) {
    auto event = spill.next(last);
    if (!event) return event.error();
    if (!*event) break;
    take(std::move(**event));
  }
  EventScanner inside(transaction.encoded_events, transaction.shapes);
  for (auto event = inside.next(); event && !is_full(); event = inside.next())
    if (event->ordinal > last) take(std::move(*event));
  return slice;
}

}  // namespace

Result<std::unique_ptr<LogScan>> scan_log(const std::string& path, LogFiles& files) {
  auto scan = std::make_unique<FolderScan>(path, files);
  if (auto opened = scan->open(); !opened) return opened.error();
  return std::unique_ptr<LogScan>(std::move(scan));
}

}  // namespace weir::capture
