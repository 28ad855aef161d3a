// The built `weir`, started on a free port of 127.0.0.1 as a user would start it.
//
// The binary is the environment's WEIR_BINARY, else that of this build. It counts as started when its port answers.
// stderr is kept over restarts. `restart` uses the same arguments, port and journal. Belongs to the thread that made
// it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace weir::test_support {

struct WeirOptions {
  std::string upstream;                     ///< postgresql://…
  std::vector<std::string> emit = {};       ///< each becomes an --emit
  std::vector<std::string> arguments = {};  ///< anything else
  std::string config = {};                  ///< text of a weir.yaml; absent where empty
  bool journal = true;                      ///< --journal in this process's own folder
  bool admin = false;                       ///< with an admin listener: on its default port, or where `arguments` say
  int descriptors = 0;                      ///< hard limit of open files (ulimit -n); 0: as it is
};

class WeirProcess {
 public:
  explicit WeirProcess(const WeirOptions& options);

  int port() const { return port_; }
  pid_t pid() const { return process_->pid(); }
  std::string conninfo(const std::string& database = "postgres", const std::string& user = "postgres") const;
  /// Holds the journal, stdout and stderr.
  const TempFolder& folder() const { return folder_; }
  std::string errors() const { return read_file(folder_ / "stderr"); }
  std::string output() const { return read_file(folder_ / "stdout"); }
  bool running() { return process_ && process_->running(); }

  /// Throws with stderr's end where the port does not answer in time.
  void start();
  /// SIGTERM; the exit status, or nothing where it did not end in time.
  std::optional<int> terminate(std::chrono::milliseconds at_most = std::chrono::seconds(20));
  void kill_hard();
  void send_signal(int signal) const { process_->send_signal(signal); }

 private:
  TempFolder folder_;
  int port_;
  std::vector<std::string> arguments_;
  std::unique_ptr<ChildProcess> process_;
};

/// Path of the binary under test; throws where there is none, with how to build it.
std::string weir_binary();

}  // namespace weir::test_support
