// What the program does besides relaying: `weir COMMAND …`. `weir` without one runs the proxy (main.cpp).
//
// Each command is one row of the table and one file. It gets the arguments behind its name, prints to stdout, complains
// to stderr, and returns the exit code: 0, 1 where it failed, 2 for a wrong command line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/settings/sources.h"

namespace weir::proxy {

constexpr int kCommandFailed = 1;
constexpr int kCommandUsage = 2;

struct Subcommand {
  std::string_view name;       ///< one word or two: "journal ls"
  std::string_view arguments;  ///< behind it, for help and complaints
  std::string_view help;
  int (*run)(const std::vector<std::string>& arguments);
};

/// The table.
std::span<const Subcommand> subcommands();
/// Runs the command that `arguments` begin with; nothing where they begin with a flag or are empty.
std::optional<int> run_subcommand(const std::vector<std::string>& arguments);
/// The part of --help about the commands.
std::string subcommands_help();
/// "weir journal forget DESTINATION …" for the command of this name.
std::string subcommand_usage(std::string_view name);

/// What a command takes of the settings, for one that takes all of them as flags. Nothing where it is to end now with
/// `code`: it has complained, or printed its usage.
std::optional<ReadSources> read_command_sources(std::string_view name, const std::vector<std::string>& arguments,
                                                int& code);

/// "weir: TEXT" to stderr; returns `code`.
int complain(int code, const std::string& text);
/// What is printed is on its way: 0, or a complaint where stdout did not take all of it.
int finish_output();

}  // namespace weir::proxy
