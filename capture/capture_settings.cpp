#include "capture/capture_settings.h"

#include <utility>

namespace weir::capture {

void SettingsInForce::change(CaptureSettings next) {
  const std::lock_guard lock(mutex_);
  next.epoch = all_.size() + 1;
  all_.push_back(std::make_unique<const CaptureSettings>(std::move(next)));
  now_.store(all_.back().get(), std::memory_order_release);
}

}  // namespace weir::capture
