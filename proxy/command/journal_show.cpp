// weir journal show: transactions with their events, for a person.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <set>

#include "base/text.h"
#include "capture/journal/log_walk.h"
#include "emitters/envelope.h"
#include "emitters/format.h"
#include "emitters/json_text.h"
#include "emitters/line_writer.h"
#include "emitters/readable.h"
#include "proxy/command/journal_command.h"
#include "proxy/command/subcommand.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kEventsAtOnce = 1000;
constexpr std::size_t kInstanceInId = 16;  // digits of the instance that begin the id of an event

struct Wanted {
  std::set<event::Position> positions;
  std::set<std::int64_t> ids;
  /// Where neither is given: what is behind this, and all that has no position.
  event::Position after = std::numeric_limits<event::Position>::max();
  bool pending = false;
};

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0;
}

/// A position, or an event's id: JOURNAL-TRANSACTION or JOURNAL-TRANSACTION:PLACE.
Result<void> want(const std::string& word, const std::string& instance, Wanted& wanted) {
  event::Position position = 0;
  if (read_number(word, position)) {
    wanted.positions.insert(position);
    return {};
  }
  const auto dash = word.rfind('-');
  std::int64_t id = 0;
  if (dash == std::string::npos || !read_number(word.substr(dash + 1, word.find(':') - dash - 1), id))
    return Error{"\"" + word + "\" is neither a position in the stream nor the id of an event (weir.id)", ""};
  if (word.substr(0, dash) != instance.substr(0, kInstanceInId))
    return Error{word + " is of another journal: this one is " + instance.substr(0, kInstanceInId), ""};
  wanted.ids.insert(id);
  return {};
}

class Shower {
 public:
  Shower(std::string instance, std::unique_ptr<emitters::Format> format, const std::string& path, Wanted wanted)
      : instance_(std::move(instance)), format_(std::move(format)), delivered_(path), wanted_(std::move(wanted)) {}

  Result<void> take_released(capture::LogScan& scan, const capture::ScannedRecord& record) {
    const auto& transaction = record.transaction;
    if (wanted_.positions.erase(transaction.position) + wanted_.ids.erase(transaction.id) > 0 ||
        transaction.position > wanted_.after)
      show(scan, record);
    return {};
  }
  void take_pending(capture::LogScan& scan, const capture::ScannedRecord& record) {
    if (wanted_.ids.erase(record.transaction.id) > 0 || wanted_.pending) show(scan, record);
  }
  int report() const {
    std::string missing;
    for (const auto position : wanted_.positions) missing += " " + std::to_string(position);
    for (const auto id : wanted_.ids) missing += " " + name_of(id);
    const int finished = finish_output();
    if (missing.empty()) return is_whole_ ? finished : kCommandFailed;
    return complain(kCommandFailed, "not in the journal (delivered everywhere, or never there):" + missing);
  }

 private:
  std::string name_of(std::int64_t id) const { return instance_.substr(0, kInstanceInId) + "-" + std::to_string(id); }
  void show(capture::LogScan& scan, const capture::ScannedRecord& record);
  void print_heading(const event::Transaction& transaction) const;
  void print(const event::ChangeEvent& change, std::int64_t now_us);

  std::string instance_;
  std::unique_ptr<emitters::Format> format_;
  DeliveredEverywhere delivered_;
  Wanted wanted_;
  std::set<std::uint64_t> shapes_;  // that were printed
  std::vector<emitters::Record> records_;
  bool is_whole_ = true;
};

void Shower::print_heading(const event::Transaction& transaction) const {
  std::string text = name_of(transaction.id) + ": ";
  if (transaction.position > 0) {
    text += "position " + std::to_string(transaction.position) + ", committed " +
            emitters::utc_time(transaction.committed_us);
  } else if (transaction.committed_us != 0) {
    text += "committed " + emitters::utc_time(transaction.committed_us) + ", no position yet";
  } else {
    text += "no outcome yet, written " + emitters::utc_time(transaction.prepared_us);
  }
  text += ", transaction " + std::to_string(transaction.xid) + ", lsn " + event::to_text(transaction.last_lsn) +
          ", database " + transaction.database + ", user " + transaction.context.user;
  if (!transaction.context.application_name.empty()) text += ", " + transaction.context.application_name;
  text += ", " + counted(transaction.event_count, "event");
  std::printf("%s\n", emitters::printable(text).c_str());
}

/// In front of the first event of a shape, the shape.
void Shower::print(const event::ChangeEvent& change, std::int64_t now_us) {
  std::string lines;
  if (change.shape && shapes_.insert(change.shape->fingerprint).second)
    lines = emitters::printable("  shape " + event::fingerprint_text(change.shape->fingerprint) + ": " +
                                event::describe(*change.shape)) +
            "\n";
  format_->change(change, now_us, records_);
  emitters::append_lines(lines, std::move(records_));
  records_.clear();
  std::fwrite(lines.data(), 1, lines.size(), stdout);
}

void Shower::show(capture::LogScan& scan, const capture::ScannedRecord& record) {
  print_heading(record.transaction);
  auto shown = record.transaction;
  if (shown.committed_us == 0) shown.committed_us = shown.prepared_us;
  format_->begin(shown, records_);
  for (std::uint32_t last = 0;;) {
    const auto events = scan.events(record, last, kEventsAtOnce);
    if (!events && delivered_.has(shown.position)) {
      std::puts("  every destination has it, and its events are not there any more");
      return;
    }
    if (!events) {
      is_whole_ = false;
      std::printf("  cannot be read: %s\n", events.error().message.c_str());
      return;
    }
    for (const auto& change : *events) print(change, shown.committed_us);
    if (capture::JournalReader::are_last(*events, kEventsAtOnce)) return;
    last = events->back().ordinal;
  }
}

Result<Wanted> find_wanted(const JournalArguments& arguments, const std::string& instance) {
  Wanted wanted;
  for (const auto& word : arguments.words)
    if (auto done = want(word, instance, wanted); !done) return done.error();
  if (!arguments.words.empty()) return wanted;
  wanted.pending = true;
  wanted.after = DeliveredEverywhere(arguments.path).position();
  return wanted;
}

}  // namespace

int run_journal_show(const std::vector<std::string>& arguments) {
  int code = 0;
  const auto read =
      read_journal_arguments({"journal show", 0, std::numeric_limits<std::size_t>::max(), false}, arguments, code);
  if (!read) return code;
  const auto instance = instance_of(read->path);
  auto wanted = find_wanted(*read, instance);
  if (!wanted) return complain(kCommandUsage, wanted.error().message);
  auto format = emitters::make_format("readable", {});
  if (!format) return complain(kCommandFailed, format.error().message);
  Shower shower(instance, std::move(*format), read->path, std::move(*wanted));
  capture::LogVisitor visitor;
  visitor.released = [&](capture::LogScan& scan, const capture::ScannedRecord& record) {
    return shower.take_released(scan, record);
  };
  visitor.pending = [&](capture::LogScan& scan, const capture::ScannedRecord& record) {
    shower.take_pending(scan, record);
  };
  const auto log = capture::walk_log(read->path, visitor);
  if (!log) return complain(kCommandFailed, log.error().message);
  return shower.report();
}

}  // namespace weir::proxy
