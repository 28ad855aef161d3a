#include "proxy/command/subcommand.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "proxy/command/check_command.h"
#include "proxy/command/config_command.h"
#include "proxy/command/explain_command.h"
#include "proxy/command/journal_command.h"
#include "proxy/command/replay_command.h"
#include "proxy/command/shell_commands.h"
#include "proxy/command/stats_command.h"
#include "proxy/command/tail_command.h"
#include "proxy/settings/environment.h"
#include "proxy/settings/options.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

namespace {

const std::array kCommands = std::to_array<Subcommand>({
    {"check", "[--ready] [--json] [--strict] [--role NAME] [--database NAME]",
     "whether a Weir with this configuration would work, and what can be captured of each table; --ready: whether the "
     "one that runs takes clients. Exit code 1 where something is wrong",
     run_check},
    {"completion", "bash|zsh|fish", "a script with which this shell completes commands, flags and values",
     run_completion},
    {"config", "[--schema]",
     "the configuration that counts and where each value is from, without its secrets; or the JSON Schema of weir.yaml",
     run_config},
    {"explain", "'SQL' [--role NAME] [--database NAME]",
     "what becomes of these statements in this database: plan, the text that is sent, and why; runs nothing of them",
     run_explain},
    {"journal", "[--json]", "the same as weir journal ls", run_journal_ls},
    {"journal ls", "[--json]", "the destinations, where they stand, and what the journal holds", run_journal_ls},
    {"journal check", "[--json]", "reads everything and names the first damage; exit code 1 where there is some",
     run_journal_check},
    {"journal show", "[POSITION | EVENT-ID …]",
     "these transactions with their events; without any, those that are undelivered or in doubt", run_journal_show},
    {"journal export", "[DESTINATION]",
     "the stream as lines of JSON (format flat): all that is there, or what this destination has not got yet",
     run_journal_export},
    {"journal dead-letters", "", "what destinations refused for ever, as lines of JSON", run_journal_dead_letters},
    {"journal forget", "DESTINATION", "keeps nothing for this destination any more", run_journal_forget},
    {"journal rename", "DESTINATION NEW", "gives a destination the name that it has now in --emit", run_journal_rename},
    {"man", "", "the manual's page: weir man | man -l -", run_man},
    {"replay",
     "--destination NAME --from POSITION|TIME [--to POSITION|TIME] [--table PATTERN] [--dry-run] [--admin HOST:PORT] "
     "[--token TEXT]",
     "sends a stretch of the stream to a destination again, in order, from what the journal still has: by the Weir "
     "that "
     "runs, or where none runs on --journal, by itself; --dry-run only says what would be sent",
     run_replay},
    {"stats", "[--interval SECONDS] [--once] [--json] [--admin HOST:PORT] [--token TEXT]",
     "the running Weir's numbers, drawn anew every second: rates, destinations and their lag, tables, gaps; q ends it",
     run_stats},
    {"tail",
     "[--table PATTERN] [--format FORMAT] [--from now|beginning|POSITION] [--count N] [--admin HOST:PORT] "
     "[--token TEXT]",
     "the changes that the running Weir captures, as they come: of these tables (schema.table with * and ?; several "
     "times), for a person (pretty) or as destinations get them; exit code 1 where Weir ends",
     run_tail},
});

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& command : kCommands) all.emplace_back(command.name);
  return all;
}

const Subcommand* find(const std::string& name) {
  for (const auto& command : kCommands)
    if (name == command.name) return &command;
  return nullptr;
}

/// "journal" of "journal ls": what stands behind it is a part of its name.
bool has_parts(const std::string& name) {
  return std::any_of(kCommands.begin(), kCommands.end(),
                     [&](const auto& command) { return command.name.starts_with(name + " "); });
}

bool is_word(const std::vector<std::string>& arguments, std::size_t place) {
  return place < arguments.size() && !arguments[place].empty() && arguments[place][0] != '-';
}

}  // namespace

std::optional<int> run_subcommand(const std::vector<std::string>& arguments) {
  if (!is_word(arguments, 0)) return std::nullopt;
  std::string name = arguments[0];
  if (has_parts(name) && is_word(arguments, 1)) name += " " + arguments[1];
  const auto words = static_cast<std::ptrdiff_t>(name == arguments[0] ? 1 : 2);
  if (const auto* command = find(name)) return command->run({arguments.begin() + words, arguments.end()});
  return complain(kCommandUsage, "\"" + name + "\" is no command" + did_you_mean(name, names()) +
                                     "; flags begin with --; weir --help lists both");
}

std::span<const Subcommand> subcommands() {
  return kCommands;
}

std::string subcommand_usage(std::string_view name) {
  const auto* command = find(std::string(name));
  const auto arguments = command == nullptr ? std::string() : std::string(command->arguments);
  const bool of_journal = name.starts_with("journal");
  return "weir " + std::string(name) + (arguments.empty() ? "" : " " + arguments) +
         (of_journal ? " --journal PATH | --config PATH" : " [--config PATH] [--SETTING VALUE …]");
}

std::string subcommands_help() {
  std::string text;
  for (const auto& command : kCommands)
    text += "  " + subcommand_usage(command.name) + "\n      " + std::string(command.help) + "\n";
  return text;
}

std::optional<ReadSources> read_command_sources(std::string_view name, const std::vector<std::string>& arguments,
                                                int& code) {
  const auto line = parse_command_line(arguments);
  if (line && line->help) {
    std::fputs((subcommand_usage(name) + "\n").c_str(), stdout);
    code = finish_output();
    return std::nullopt;
  }
  auto read = line ? read_sources(*line, process_environment()) : Result<ReadSources>(line.error());
  if (read) return std::move(*read);
  code = complain(kCommandUsage, read.error().message);
  return std::nullopt;
}

int complain(int code, const std::string& text) {
  std::fprintf(stderr, "weir: %s\n", text.c_str());
  return code;
}

int finish_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return 0;
  return complain(kCommandFailed, std::string("could not write to stdout: ") + std::strerror(errno));
}

}  // namespace weir::proxy
