#include "proxy/subcommand.h"

#include <array>
#include <cstdio>

#include "proxy/settings.h"

namespace weir::proxy {

namespace {

constexpr int kUsage = 2;

const std::array kCommands = std::to_array<Subcommand>({
    {"journal", "journal [forget DESTINATION | rename DESTINATION NEW] --journal PATH | --config PATH",
     "which destinations the journal keeps events for; forget one, or give it the name that it has now in --emit",
     run_journal_command},
});

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& command : kCommands) all.emplace_back(command.name);
  return all;
}

}  // namespace

std::optional<int> run_subcommand(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].empty() || arguments[0][0] == '-') return std::nullopt;
  for (const auto& command : kCommands) {
    if (arguments[0] == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  return complain(kUsage, "\"" + arguments[0] + "\" is no command" + did_you_mean(arguments[0], names()) +
                              "; flags begin with --; weir --help lists both");
}

std::string subcommands_help() {
  std::string text;
  for (const auto& command : kCommands)
    text += "  weir " + std::string(command.usage) + "\n      " + std::string(command.help) + "\n";
  return text;
}

int complain(int code, const std::string& text) {
  std::fprintf(stderr, "weir: %s\n", text.c_str());
  return code;
}

}  // namespace weir::proxy
