// weir journal ls: the destinations and where they stand, and what the journal holds.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/text.h"
#include "capture/journal/log_walk.h"
#include "proxy/command/journal_command.h"
#include "proxy/command/subcommand.h"

namespace weir::proxy {

namespace {

namespace fs = std::filesystem;
using capture::Checkpoint;

struct Listed {
  std::string path;
  std::string instance;
  std::optional<std::string> pid;
  capture::WalkedLog log;
  std::uint64_t in_doubt = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t bytes = 0;
  std::vector<Checkpoint> destinations;
  std::vector<Checkpoint> forgotten;
  std::map<std::string, std::uint64_t> behind;
};

/// Of all files in the folder and below; of one that goes meanwhile nothing.
std::uint64_t bytes_in(const std::string& path) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(path, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const auto size = entry->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

Result<Listed> look(const std::string& path) {
  Listed listed;
  listed.path = path;
  listed.pid = capture::owner_of(path);
  const auto book = look_at_book(path);
  if (!book) return book.error();
  listed.instance = (*book)->instance();
  auto destinations = (*book)->checkpoints();
  if (!destinations) return destinations.error();
  auto forgotten = (*book)->forgotten();
  if (!forgotten) return forgotten.error();
  listed.destinations = std::move(*destinations);
  listed.forgotten = std::move(*forgotten);
  const auto count = [&](event::Position position) {
    for (const auto& one : listed.destinations) listed.behind[one.emitter] += one.position < position ? 1 : 0;
  };
  capture::LogVisitor visitor;
  visitor.released = [&](capture::LogScan&, const capture::ScannedRecord& record) {
    count(record.transaction.position);
    return Result<void>();
  };
  visitor.unreadable = count;
  auto log = capture::walk_log(path, visitor);
  if (!log) return log.error();
  listed.log = std::move(*log);
  for (const auto& [id, record] : listed.log.pending)
    ++(record.transaction.committed_us == 0 ? listed.in_doubt : listed.acknowledged);
  listed.bytes = bytes_in(path);
  return listed;
}

std::string json_of(const std::vector<Checkpoint>& all, const std::map<std::string, std::uint64_t>* behind) {
  std::string text;
  for (const auto& one : all) {
    text += (text.empty() ? "" : ",") + std::string("{\"name\":") + json_text(one.emitter) +
            ",\"position\":" + std::to_string(one.position);
    if (behind != nullptr) {
      const auto found = behind->find(one.emitter);
      text += ",\"behind\":" + std::to_string(found == behind->end() ? 0 : found->second);
    }
    text += "}";
  }
  return "[" + text + "]";
}

void print_json(const Listed& listed) {
  const bool has_pid = listed.pid && *listed.pid != "?";
  std::string text = "{\"path\":" + json_text(listed.path) + ",\"instance\":" + json_text(listed.instance);
  text += std::string(",\"in_use\":") + (listed.pid ? "true" : "false");
  text += ",\"pid\":" + (has_pid ? *listed.pid : "null");
  text += ",\"last_position\":" + std::to_string(listed.log.last_position);
  text += ",\"erased_position\":" + std::to_string(listed.log.erased.through);
  text += ",\"in_doubt\":" + std::to_string(listed.in_doubt);
  text += ",\"acknowledged\":" + std::to_string(listed.acknowledged);
  text += ",\"bytes\":" + std::to_string(listed.bytes) + ",\"segments\":" + std::to_string(listed.log.segments);
  text += std::string(",\"damaged\":") + (listed.log.damage().empty() ? "false" : "true");
  text += ",\"destinations\":" + json_of(listed.destinations, &listed.behind);
  text += ",\"forgotten\":" + json_of(listed.forgotten, nullptr) + "}\n";
  std::fputs(text.c_str(), stdout);
}

void print_destinations(const Listed& listed) {
  std::size_t width = std::string("destination").size();
  for (const auto& one : listed.destinations) width = std::max(width, one.emitter.size());
  const auto padded = [&](const std::string& text) { return text + std::string(width - text.size(), ' '); };
  std::printf("\n%s  has up to  is behind by\n", padded("destination").c_str());
  for (const auto& one : listed.destinations) {
    const auto behind = listed.behind.find(one.emitter);
    std::printf("%s  %9lld  %s\n", padded(one.emitter).c_str(), static_cast<long long>(one.position),
                counted(behind == listed.behind.end() ? 0 : behind->second, "transaction").c_str());
  }
  for (const auto& one : listed.forgotten)
    std::printf("forgotten: %s, which had up to %lld\n", one.emitter.c_str(), static_cast<long long>(one.position));
}

std::string text_of_stream(const Listed& listed) {
  const auto& log = listed.log;
  std::string text = "nothing of the stream";
  if (log.last_position > log.erased.through)
    text = "transactions " + std::to_string(log.erased.through + 1) + " to " + std::to_string(log.last_position) +
           " of the stream";
  text += ", " + std::to_string(listed.in_doubt) + (listed.pid ? " in doubt or under way" : " in doubt");
  if (listed.acknowledged > 0) text += ", " + std::to_string(listed.acknowledged) + " committed without a position yet";
  return text;
}

void print(const Listed& listed) {
  const auto used = !listed.pid ? "not in use" : *listed.pid == "?" ? "in use" : "in use by process " + *listed.pid;
  std::printf("journal %s, instance %s, %s\n", listed.path.c_str(), listed.instance.c_str(), used.c_str());
  std::printf("%s, %s: %s\n", bytes_text(listed.bytes).c_str(), counted(listed.log.segments, "segment").c_str(),
              text_of_stream(listed).c_str());
  if (!listed.log.damage().empty()) std::puts("damaged: weir journal check says where");
  print_destinations(listed);
}

}  // namespace

int run_journal_ls(const std::vector<std::string>& arguments) {
  int code = 0;
  const auto read = read_journal_arguments({"journal ls", 0, 0, true}, arguments, code);
  if (!read) return code;
  const auto listed = look(read->path);
  if (!listed) return complain(kCommandFailed, listed.error().message);
  if (read->json) {
    print_json(*listed);
  } else {
    print(*listed);
  }
  return finish_output();
}

}  // namespace weir::proxy
