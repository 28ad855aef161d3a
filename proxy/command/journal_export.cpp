// weir journal export: the stream as lines of JSON, or what a destination has not got yet.
#include <cstdio>

#include "base/text.h"
#include "capture/journal/log_walk.h"
#include "emitters/format.h"
#include "emitters/line_writer.h"
#include "proxy/command/journal_command.h"
#include "proxy/command/subcommand.h"
#include "proxy/process/clock.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kEventsAtOnce = 1000;

/// Which part of the stream, and how much of it could not be had.
struct Part {
  event::Position after = 0;  ///< what is wanted
  std::uint64_t gone = 0;
  std::vector<std::string> unreadable;
};

class Exporter {
 public:
  Exporter(std::unique_ptr<emitters::Format> format, const std::string& path, Part& part)
      : format_(std::move(format)), delivered_(path), part_(part) {}

  Result<void> take(capture::LogScan& scan, const capture::ScannedRecord& record) {
    const auto& transaction = record.transaction;
    if (transaction.position <= part_.after) return {};
    format_->begin(transaction, records_);
    for (std::uint32_t last = 0;;) {
      const auto events = scan.events(record, last, kEventsAtOnce);
      if (!events) {
        miss(transaction.position, events.error().message);
        break;
      }
      for (const auto& change : *events) format_->change(change, wall_us(), records_);
      print();
      if (capture::JournalReader::are_last(*events, kEventsAtOnce)) break;
      last = events->back().ordinal;
    }
    format_->end(records_);
    print();
    if (std::ferror(stdout) != 0) return Error{"could not write to stdout", ""};
    return {};
  }

  void miss(event::Position position, const std::string& why) {
    if (position <= part_.after) return;
    if (delivered_.has(position)) {
      ++part_.gone;
    } else {
      part_.unreadable.push_back("transaction " + std::to_string(position) + " of the stream: " + why);
    }
  }

 private:
  void print() {
    std::string lines;
    emitters::append_lines(lines, std::move(records_));
    records_.clear();
    std::fwrite(lines.data(), 1, lines.size(), stdout);
  }

  std::unique_ptr<emitters::Format> format_;
  DeliveredEverywhere delivered_;
  Part& part_;
  std::vector<emitters::Record> records_;
};

/// Of the destination, where one is named. A book that cannot be read stands in the way only then.
Result<Part> find_part(const JournalArguments& arguments) {
  Part part;
  if (arguments.words.empty()) return part;
  const auto book = look_at_book(arguments.path);
  if (!book) return book.error();
  const auto destinations = (*book)->checkpoints();
  if (!destinations) return destinations.error();
  const auto* known = find_destination(*destinations, arguments.words[0]);
  if (known == nullptr) return Error{no_such_destination(*destinations, arguments.words[0]), ""};
  part.after = known->position;
  return part;
}

int report(const capture::WalkedLog& log, const Part& part) {
  if (part.gone > 0)
    complain(0, counted(part.gone, "large transaction") + " that every destination has, not there any more");
  std::uint64_t in_doubt = 0;
  for (const auto& [id, record] : log.pending) in_doubt += record.transaction.committed_us == 0 ? 1 : 0;
  const auto acknowledged = log.pending.size() - in_doubt;
  if (in_doubt > 0)
    complain(0, counted(in_doubt, "transaction") + " without a known outcome, not exported: weir journal show");
  if (acknowledged > 0)
    complain(0, counted(acknowledged, "transaction") +
                    " that committed and has no position yet, not exported: weir journal show");
  for (const auto& one : part.unreadable) complain(0, "not exported: " + one);
  const auto damage = log.damage();
  if (!damage.empty())
    complain(0, "the log is damaged at byte " + std::to_string(damage.front().byte) + " of " + damage.front().file +
                    ": weir journal check says more");
  const int finished = finish_output();
  return part.unreadable.empty() && damage.empty() ? finished : kCommandFailed;
}

}  // namespace

int run_journal_export(const std::vector<std::string>& arguments) {
  int code = 0;
  const auto read = read_journal_arguments({"journal export", 0, 1, false}, arguments, code);
  if (!read) return code;
  auto part = find_part(*read);
  if (!part) return complain(kCommandFailed, part.error().message);
  emitters::FormatOptions options;
  options.instance = instance_of(read->path);
  options.statements = emitters::Statements::table;
  auto format = emitters::make_format("flat", options);
  if (!format) return complain(kCommandFailed, format.error().message);
  Exporter exporter(std::move(*format), read->path, *part);
  capture::LogVisitor visitor;
  visitor.released = [&](capture::LogScan& scan, const capture::ScannedRecord& record) {
    return exporter.take(scan, record);
  };
  visitor.unreadable = [&](event::Position position) { exporter.miss(position, "its record is damaged"); };
  visitor.gone = [](event::Position first, event::Position last) {
    complain(0, "transactions " + std::to_string(first) + " to " + std::to_string(last) +
                    " of the stream were delivered everywhere meanwhile, and are not there any more");
  };
  const auto log = capture::walk_log(read->path, visitor);
  if (!log) return complain(kCommandFailed, log.error().message);
  return report(*log, *part);
}

}  // namespace weir::proxy
