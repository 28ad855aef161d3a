// `weir …` on a pseudo terminal of 80 columns, as somebody who looks at it has it: what it shows, keys, signals, and
// whether the terminal is as it was. Killed by the destructor where it has not ended.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/weir_process.h"

namespace weir::proxy {

class OnATerminal {
 public:
  explicit OnATerminal(const std::vector<std::string>& arguments) {
    winsize size{24, 80, 0, 0};
    if (::openpty(&terminal_, &other_end_, nullptr, nullptr, &size) != 0) throw std::runtime_error("no terminal");
    ::tcgetattr(other_end_, &before_);
    pid_ = ::fork();
    if (pid_ == 0) run(arguments);
  }
  ~OnATerminal() {
    if (!code_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(terminal_);
    ::close(other_end_);
  }
  OnATerminal(const OnATerminal&) = delete;
  OnATerminal& operator=(const OnATerminal&) = delete;

  bool shows(const std::string& text) {
    return test_support::eventually(std::chrono::seconds(20), [&] { return shown().find(text) != std::string::npos; });
  }
  const std::string& shown() {
    char buffer[4096];
    for (pollfd one{terminal_, POLLIN, 0}; ::poll(&one, 1, 0) > 0 && (one.revents & POLLIN) != 0;) {
      const auto got = ::read(terminal_, buffer, sizeof buffer);
      if (got <= 0) break;
      shown_.append(buffer, static_cast<std::size_t>(got));
    }
    return shown_;
  }
  void forget() { shown_.clear(); }
  void press(const std::string& keys) const {
    ASSERT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  void signal(int which) const { ::kill(pid_, which); }
  /// The exit code; -1 where it goes on.
  int ended() {
    int status = 0;
    test_support::eventually(std::chrono::seconds(20), [&] {
      shown();
      if (!code_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
        code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return code_.has_value();
    });
    return code_.value_or(-1);
  }
  bool is_as_before() const {
    termios now{};
    ::tcgetattr(other_end_, &now);
    return now.c_lflag == before_.c_lflag && now.c_cc[VMIN] == before_.c_cc[VMIN];
  }
  bool is_changed() {
    return test_support::eventually(std::chrono::seconds(20), [&] { return !is_as_before(); });
  }

 private:
  [[noreturn]] void run(std::vector<std::string> arguments) const {
    ::setsid();
    for (const int descriptor : {0, 1, 2}) ::dup2(other_end_, descriptor);
    ::setenv("TERM", "xterm", 1);
    arguments.insert(arguments.begin(), test_support::weir_binary());
    std::vector<char*> pointers;
    for (auto& one : arguments) pointers.push_back(one.data());
    pointers.push_back(nullptr);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }

  int terminal_ = -1;
  int other_end_ = -1;
  termios before_{};
  pid_t pid_ = -1;
  std::string shown_;
  std::optional<int> code_;
};

}  // namespace weir::proxy
