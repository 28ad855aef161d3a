// Completions and the man page: what the shells themselves make of the scripts, and that nothing of the tables is
// missing.
#include "proxy/command/completion.h"

#include <gtest/gtest.h>

#include "proxy/command/man_page.h"
#include "proxy/settings/settings.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

using test_support::read_file;
using test_support::TempFolder;
using test_support::write_file;

std::vector<Command> commands() {
  return vocabulary(subcommands());
}

struct Shell {
  int code = -1;
  std::string text;  ///< stdout and stderr
};

Shell run(std::vector<std::string> arguments) {
  TempFolder folder("weir-completion");
  Shell shell;
  shell.code = test_support::run({.arguments = std::move(arguments), .stdout_path = folder / "out"});
  shell.text = read_file(folder / "out");
  return shell;
}

bool is_there(const std::string& program) {
  return run({"sh", "-c", "command -v " + program}).code == 0;
}

/// The script in a file, as `arguments` want it in the place of "FILE".
Shell run_with(const std::string& script, std::vector<std::string> arguments) {
  TempFolder folder("weir-completion");
  write_file(folder / "script", script);
  for (auto& one : arguments)
    for (auto at = one.find("FILE"); at != one.npos; at = one.find("FILE"))
      one.replace(at, 4, (folder / "script").string());
  return run(arguments);
}

#define NEEDS(program) \
  if (!is_there(program)) GTEST_SKIP() << "NOT TESTED: there is no " program " here (.ci/packages/test.txt has it)"

/// What bash offers for these words, the last of which is being typed.
std::string bash_offers(const std::vector<std::string>& words) {
  std::string line = "source FILE; COMP_WORDS=(";
  for (const auto& word : words) line += " '" + word + "'";
  line += "); COMP_CWORD=" + std::to_string(words.size() - 1) + "; _weir; echo \"${COMPREPLY[*]}\"";
  const auto shell = run_with(bash_completion(commands(), setting_flags()), {"bash", "-c", line});
  EXPECT_EQ(shell.code, 0) << shell.text;
  return shell.text.substr(0, shell.text.find('\n'));
}

TEST(Completion, BashTakesTheScript) {
  const auto shell = run_with(bash_completion(commands(), setting_flags()), {"bash", "-n", "FILE"});
  EXPECT_EQ(shell.code, 0);
  EXPECT_EQ(shell.text, "");
}

TEST(Completion, BashOffersCommandsPartsFlagsAndValues) {
  EXPECT_EQ(bash_offers({"weir", "ch"}), "check");
  EXPECT_EQ(bash_offers({"weir", "journal", "dead"}), "dead-letters");
  EXPECT_EQ(bash_offers({"weir", "journal", "ls"}), "ls");
  EXPECT_EQ(bash_offers({"weir", "completion", ""}), "bash zsh fish");
  EXPECT_EQ(bash_offers({"weir", "check", "--str"}), "--strict");
  EXPECT_EQ(bash_offers({"weir", "config", "--sch"}), "--schema");
  EXPECT_EQ(bash_offers({"weir", "config", "--str"}), "");
  EXPECT_EQ(bash_offers({"weir", "--log.lev"}), "--log.level");
  EXPECT_EQ(bash_offers({"weir", "--log.level", "in"}), "info");
  EXPECT_EQ(bash_offers({"weir", "--log.level", "=", "in"}), "info");
  EXPECT_EQ(bash_offers({"weir", "--emit.kaf"}), "--emit.kafka.");
  EXPECT_EQ(bash_offers({"weir", "--upstream", "post"}), "");
  EXPECT_NE(bash_offers({"weir", "--config", "/et"}).find("/etc"), std::string::npos);
}

TEST(Completion, ZshTakesTheScript) {
  NEEDS("zsh");
  const auto shell = run_with(zsh_completion(commands(), setting_flags()), {"zsh", "-n", "FILE"});
  EXPECT_EQ(shell.code, 0);
  EXPECT_EQ(shell.text, "");
}

TEST(Completion, FishTakesTheScriptAndOffersFromIt) {
  NEEDS("fish");
  const auto script = fish_completion(commands(), setting_flags());
  const auto shell = run_with(script, {"fish", "--no-execute", "FILE"});
  EXPECT_EQ(shell.code, 0);
  EXPECT_EQ(shell.text, "");
  const auto offers = [&](const std::string& line) {
    return run_with(script, {"fish", "--no-config", "-c", "source FILE; complete -C '" + line + "'"}).text;
  };
  EXPECT_TRUE(offers("weir chec").starts_with("check\t")) << offers("weir chec");
  EXPECT_TRUE(offers("weir journal dead").starts_with("dead-letters\t")) << offers("weir journal dead");
  EXPECT_TRUE(offers("weir --log.level deb").starts_with("debug")) << offers("weir --log.level deb");
  EXPECT_TRUE(offers("weir check --stric").starts_with("--strict")) << offers("weir check --stric");
}

TEST(Completion, EveryCommandAndSettingIsInAllOfThem) {
  for (const auto& script :
       {bash_completion(commands(), setting_flags()), zsh_completion(commands(), setting_flags()),
        fish_completion(commands(), setting_flags()), man_page(commands(), setting_flags(), "1")}) {
    for (const auto& row : settings_table()) {
      std::string flag = row.flag.empty() ? "--" + std::string(row.key) : std::string(row.flag);
      std::string escaped;
      for (const char c : flag) escaped += c == '-' ? std::string("\\-") : std::string(1, c);
      const bool named = script.find(flag) != script.npos || script.find("-l " + flag.substr(2)) != script.npos ||
                         script.find(escaped) != script.npos;
      EXPECT_TRUE(named) << flag << " is not in\n" << script.substr(0, 200);
    }
    for (const auto& command : commands())
      EXPECT_NE(script.find(command.name.substr(0, command.name.find(' '))), std::string::npos) << command.name;
  }
}

TEST(Completion, FlagsOfCommandsAreReadOffTheirArguments) {
  const std::vector<Subcommand> table = {{"x", "'SQL' [--role NAME] [--json] [POSITION | ID …]", "help", nullptr}};
  const auto command = vocabulary(table).at(0);
  ASSERT_EQ(command.flags.size(), 2u);
  EXPECT_EQ(command.flags[0].name, "--role");
  EXPECT_EQ(command.flags[0].takes, "NAME");
  EXPECT_EQ(command.flags[1].name, "--json");
  EXPECT_EQ(command.flags[1].takes, "");
}

TEST(ManPage, GroffAndMandocFindNothingWrong) {
  const auto page = man_page(commands(), setting_flags(), "1.2.3");
  if (is_there("mandoc")) {
    // Without a date a page is the same at every build; of all that is found, warnings and above.
    const auto lint = run_with(page, {"mandoc", "-Tlint", "-Wwarning", "FILE"});
    std::string rest;
    for (std::size_t begin = 0; begin < lint.text.size();) {
      const auto end = std::min(lint.text.find('\n', begin), lint.text.size());
      const auto line = lint.text.substr(begin, end - begin);
      if (line.find("missing date") == line.npos) rest += line + "\n";
      begin = end + 1;
    }
    EXPECT_EQ(rest, "");
  }
  if (is_there("man") && is_there("groff")) {
    const auto shell = run_with(page, {"sh", "-c", "LC_ALL=C.UTF-8 man --warnings -l FILE >/dev/null"});
    EXPECT_EQ(shell.text, "");
  }
  if (!is_there("mandoc") && !is_there("groff")) GTEST_SKIP() << "NOT TESTED: there is neither mandoc nor groff here";
}

TEST(ManPage, WhatLooksLikeARequestIsText) {
  const auto page = man_page({{"x", ".SH 'y'", ".SH is no heading\n'nor this \\n", {}}}, {}, "1");
  EXPECT_NE(page.find("\n\\&.SH is no heading\n\\&'nor this \\en\n"), std::string::npos) << page;
}

}  // namespace
}  // namespace weir::proxy
