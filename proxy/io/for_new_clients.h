// What holds for clients that come from now on, and may change while the server runs: clients that are there keep what
// they came with. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/address_range.h"
#include "proxy/io/login_rules.h"
#include "proxy/io/verifier_source.h"

namespace weir::proxy {

struct ForNewClients {
  std::vector<AddressRange> proxies;   ///< who sends a PROXY header in front of a client's first byte, and must
  bool application_name_host = false;  ///< the database sees the client's address behind its application_name
  AuthMode auth = AuthMode::automatic;
  std::shared_ptr<VerifierSource> verifiers;  ///< null: there are none. One that is replaced may be asked a last time
  bool log_sessions = false;                  ///< each session's end at info, not only at debug
  /// Clients that ask for this database get the engine of a SessionInfo with `console`; empty: it is one like any
  /// other.
  std::string console_database;
  /// Where those log in: a login is the proof of who they are.
  std::string console_login_database;
};

class ForNewClientsSlot {
 public:
  explicit ForNewClientsSlot(ForNewClients first) : now_(std::make_shared<const ForNewClients>(std::move(first))) {}

  std::shared_ptr<const ForNewClients> get() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void put(ForNewClients next) {
    auto made = std::make_shared<const ForNewClients>(std::move(next));
    const std::lock_guard lock(mutex_);
    now_.swap(made);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const ForNewClients> now_;
};

}  // namespace weir::proxy
