// A Weir that runs, for whoever changes it: SIGHUP and the console's orders.
//
// reload() takes another configuration whole, as far as it may change, or not at all. All members but orders() and
// console_users() are for the main thread; what the console orders is brought there, and answered from there. What it
// refers to outlives it.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/admin/admin_server.h"
#include "proxy/admin/show.h"
#include "proxy/auth/verifiers.h"
#include "proxy/capture_service.h"
#include "proxy/inspection.h"
#include "proxy/io/server.h"
#include "proxy/process/errands.h"
#include "proxy/reload.h"

namespace weir::proxy {

class RunningWeir {
 public:
  struct Parts {
    Server& server;
    CaptureService* capturing;  ///< null where Weir only relays
    Inspection& inspection;
    AdminServer* admin;  ///< null where there is no admin listener
    Errands& errands;
  };
  /// `verifiers` are those of the server; null: there are none.
  RunningWeir(const Settings& settings, Reload reload, Parts parts, std::shared_ptr<Verifiers> verifiers)
      : reload_(std::move(reload)),
        parts_(parts),
        upstream_(settings.upstream),
        credentials_(settings.credentials),
        verifiers_(std::move(verifiers)),
        shutdown_timeout_(settings.shutdown_timeout),
        console_users_(settings.admin.users) {}
  ~RunningWeir();
  RunningWeir(const RunningWeir&) = delete;
  RunningWeir& operator=(const RunningWeir&) = delete;

  /// F0000 where the configuration is wrong.
  Result<SettingsChange> reload();
  /// What operators, logrotate and whoever renews certificates want: a reload, and files that were moved begun anew.
  /// The log tells what came of it, `cause` in front.
  Result<SettingsChange> look_at_files(const std::string& cause);
  /// Those of a console that only the main thread can carry out. Any thread.
  ConsoleOrders orders();
  /// Who may use the console. Any thread.
  std::vector<std::string> console_users() const;
  std::chrono::milliseconds shutdown_timeout() const { return shutdown_timeout_; }

 private:
  Reload reload_;
  Result<std::shared_ptr<Verifiers>> verifiers_for(const Reload::Read& read);
  void replace_verifiers(std::shared_ptr<Verifiers> next);
  void apply(const Reload::Read& read);

  const Parts parts_;
  const Upstream upstream_;  // what Weir runs with
  const Credentials credentials_;
  std::shared_ptr<Verifiers> verifiers_;
  std::vector<std::shared_ptr<Verifiers>> earlier_verifiers_;  // which a login may still ask
  std::chrono::milliseconds shutdown_timeout_;
  mutable std::mutex mutex_;  // of what follows
  std::vector<std::string> console_users_;
};

/// One row for each setting that differs: its key, both values without secrets, and "taken" or "needs a restart".
ConsoleTable change_table(const SettingsChange& change);

}  // namespace weir::proxy
