// Whether Weir is well, as /readyz says it: ready means that a client that comes now gets a session whose writes are
// captured. A destination that is down does not make it unready (its events wait in the journal), but it is named.
//
// Pure: judges a snapshot. ReadinessPace says when the database may be asked again, so that nobody's probing becomes a
// load: at most once a second, however many ask.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "proxy/admin/snapshot.h"

namespace weir::proxy {

struct Readiness {
  bool ready = false;
  std::string json;
};

Readiness judge(const Snapshot& snapshot);

class ReadinessPace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{1'000};

  /// True: ask now. An answer that never comes counts as asked.
  bool may_ask(Clock::time_point now);

 private:
  std::optional<Clock::time_point> asked_at_;
};

/// When a gap of this cause comes; empty for words of earlier versions.
std::string meaning_of(const std::string& cause);
/// What can be done about it.
std::string advice_for(const std::string& cause);

}  // namespace weir::proxy
