#include "tests/support/weir_process.h"

#include <cstdlib>
#include <stdexcept>

#include "tests/support/raw_client.h"

namespace weir::test_support {
namespace {

bool answers(int port) {
  try {
    const RawClient probe(port, std::chrono::seconds(1));
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

std::string weir_binary() {
  const char* chosen = std::getenv("WEIR_BINARY");
  const std::string path = chosen != nullptr ? chosen : WEIR_BUILT_BINARY;
  if (std::filesystem::exists(path)) return path;
  throw std::runtime_error("there is no weir at " + path + ": build the target weir, or name one in WEIR_BINARY");
}

WeirProcess::WeirProcess(const WeirOptions& options) : folder_("weir"), port_(free_port()) {
  arguments_ = {weir_binary(),  "--listen", "127.0.0.1:" + std::to_string(port_), "--upstream", options.upstream,
                "--log.format", "text"};
  if (!options.admin) arguments_.insert(arguments_.end(), {"--admin.listen", "off"});
  if (options.descriptors != 0)
    arguments_.insert(arguments_.begin(), {"prlimit", "--nofile=" + std::to_string(options.descriptors)});
  for (const auto& target : options.emit) arguments_.insert(arguments_.end(), {"--emit", target});
  if (options.journal) arguments_.insert(arguments_.end(), {"--journal", (folder_ / "journal").string()});
  if (!options.config.empty()) {
    write_file(folder_ / "weir.yaml", options.config);
    arguments_.insert(arguments_.end(), {"--config", (folder_ / "weir.yaml").string()});
  }
  arguments_.insert(arguments_.end(), options.arguments.begin(), options.arguments.end());
  start();
}

void WeirProcess::start() {
  process_.reset();  // one that still runs has the journal
  process_ = std::make_unique<ChildProcess>(Launch{.arguments = arguments_,
                                                   .stdout_path = folder_ / "stdout",
                                                   .stderr_path = folder_ / "stderr",
                                                   .folder = folder_.path()});
  bool ready = false;
  eventually(std::chrono::seconds(20), [&] {
    ready = answers(port_);
    return ready || !process_->running();
  });
  if (!ready) throw std::runtime_error("weir did not start:\n" + tail_of(folder_ / "stderr"));
}

std::optional<int> WeirProcess::terminate(std::chrono::milliseconds at_most) {
  if (!process_) return std::nullopt;
  process_->send_signal(SIGTERM);
  return process_->wait(at_most);
}

void WeirProcess::kill_hard() {
  process_.reset();
}

std::string WeirProcess::conninfo(const std::string& database, const std::string& user) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=" + database + " user=" + user;
}

}  // namespace weir::test_support
