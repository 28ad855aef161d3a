// Looks at the running parts and fills the snapshot that everything is shown from; and asks the database whether it
// answers, for readiness.
//
// Any thread, from the server's start until it has stopped; what it looks at outlives it.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "proxy/admin/snapshot.h"
#include "proxy/capture_service.h"
#include "proxy/io/server.h"
#include "proxy/process/counters.h"
#include "proxy/settings/shown.h"

namespace weir::proxy {

class Inspection {
 public:
  /// `capturing` is null where Weir only relays.
  Inspection(Server& server, CaptureService* capturing, const Counters& counters, std::vector<ShownSetting> config)
      : server_(server), capturing_(capturing), counters_(counters), config_(std::move(config)) {}
  Inspection(const Inspection&) = delete;
  Inspection& operator=(const Inspection&) = delete;

  Snapshot look() const;
  /// Other settings count now.
  void show(std::vector<ShownSetting> config);
  /// Connects to the database as a session would; `asked` is called on a worker's thread, or never.
  void ask_upstream(std::function<void()> asked);

 private:
  void describe_connections(Snapshot& now) const;

  Server& server_;
  CaptureService* capturing_;
  const Counters& counters_;
  mutable std::mutex mutex_;
  std::vector<ShownSetting> config_;
  Snapshot::Upstream upstream_;
};

}  // namespace weir::proxy
