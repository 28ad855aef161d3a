#include "proxy/process/log_limit.h"

#include <utility>

namespace weir::proxy {

LogLimit::Verdict LogLimit::note(std::string_view name, Clock::time_point now) {
  auto found = kinds_.find(name);
  if (found == kinds_.end()) found = kinds_.emplace(std::string(name), Kind{now, 0, 0}).first;
  Kind& kind = found->second;
  if (now - kind.since >= kInterval) {
    kind.since = now;
    kind.written = 0;
  }
  if (kind.written == kBurst) {
    ++kind.left_out;
    return {};
  }
  ++kind.written;
  return {true, std::exchange(kind.left_out, 0)};
}

std::vector<std::pair<std::string, std::uint64_t>> LogLimit::take_untold() {
  std::vector<std::pair<std::string, std::uint64_t>> untold;
  for (auto& [name, kind] : kinds_) {
    if (kind.left_out > 0) untold.emplace_back(name, std::exchange(kind.left_out, 0));
  }
  return untold;
}

}  // namespace weir::proxy
