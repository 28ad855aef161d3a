#include "proxy/process/descriptors.h"

#include <filesystem>
#include <system_error>

namespace weir::proxy {

std::uint64_t open_descriptors() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error))
    ++count;
  // The directory that is being read is one of them.
  return count > 0 ? count - 1 : 0;
}

}  // namespace weir::proxy
