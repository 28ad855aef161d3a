#include "proxy/admin/snapshot.h"

#include <algorithm>

namespace weir::proxy {

std::int64_t Snapshot::oldest_undelivered_us() const {
  std::int64_t oldest = 0;
  for (const auto& destination : destinations) {
    if (destination.oldest_us != 0 && (oldest == 0 || destination.oldest_us < oldest)) oldest = destination.oldest_us;
  }
  return oldest;
}

}  // namespace weir::proxy
