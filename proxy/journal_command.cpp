// weir journal: the destinations that a journal keeps events for, for an operator while no Weir runs on it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "capture/journal.h"
#include "proxy/config.h"
#include "proxy/destinations.h"
#include "proxy/options.h"
#include "proxy/subcommand.h"

namespace weir::proxy {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

using capture::Checkpoint;
using Journal = std::unique_ptr<capture::Journal>;

/// Words come before the first flag.
std::vector<std::string> take_words(std::vector<std::string>& arguments) {
  const auto flag =
      std::find_if(arguments.begin(), arguments.end(), [](const auto& one) { return one.starts_with("-"); });
  std::vector<std::string> words(arguments.begin(), flag);
  arguments.erase(arguments.begin(), flag);
  return words;
}

/// journal.path, from the flag or the file; nothing else of them matters here.
Result<std::string> journal_path(const std::vector<std::string>& flags) {
  auto line = parse_command_line(flags);
  if (!line) return line.error();
  std::vector<Assignment> file;
  if (!line->config.empty()) {
    auto read = read_config(line->config);
    if (!read) return read.error();
    file = std::move(*read);
  }
  std::string path;
  for (const auto* assignments : {&file, &line->assignments}) {
    for (const auto& one : *assignments)
      if (one.row == find_setting("journal.path")) path = one.value;
  }
  if (path.empty()) return Error{"say which journal: --journal PATH, or --config PATH of a file with journal.path", ""};
  // Opening one that is not there would make it.
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) return Error{"there is no journal " + path, ""};
  return path;
}

std::string listed(const std::vector<Checkpoint>& destinations) {
  std::string text;
  for (const auto& one : destinations) text += (text.empty() ? "" : ", ") + one.emitter;
  return text.empty() ? "it knows none" : "it knows " + text;
}

/// As it is written in the journal, or as the same destination may be written now.
const Checkpoint* find(const std::vector<Checkpoint>& destinations, const std::string& name) {
  const auto emitter = parse_emitter(name);
  for (const auto& one : destinations) {
    if (one.emitter == name || (emitter && destination_name(*emitter) == one.emitter)) return &one;
  }
  return nullptr;
}

int show(capture::Journal& journal, const std::vector<Checkpoint>& destinations) {
  const auto last = journal.last_position();
  if (!last) return complain(kFailed, last.error().message);
  for (const auto& one : destinations) {
    std::printf("%s\t%lld of %lld transactions\n", one.emitter.c_str(), static_cast<long long>(one.position),
                static_cast<long long>(*last));
  }
  return 0;
}

int change(capture::Journal& journal, const std::vector<Checkpoint>& destinations,
           const std::vector<std::string>& words) {
  const auto* known = find(destinations, words[1]);
  if (known == nullptr)
    return complain(kFailed, "the journal knows no destination " + words[1] + "; " + listed(destinations));
  if (words[0] == "forget") {
    const auto done = journal.forget(known->emitter);
    if (!done) return complain(kFailed, done.error().message);
  } else {
    const auto emitter = parse_emitter(words[2]);
    if (!emitter) return complain(kUsage, words[2] + " " + emitter.error().message);
    const auto name = destination_name(*emitter);
    if (name != known->emitter && find(destinations, name) != nullptr)
      return complain(kFailed, "the journal has a destination " + name + " already; forget one of the two");
    const auto done = journal.rename(known->emitter, name);
    if (!done) return complain(kFailed, done.error().message);
  }
  const auto synced = journal.sync();
  return synced ? 0 : complain(kFailed, synced.error().message);
}

}  // namespace

int run_journal_command(const std::vector<std::string>& arguments) {
  auto flags = arguments;
  const auto words = take_words(flags);
  const bool forgets = words.size() == 2 && words[0] == "forget";
  const bool renames = words.size() == 3 && words[0] == "rename";
  if (!words.empty() && !forgets && !renames)
    return complain(kUsage,
                    "weir journal takes: forget DESTINATION, or rename DESTINATION NEW, or nothing; then flags");
  const auto path = journal_path(flags);
  if (!path) return complain(kUsage, path.error().message);
  const auto journal = capture::Journal::open({*path, capture::Journal::Durability::gate});
  if (!journal) return complain(kFailed, journal.error().message);
  const auto destinations = (*journal)->checkpoints();
  if (!destinations) return complain(kFailed, destinations.error().message);
  return words.empty() ? show(**journal, *destinations) : change(**journal, *destinations, words);
}

}  // namespace weir::proxy
