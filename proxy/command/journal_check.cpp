// weir journal check: reads everything that is in a journal, and says what is whole and what is not.
#include <cstdio>
#include <utility>

#include "base/text.h"
#include "capture/journal/log_walk.h"
#include "proxy/command/journal_command.h"
#include "proxy/command/subcommand.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kEventsAtOnce = 1000;

struct Damage {
  std::string file;
  std::string what;
  std::optional<capture::BrokenRecord> record;  ///< where it is a place in the log
};

using Range = std::pair<event::Position, event::Position>;

struct Checked {
  std::string path;
  std::string instance;
  std::vector<Damage> damage;  ///< the log's first, in its order
  std::optional<capture::BrokenRecord> torn;
  capture::WalkedLog log;
  std::uint64_t events = 0;
  std::vector<Range> readable;    ///< positions
  std::vector<Range> unreadable;  ///< those of which something is missing
};

void add(std::vector<Range>& ranges, event::Position position) {
  if (!ranges.empty() && ranges.back().second + 1 == position) {
    ranges.back().second = position;
  } else {
    ranges.emplace_back(position, position);
  }
}

class Checker {
 public:
  explicit Checker(Checked& checked) : checked_(checked), delivered_(checked.path) {}

  /// Reads all events of a transaction. Large ones that every destination has may be gone.
  void take(capture::LogScan& scan, const capture::ScannedRecord& record) {
    const auto position = record.transaction.position;
    std::uint64_t read = 0;
    for (std::uint32_t last = 0;;) {
      const auto events = scan.events(record, last, kEventsAtOnce);
      if (!events) return miss(position, record, events.error().message);
      read += events->size();
      if (capture::JournalReader::are_last(*events, kEventsAtOnce)) break;
      last = events->back().ordinal;
    }
    checked_.events += read;
    if (position > 0) add(checked_.readable, position);
  }

  void miss_position(event::Position position) { add(checked_.unreadable, position); }

 private:
  void miss(event::Position position, const capture::ScannedRecord& record, const std::string& why) {
    if (position > 0 && delivered_.has(position)) return;
    checked_.damage.push_back({checked_.path + "/spill/" + std::to_string(record.transaction.id), why, std::nullopt});
    if (position > 0) add(checked_.unreadable, position);
  }

  Checked& checked_;
  DeliveredEverywhere delivered_;
};

Result<void> check_book(const std::string& path) {
  const auto book = look_at_book(path);
  return book ? (*book)->check() : book.error();
}

Result<Checked> check(const std::string& path) {
  Checked checked;
  checked.path = path;
  checked.instance = instance_of(path);
  Checker checker(checked);
  capture::LogVisitor visitor;
  visitor.released = [&](capture::LogScan& scan, const capture::ScannedRecord& record) {
    checker.take(scan, record);
    return Result<void>();
  };
  visitor.pending = [&](capture::LogScan& scan, const capture::ScannedRecord& record) { checker.take(scan, record); };
  visitor.unreadable = [&](event::Position position) { checker.miss_position(position); };
  auto log = capture::walk_log(path, visitor);
  if (!log) return log.error();
  checked.log = std::move(*log);
  std::vector<Damage> damage;
  for (const auto& one : checked.log.damage()) damage.push_back({one.file, one.wrong, one});
  for (const auto& one : checked.log.broken)
    if (one.place >= checked.log.durable && !checked.torn) checked.torn = one;
  damage.insert(damage.end(), checked.damage.begin(), checked.damage.end());
  if (const auto book = check_book(path); !book)
    damage.push_back({path + "/book.sqlite", book.error().message, std::nullopt});
  checked.damage = std::move(damage);
  return checked;
}

/// A transaction that ends while its spill is looked for leaves no spill, and is not without a position at the next
/// look.
Result<Checked> check_twice(const std::string& path) {
  auto checked = check(path);
  for (int again = 0; again < 3 && checked && !checked->damage.empty() && capture::owner_of(path); ++again)
    checked = check(path);
  return checked;
}

std::string text_of(const std::vector<Range>& ranges) {
  std::string text;
  for (const auto& [first, last] : ranges) {
    text += text.empty() ? "" : ", ";
    text += std::to_string(first) + (first == last ? "" : " to " + std::to_string(last));
  }
  return text.empty() ? "none" : text;
}

std::string text_of(const Damage& one) {
  if (!one.record) return one.file + ": " + one.what;
  return one.file + ", byte " + std::to_string(one.record->byte) + " (place " + std::to_string(one.record->place) +
         ", " + std::to_string(one.record->size) + " bytes): " + one.what;
}

void print(const Checked& checked) {
  const auto& log = checked.log;
  std::printf("journal %s, instance %s\n", checked.path.c_str(), checked.instance.c_str());
  std::printf("read: %s, %s, %s of %s\n", counted(log.segments, "segment").c_str(),
              counted(log.records, "record").c_str(), counted(checked.events, "event").c_str(),
              counted(log.transactions + log.pending.size(), "transaction").c_str());
  std::printf("readable positions of the stream: %s; without one: %s\n", text_of(checked.readable).c_str(),
              counted(log.pending.size(), "transaction").c_str());
  if (!checked.unreadable.empty())
    std::printf("positions that cannot be read: %s\n", text_of(checked.unreadable).c_str());
  if (checked.torn)
    std::printf(
        "the end is torn at byte %llu of %s: what is there was never synced, and is cut off at the next start\n",
        static_cast<unsigned long long>(checked.torn->byte), checked.torn->file.c_str());
  if (checked.damage.empty()) {
    std::puts("no damage");
    return;
  }
  std::printf("damaged: %s\n", text_of(checked.damage.front()).c_str());
  for (std::size_t next = 1; next < checked.damage.size(); ++next)
    std::printf("         %s\n", text_of(checked.damage[next]).c_str());
  std::puts("weir journal export saves what is readable");
}

std::string json_of(const std::vector<Range>& ranges) {
  std::string text;
  for (const auto& [first, last] : ranges)
    text += (text.empty() ? "[" : ",[") + std::to_string(first) + "," + std::to_string(last) + "]";
  return "[" + text + "]";
}

std::string json_of(const Damage& one) {
  std::string text = "{\"file\":" + json_text(one.file);
  if (one.record)
    text += ",\"byte\":" + std::to_string(one.record->byte) + ",\"place\":" + std::to_string(one.record->place) +
            ",\"bytes\":" + std::to_string(one.record->size);
  return text + ",\"kind\":" + json_text(one.what) + "}";
}

void print_json(const Checked& checked) {
  std::string damage;
  for (const auto& one : checked.damage) damage += (damage.empty() ? "" : ",") + json_of(one);
  std::string text = "{\"path\":" + json_text(checked.path) + ",\"instance\":" + json_text(checked.instance);
  text += std::string(",\"whole\":") + (checked.damage.empty() ? "true" : "false") + ",\"damage\":[" + damage + "]";
  text +=
      ",\"torn\":" + (checked.torn ? json_of(Damage{checked.torn->file, checked.torn->wrong, checked.torn}) : "null");
  text += ",\"segments\":" + std::to_string(checked.log.segments) +
          ",\"records\":" + std::to_string(checked.log.records) + ",\"events\":" + std::to_string(checked.events) +
          ",\"transactions\":" + std::to_string(checked.log.transactions) +
          ",\"without_position\":" + std::to_string(checked.log.pending.size());
  text += ",\"readable\":" + json_of(checked.readable) + ",\"unreadable\":" + json_of(checked.unreadable) + "}\n";
  std::fputs(text.c_str(), stdout);
}

}  // namespace

int run_journal_check(const std::vector<std::string>& arguments) {
  int code = 0;
  const auto read = read_journal_arguments({"journal check", 0, 0, true}, arguments, code);
  if (!read) return code;
  const auto checked = check_twice(read->path);
  if (!checked) return complain(kCommandFailed, checked.error().message);
  if (read->json) {
    print_json(*checked);
  } else {
    print(*checked);
  }
  const int finished = finish_output();
  return checked->damage.empty() ? finished : kCommandFailed;
}

}  // namespace weir::proxy
