// The JournalReader over segments: walks the records, and goes to a transaction's own by its place.
#include <algorithm>
#include <deque>
#include <utility>

#include "capture/journal/record_cursor.h"
#include "capture/journal/segment_log.h"

namespace weir::capture {

namespace {

constexpr std::size_t scan_window = 256 << 10;
constexpr std::size_t record_window = 32 << 10;
constexpr std::size_t most_remembered = 1024;

/// A segment and a window of it.
struct Opened {
  std::shared_ptr<const Segment> segment;
  std::optional<RecordCursor> cursor;

  void open(std::shared_ptr<const Segment> other, std::size_t window) {
    if (other == segment) return;
    segment = std::move(other);
    cursor.reset();
    if (segment) cursor.emplace(segment->file, segment->first(), segment->header.salt, window);
  }
};

/// A transaction whose events are being read.
struct EventSource {
  std::int64_t id = 0;
  Place place = 0;
  std::string payload;
  std::vector<event::ShapePtr> shapes;
  std::optional<SpillReader> spill;
  EventScanner events{{}};
  std::uint32_t left = 0;  // in the record
  std::uint32_t last_ordinal = 0;
};

class LogReader : public JournalReader {
 public:
  explicit LogReader(const LogView& log) : log_(log) {}

  Result<std::optional<event::Transaction>> next(event::Position after) override;
  Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after_ordinal,
                                                 std::size_t limit) override;

 private:
  struct Fetched {
    std::uint8_t version = 0;
    std::string payload;
  };
  void seek(event::Position after);
  void go_to(std::shared_ptr<const Segment> segment);
  Result<bool> read_on(event::Position after);
  Result<std::optional<RecordHeader>> header_here();
  Result<std::optional<Fetched>> fetch(Place place);
  Result<Place> find(std::int64_t id);
  Result<Place> search(std::int64_t id);
  Result<void> load(std::int64_t id, Place place);
  Result<std::optional<event::ChangeEvent>> next_event(std::uint32_t after);
  void remember(std::int64_t id, Place place);

  const LogView& log_;
  Opened scan_;
  Opened record_;
  Place place_ = 0;  // of the next record to walk over
  event::Position after_ = 0;
  std::deque<StoredOutcome> found_;  // released, and not returned yet
  std::deque<std::pair<std::int64_t, Place>> remembered_;
  EventSource source_;
};

Error damaged(const Segment& segment, Place place) {
  return {"journal " + segment.path + ": damaged at place " + std::to_string(place) +
              "; check the disk and the system's log, and see `weir journal check`",
          "58030"};
}

Error not_here(std::int64_t id) {
  return {"journal: transaction " + std::to_string(id) + " is not in the log", "58030"};
}

void LogReader::go_to(std::shared_ptr<const Segment> segment) {
  place_ = segment->first() + segment_header_size;
  scan_.open(std::move(segment), scan_window);
}

void LogReader::seek(event::Position after) {
  found_.clear();
  go_to(log_.segment_after(after));
}

/// Of the record at place_, which is below the log's end. Nothing where the walk went on elsewhere.
Result<std::optional<RecordHeader>> LogReader::header_here() {
  const Place end = log_.end();
  const auto header = scan_.cursor->header(place_, std::min(end, scan_.segment->limit()));
  if (!header || *header) return header;
  auto segment = log_.segment_of(place_);
  if (segment == scan_.segment) return damaged(*segment, place_);
  go_to(segment ? std::move(segment) : log_.segment_after(0));
  return header;
}

/// Walks over one record, if there is one.
Result<bool> LogReader::read_on(event::Position after) {
  if (place_ >= log_.end()) return false;
  const auto header = header_here();
  if (!header) return header.error();
  if (!*header) return true;
  const Place place = std::exchange(place_, place_ + (**header).size());
  if ((**header).kind != RecordKind::outcomes) return true;
  const auto payload = scan_.cursor->payload(place, **header);
  if (!payload) return payload.error();
  auto outcomes = *payload ? decode_outcomes(**payload) : std::nullopt;
  if (!outcomes) {
    auto segment = log_.segment_of(place);
    if (segment == scan_.segment) return damaged(*segment, place);
    go_to(segment ? std::move(segment) : log_.segment_after(0));
    return true;
  }
  for (StoredOutcome& each : *outcomes)
    if (each.told.kind == LogOutcome::Kind::released && each.told.position > after) found_.push_back(each);
  return true;
}

Result<std::optional<event::Transaction>> LogReader::next(event::Position after) {
  after = std::max(after, log_.erased_through());
  if (!scan_.segment || after < after_) {
    seek(after);
  } else if (found_.empty() || found_.front().told.position != after + 1) {
    if (const auto segment = log_.segment_after(after); segment->first() > place_) seek(after);
  }
  after_ = after;
  for (;;) {
    for (; !found_.empty(); found_.pop_front()) {
      const StoredOutcome& outcome = found_.front();
      if (outcome.told.position <= after) continue;
      const auto record = fetch(outcome.place);
      if (!record) return record.error();
      auto stored = *record ? decode_transaction((**record).payload, (**record).version) : std::nullopt;
      if (!stored) continue;  // every destination had it meanwhile
      stored->transaction.position = outcome.told.position;
      stored->transaction.resolved = outcome.told.resolved;
      stored->transaction.committed_us = outcome.told.committed_us;
      remember(outcome.told.id, outcome.place);
      return std::optional(std::move(stored->transaction));
    }
    const auto more = read_on(after);
    if (!more) return more.error();
    if (!*more) return std::optional<event::Transaction>();
  }
}

/// Nothing where it is gone.
Result<std::optional<LogReader::Fetched>> LogReader::fetch(Place place) {
  for (;;) {
    if (!record_.segment || place < record_.segment->first() || place >= record_.segment->limit())
      record_.open(log_.segment_of(place), record_window);
    if (!record_.segment) return std::optional<Fetched>();
    const auto header = record_.cursor->header(place, std::min(log_.end(), record_.segment->limit()));
    if (!header) return header.error();
    if (*header) {
      const auto payload = record_.cursor->payload(place, **header);
      if (!payload) return payload.error();
      if (*payload) return std::optional(Fetched{(**header).version, std::string(**payload)});
    }
    const auto segment = log_.segment_of(place);
    if (segment == record_.segment) return damaged(*segment, place);
    record_.open(segment, record_window);
  }
}

void LogReader::remember(std::int64_t id, Place place) {
  if (!remembered_.empty() && remembered_.back().first == id) return;
  remembered_.emplace_back(id, place);
  if (remembered_.size() > most_remembered) remembered_.pop_front();
}

Result<Place> LogReader::find(std::int64_t id) {
  for (auto each = remembered_.rbegin(); each != remembered_.rend(); ++each)
    if (each->first == id) return each->second;
  if (const Place place = log_.pending_place(id); place != 0) return place;
  if (source_.id == id) return source_.place;  // it was released since
  return search(id);
}

/// Walks over all that is there: for who asks for what was not read by next().
Result<Place> LogReader::search(std::int64_t id) {
  LogReader other(log_);
  other.seek(0);
  for (;;) {
    const auto more = other.read_on(0);
    if (!more) return more.error();
    for (const StoredOutcome& each : other.found_)
      if (each.told.id == id) return each.place;
    other.found_.clear();
    if (!*more) return not_here(id);
  }
}

Result<void> LogReader::load(std::int64_t id, Place place) {
  auto record = fetch(place);
  if (!record) return record.error();
  if (!*record) return not_here(id);
  source_ = {};
  source_.payload = std::move((**record).payload);
  const auto stored = decode_transaction(source_.payload, (**record).version);
  if (!stored || stored->transaction.id != id) return not_here(id);
  source_.id = id;
  source_.place = place;
  source_.shapes = log_.shapes(stored->shapes);
  source_.events = EventScanner(stored->encoded, source_.shapes);
  source_.left = stored->events;
  if (stored->spill.bytes != 0) source_.spill.emplace(log_.spills(), id, stored->spill, source_.shapes);
  return {};
}

Result<std::optional<event::ChangeEvent>> LogReader::next_event(std::uint32_t after) {
  if (source_.spill) {
    auto event = source_.spill->next(after);
    if (!event || *event) return event;
    source_.spill.reset();
  }
  for (; source_.left > 0; --source_.left) {
    auto event = source_.events.next();
    if (!event) return Error{"journal: transaction " + std::to_string(source_.id) + " cannot be read", "58030"};
    if (event->ordinal <= after) continue;
    --source_.left;
    return event;
  }
  return std::optional<event::ChangeEvent>();
}

Result<std::vector<event::ChangeEvent>> LogReader::events(std::int64_t id, std::uint32_t after_ordinal,
                                                          std::size_t limit) {
  const auto place = find(id);
  if (!place) return place.error();
  if (source_.id != id || source_.place != *place || source_.last_ordinal != after_ordinal)
    if (auto loaded = load(id, *place); !loaded) return loaded.error();
  std::vector<event::ChangeEvent> slice;
  std::size_t bytes = 0;
  std::uint32_t last = after_ordinal;
  while (slice.size() < limit && bytes < kMostBytes) {
    auto event = next_event(last);
    if (!event) {
      source_ = {};
      return event.error();
    }
    if (!*event) break;
    last = (**event).ordinal;
    bytes += event::memory_of(**event);
    slice.push_back(std::move(**event));
  }
  source_.last_ordinal = last;
  return slice;
}

}  // namespace

std::unique_ptr<JournalReader> make_log_reader(const LogView& log) {
  return std::make_unique<LogReader>(log);
}

}  // namespace weir::capture
