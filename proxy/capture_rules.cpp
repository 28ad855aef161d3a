#include "proxy/capture_rules.h"

#include "proxy/check/scope_of.h"

namespace weir::proxy {

void CaptureRules::change(const Settings& settings) {
  facts_max_age_ = settings.facts_max_age;
  prepare_by_shape_ = settings.prepare_by_shape;
  max_row_bytes_ = settings.max_row_bytes;
  auto scope = scope_of(settings);
  {
    const std::lock_guard lock(mutex_);
    patterns_.push_back(std::make_unique<PatternCheck>(scope, tell_));
  }
  scopes_.change(std::move(scope));
}

void CaptureRules::fill_in(capture::SessionOptions& options) const {
  options.scope = &scopes_.now();
  options.scopes = &scopes_;
  options.facts_max_age = facts_max_age_;
  options.prepare_by_shape = prepare_by_shape_;
  if (const auto most = max_row_bytes_.load(); most > 0) options.max_row_bytes = most;
}

PatternCheck& CaptureRules::patterns() const {
  const std::lock_guard lock(mutex_);
  return *patterns_.back();
}

}  // namespace weir::proxy
