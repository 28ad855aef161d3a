// Where notices arrive: each becomes a line of the log, and is counted. Any thread.
#pragma once

#include "base/notice.h"
#include "proxy/process/metrics.h"

namespace weir::proxy {

class Notices {
 public:
  /// The metrics outlive it.
  explicit Notices(Metrics& metrics) : metrics_(metrics) {}
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

  void tell(const Notice& notice);
  /// The same as a function, to be handed on; the Notices outlive it.
  Tell teller() {
    return [this](const Notice& notice) { tell(notice); };
  }
  Metrics& metrics() { return metrics_; }

 private:
  Metrics& metrics_;
};

}  // namespace weir::proxy
