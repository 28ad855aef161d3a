// What sessions capture and how, as far as it may change while they run: the settings under `capture.`.
//
// A change is a new value (capture/capture_settings.h) and holds for the transactions that begin from then on. change()
// comes from one thread at a time, all else from any. Outlives the sessions: earlier values and checks stay for those
// that still use them.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/notice.h"
#include "capture/capture_settings.h"
#include "capture/session/session.h"
#include "proxy/check/pattern_check.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

class CaptureRules {
 public:
  explicit CaptureRules(Tell tell) : tell_(std::move(tell)) {}

  void change(const Settings& settings);
  const capture::Scope& scope() const { return in_force_.now().scope; }
  /// For a session that begins.
  void fill_in(capture::SessionOptions& options) const;
  /// The check of the patterns that hold now.
  PatternCheck& patterns() const;

 private:
  const Tell tell_;
  capture::SettingsInForce in_force_{capture::CaptureSettings()};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<PatternCheck>> patterns_;
};

}  // namespace weir::proxy
