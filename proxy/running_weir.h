// A Weir that runs, for whoever changes it: SIGHUP and the console's orders.
//
// reload() takes another configuration whole, as far as it may change, or not at all. All members but orders() are for
// the main thread; what the console orders is brought there, and answered from there. What it refers to outlives it.
#pragma once

#include <chrono>

#include "proxy/admin/show.h"
#include "proxy/capture_service.h"
#include "proxy/inspection.h"
#include "proxy/io/server.h"
#include "proxy/process/errands.h"
#include "proxy/reload.h"

namespace weir::proxy {

class RunningWeir {
 public:
  /// `capturing` is null where Weir only relays.
  RunningWeir(const Settings& settings, Reload reload, Server& server, CaptureService* capturing,
              Inspection& inspection, Errands& errands)
      : reload_(std::move(reload)),
        server_(server),
        capturing_(capturing),
        inspection_(inspection),
        errands_(errands),
        shutdown_timeout_(settings.shutdown_timeout) {}
  RunningWeir(const RunningWeir&) = delete;
  RunningWeir& operator=(const RunningWeir&) = delete;

  /// F0000 where the configuration is wrong.
  Result<SettingsChange> reload();
  /// What operators, logrotate and whoever renews certificates want: a reload, and files that were moved begun anew.
  /// The log tells what came of it, `cause` in front.
  Result<SettingsChange> look_at_files(const std::string& cause);
  /// Those of a console that only the main thread can carry out. Any thread.
  ConsoleOrders orders();
  std::chrono::milliseconds shutdown_timeout() const { return shutdown_timeout_; }

 private:
  Reload reload_;
  Server& server_;
  CaptureService* capturing_;
  Inspection& inspection_;
  Errands& errands_;
  std::chrono::milliseconds shutdown_timeout_;
};

/// One row for each setting that differs: its key, both values without secrets, and "taken" or "needs a restart".
ConsoleTable change_table(const SettingsChange& change);

}  // namespace weir::proxy
