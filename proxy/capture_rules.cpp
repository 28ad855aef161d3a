#include "proxy/capture_rules.h"

#include "proxy/check/scope_of.h"

namespace weir::proxy {

void CaptureRules::change(const Settings& settings) {
  capture::CaptureSettings next;
  next.scope = scope_of(settings);
  next.facts_max_age = settings.facts_max_age;
  next.prepare_by_shape = settings.prepare_by_shape;
  if (settings.max_row_bytes > 0) next.max_row_bytes = settings.max_row_bytes;
  {
    const std::lock_guard lock(mutex_);
    patterns_.push_back(std::make_unique<PatternCheck>(next.scope, tell_));
  }
  in_force_.change(std::move(next));
}

void CaptureRules::fill_in(capture::SessionOptions& options) const {
  options.settings = &in_force_.now();
  options.in_force = &in_force_;
}

PatternCheck& CaptureRules::patterns() const {
  const std::lock_guard lock(mutex_);
  return *patterns_.back();
}

}  // namespace weir::proxy
