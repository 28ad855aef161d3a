#include <limits>

#include "emitters/destination.h"

namespace weir::emitters {

std::uint64_t bytes_of(const OwnValues& own, const std::string& key, std::uint64_t fallback) {
  const auto found = own.find(key);
  if (found != own.end()) (void)read_bytes(found->second, fallback);
  return fallback;
}

std::uint64_t number_of(const OwnValues& own, const std::string& key, std::uint64_t fallback) {
  const auto found = own.find(key);
  if (found != own.end()) (void)read_number(found->second, 0, std::numeric_limits<std::uint64_t>::max(), fallback);
  return fallback;
}

}  // namespace weir::emitters
