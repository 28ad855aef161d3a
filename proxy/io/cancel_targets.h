// Where a cancel request must go: with several hosts, or addresses of one, only the session's own knows its key.
// Sessions enter theirs when they have it and leave with it. Any thread.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace weir::proxy {

struct UpstreamTarget {
  std::size_t host = 0;  ///< its place in `upstream`
  boost::asio::generic::stream_protocol::endpoint address;
};

class CancelTargets {
 public:
  /// `request`: the whole CancelRequest.
  void enter(const std::string& request, const UpstreamTarget& target) {
    const std::lock_guard lock(mutex_);
    targets_.insert_or_assign(request, target);
  }
  void leave(const std::string& request) {
    const std::lock_guard lock(mutex_);
    targets_.erase(request);
  }
  std::optional<UpstreamTarget> find(const std::string& request) const {
    const std::lock_guard lock(mutex_);
    const auto found = targets_.find(request);
    return found == targets_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, UpstreamTarget> targets_;
};

}  // namespace weir::proxy
