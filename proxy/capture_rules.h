// What sessions capture and how, as far as it may change while they run: the settings under `capture.`.
//
// Patterns and columns hold for the transactions that begin from a change on, the rest for new sessions. change() comes
// from one thread at a time, all else from any. Outlives the sessions: earlier scopes and checks stay for those that
// still use them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/notice.h"
#include "capture/scope.h"
#include "capture/session/session.h"
#include "proxy/check/pattern_check.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

class CaptureRules {
 public:
  explicit CaptureRules(Tell tell) : tell_(std::move(tell)) {}

  void change(const Settings& settings);
  const capture::Scope& scope() const { return scopes_.now(); }
  /// For a session that begins.
  void fill_in(capture::SessionOptions& options) const;
  /// The check of the patterns that hold now.
  PatternCheck& patterns() const;

 private:
  const Tell tell_;
  capture::Scopes scopes_{capture::Scope()};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<PatternCheck>> patterns_;
  std::atomic<std::chrono::milliseconds> facts_max_age_{std::chrono::milliseconds(0)};
  std::atomic<bool> prepare_by_shape_ = false;
  std::atomic<std::uint64_t> max_row_bytes_ = 0;  // 0: no limit
};

}  // namespace weir::proxy
