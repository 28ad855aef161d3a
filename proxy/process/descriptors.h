// How many descriptors this process has open.
#pragma once

#include <cstdint>

namespace weir::proxy {

/// 0 where the system does not say.
std::uint64_t open_descriptors();

}  // namespace weir::proxy
