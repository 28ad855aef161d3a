#include "proxy/command/journal_command.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "capture/event/json_members.h"
#include "proxy/command/subcommand.h"
#include "proxy/delivery/destination_name.h"
#include "proxy/settings/environment.h"
#include "proxy/settings/expand.h"
#include "proxy/settings/options.h"
#include "proxy/settings/sources.h"

namespace weir::proxy {

namespace {

namespace fs = std::filesystem;
using capture::Checkpoint;

/// Words come before the first flag.
std::vector<std::string> take_words(std::vector<std::string>& arguments) {
  const auto flag =
      std::find_if(arguments.begin(), arguments.end(), [](const auto& one) { return one.starts_with("-"); });
  std::vector<std::string> words(arguments.begin(), flag);
  arguments.erase(arguments.begin(), flag);
  return words;
}

/// journal.path; nothing else of the settings matters here.
Result<std::string> journal_path(const CommandLine& line) {
  const auto read = read_sources(line, process_environment());
  if (!read) return read.error();
  for (const auto& one : effective(read->sources)) {
    if (one.row->key != "journal.path") continue;
    const auto& assignment = *one.assignments.front();
    auto path = expand(assignment.value, false);
    if (!path) return Error{assignment.place + " " + path.error().message, ""};
    auto found = capture::absolute_path(*path);
    return found ? std::move(*found) : std::move(*path);
  }
  return Error{"say which journal: --journal PATH, or --config PATH of a file with journal.path", ""};
}

Result<void> check_folder(const std::string& path) {
  std::error_code failed;
  const auto status = fs::status(path, failed);
  const bool is_folder = fs::is_directory(status);
  if (is_folder && (fs::exists(path + "/book.sqlite", failed) || fs::exists(path + "/log", failed))) return {};
  if (failed == std::errc::permission_denied)
    return Error{"journal " + path + ": " + failed.message() + "; run this as the user that Weir runs as", ""};
  if (is_folder) return Error{"there is no journal in " + path, ""};
  if (!fs::exists(status)) return Error{"there is no journal " + path, ""};
  return Error{
      "journal " + path +
          ": is a file, as journals of earlier versions were; a Weir of this version that starts on it takes it "
          "over where nothing in it is undelivered",
      ""};
}

}  // namespace

std::optional<JournalArguments> read_journal_arguments(const JournalSyntax& syntax, std::vector<std::string> arguments,
                                                       int& code) {
  const auto usage = [&](const std::string& text) {
    code = complain(kCommandUsage, text);
    return std::nullopt;
  };
  JournalArguments read;
  read.words = take_words(arguments);
  read.json = syntax.takes_json && std::erase(arguments, "--json") > 0;
  const auto line = parse_command_line(arguments);
  if (!line) return usage(line.error().message);
  if (line->help) {
    std::fputs((subcommand_usage(syntax.name) + "\n").c_str(), stdout);
    code = finish_output();
    return std::nullopt;
  }
  if (read.words.size() < syntax.fewest_words || read.words.size() > syntax.most_words)
    return usage("it is " + subcommand_usage(syntax.name));
  auto path = journal_path(*line);
  if (!path) return usage(path.error().message);
  if (const auto there = check_folder(*path); !there) return usage(there.error().message);
  read.path = std::move(*path);
  return read;
}

std::string json_text(const std::string& text) {
  std::string out;
  event::append_json_string(out, text);
  return out;
}

std::string bytes_text(std::uint64_t bytes) {
  std::array<char, 32> text{};
  const char* const units[] = {"kB", "MB", "GB", "TB"};
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(units); ++unit) amount /= 1024;
  std::snprintf(text.data(), text.size(), "%.1f %s", amount, units[unit]);
  return text.data();
}

std::string instance_of(const std::string& path) {
  const auto book = look_at_book(path);
  return book ? (*book)->instance() : capture::remembered_instance(path);
}

Result<BookPointer> look_at_book(const std::string& path) {
  return capture::SqliteBook::open_to_read(path + "/book.sqlite");
}

const Checkpoint* find_destination(const std::vector<Checkpoint>& destinations, const std::string& name) {
  const auto emitter = parse_emitter(name);
  for (const auto& one : destinations) {
    if (one.emitter == name || (emitter && destination_name(*emitter) == one.emitter)) return &one;
  }
  return nullptr;
}

event::Position DeliveredEverywhere::position() {
  const auto book = look_at_book(path_);
  const auto destinations = book ? (*book)->checkpoints() : Result<std::vector<Checkpoint>>(book.error());
  if (!destinations || destinations->empty()) return last_;
  const auto least = std::min_element(destinations->begin(), destinations->end(),
                                      [](const auto& one, const auto& other) { return one.position < other.position; });
  last_ = least->position;
  return last_;
}

std::string no_such_destination(const std::vector<Checkpoint>& destinations, const std::string& name) {
  const auto known = joined(destinations, ", ", [](const auto& one) { return one.emitter; });
  return "the journal knows no destination " + name + "; it knows " + (known.empty() ? "none" : known);
}

}  // namespace weir::proxy
