#include "emitters/pacer.h"

#include <algorithm>

namespace weir::emitters {

Pacer::Clock::duration Pacer::rest(Clock::time_point now, std::size_t waiting) const {
  // `paid_until_` is compared before anything is subtracted from it: it begins at the least time there is.
  if (waiting >= full_ || paid_until_ <= now) return Clock::duration::zero();
  return std::max(paid_until_ - most_early * pace_ - now, Clock::duration::zero());
}

/// A batch that was sent early because it was full must not make those behind it wait ever longer.
void Pacer::sent(Clock::time_point now) {
  paid_until_ = std::min(std::max(paid_until_, now) + pace_, now + (most_early + 1) * pace_);
}

}  // namespace weir::emitters
