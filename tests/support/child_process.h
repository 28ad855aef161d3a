// A program started by a test, and the small things such programs need: a temporary folder, a free port, a user to run
// as.
//
// The child never outlives the test: it is sent `death_signal` by the kernel when the thread that started it ends
// (PR_SET_PDEATHSIG), even after a kill -9 of the test, and is killed by the destructor. So start children on a thread
// that lives as long as they are needed. Failures to start are exceptions: a test cannot go on without its servers.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

namespace weir::test_support {

/// Who a child runs as. PostgreSQL refuses to run as root.
struct User {
  uid_t uid;
  gid_t gid;
  std::string name;
};

/// Nothing where this process is not root; else `postgres`, or `nobody` where there is no such user.
std::optional<User> unprivileged_user();

struct Launch {
  std::vector<std::string> arguments;         ///< the program first, by path or found in PATH
  std::optional<User> user = std::nullopt;    ///< stays what this process is where absent
  std::vector<std::string> environment = {};  ///< "NAME=value", on top of this process's own
  std::filesystem::path stdout_path = {};     ///< appended to; /dev/null where empty
  std::filesystem::path stderr_path = {};     ///< same as stdout_path where empty
  std::filesystem::path folder = {};          ///< working folder
  int death_signal = SIGKILL;
};

class ChildProcess {
 public:
  explicit ChildProcess(const Launch& launch);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  bool running();
  void send_signal(int signal) const;
  /// Exit status as a shell gives it (128 + signal); nothing where it still runs after that time.
  std::optional<int> wait(std::chrono::milliseconds at_most);

 private:
  std::optional<int> reap(int flags);

  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// Runs to the end; the exit status. The child is killed and an exception thrown after `at_most`.
int run(const Launch& launch, std::chrono::milliseconds at_most = std::chrono::seconds(60));

/// A TCP port of 127.0.0.1 on which nothing listens now.
int free_port();

/// The whole file; empty where there is none.
std::string read_file(const std::filesystem::path& path);
/// For messages: the last `bytes` of the file.
std::string tail_of(const std::filesystem::path& path, std::size_t bytes = 3000);
void write_file(const std::filesystem::path& path, const std::string& content);

/// Where `make deps` put what is no Debian package: the environment's WEIR_DEPS, else the checkout's .deps.
std::filesystem::path deps_folder();

/// Asks `done` until it says true; false after `at_most`. For what no descriptor tells.
template <typename Condition>
bool eventually(std::chrono::milliseconds at_most, Condition done);

void pause_between_polls();

template <typename Condition>
bool eventually(std::chrono::milliseconds at_most, Condition done) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    pause_between_polls();
  }
  return true;
}

}  // namespace weir::test_support
