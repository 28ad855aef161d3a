// Where notices arrive: each becomes a line of the log, and is counted. Any thread.
#pragma once

#include "base/notice.h"
#include "proxy/process/counters.h"

namespace weir::proxy {

class Notices {
 public:
  /// The counters outlive it.
  explicit Notices(Counters& counters) : counters_(counters) {}
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

  void tell(const Notice& notice);
  /// The same as a function, to be handed on; the Notices outlive it.
  Tell teller() {
    return [this](const Notice& notice) { tell(notice); };
  }
  Counters& counters() { return counters_; }

 private:
  Counters& counters_;
};

}  // namespace weir::proxy
