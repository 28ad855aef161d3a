// Asks each host of `upstream` once a second what it is, as long as it lives: a thread and a connection of Weir's own
// for each. states() is what came of it last, from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/io/endpoint.h"
#include "proxy/io/host_order.h"
#include "proxy/settings/credentials.h"

namespace weir::proxy {

class HostWatch final : public HostStates {
 public:
  HostWatch(Upstream upstream, Credentials credentials);
  ~HostWatch() override;

  /// Returns when every host was asked once, or when the time is over.
  void start(std::chrono::milliseconds at_most);
  std::vector<HostState> states() const override;

 private:
  void watch(std::size_t host);
  void note(std::size_t host, const HostState& state, const std::string& trouble);

  const Upstream upstream_;
  const Credentials credentials_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HostState> states_;
  std::vector<std::string> troubles_;  // what was told of each host last; empty: all is well
  std::size_t asked_ = 0;              // hosts that were asked once
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::proxy
