// Runs `weir COMMAND …` to its end, as an operator would in a shell.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {

struct Ended {
  int code = -1;
  std::string output;  ///< stdout
  std::string errors;  ///< stderr
};

inline Ended run_weir(std::vector<std::string> arguments, std::vector<std::string> environment = {},
                      std::chrono::milliseconds at_most = std::chrono::seconds(60)) {
  test_support::TempFolder folder("weir-command");
  arguments.insert(arguments.begin(), test_support::weir_binary());
  Ended ended;
  ended.code = test_support::run({.arguments = std::move(arguments),
                                  .environment = std::move(environment),
                                  .stdout_path = folder / "out",
                                  .stderr_path = folder / "err"},
                                 at_most);
  ended.output = test_support::read_file(folder / "out");
  ended.errors = test_support::read_file(folder / "err");
  return ended;
}

inline void expect_words(const std::string& text, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(text.find(word), std::string::npos) << "\"" << word << "\" in\n" << text;
}

}  // namespace weir::proxy
