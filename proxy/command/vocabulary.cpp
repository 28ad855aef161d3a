#include "proxy/command/vocabulary.h"

#include <algorithm>
#include <sstream>

#include "proxy/settings/settings.h"

namespace weir::proxy {

namespace {

/// Of "'SQL' [--role NAME] [--json]": what begins with --, and the word behind it that is no flag.
std::vector<Flag> flags_of(std::string_view arguments) {
  std::string plain(arguments);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c == '[' || c == ']'; }, ' ');
  // Each flag stands in brackets of its own: what follows it inside of them is its value.
  std::vector<Flag> flags;
  for (std::size_t begin = arguments.find("[--"); begin != arguments.npos; begin = arguments.find("[--", begin + 1)) {
    std::istringstream inside{plain.substr(begin + 1, arguments.find(']', begin) - begin - 1)};
    Flag flag;
    inside >> flag.name >> flag.takes;
    flags.push_back(std::move(flag));
  }
  return flags;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream rest(text);
  for (std::string part; std::getline(rest, part, separator);) parts.push_back(part);
  return parts;
}

}  // namespace

std::vector<std::string> Flag::choices() const {
  return takes.find('|') == takes.npos ? std::vector<std::string>() : split(takes, '|');
}

std::vector<Flag> setting_flags() {
  std::vector<Flag> flags = {{"--config", "PATH", "", "read settings from this YAML file (also WEIR_CONFIG)"},
                             {"--help", "", "", "all commands and settings"},
                             {"--version", "", "", "which Weir this is"}};
  for (const auto& row : settings_table()) {
    const auto name = row.flag.empty() ? "--" + std::string(row.key) : std::string(row.flag);
    flags.push_back({name, std::string(row.takes), std::string(row.fallback), std::string(row.help)});
    if (row.key != "emit") continue;
    for (const auto& line : emitter_setting_lines()) {
      flags.push_back({"--emit." + line.key, std::string(line.takes), std::string(line.fallback),
                       "of the --emit before it: " + line.help, line.any_key});
    }
  }
  return flags;
}

std::vector<Command> vocabulary(std::span<const Subcommand> commands) {
  std::vector<Command> all;
  for (const auto& one : commands)
    all.push_back({std::string(one.name), std::string(one.arguments), std::string(one.help), flags_of(one.arguments)});
  return all;
}

}  // namespace weir::proxy
