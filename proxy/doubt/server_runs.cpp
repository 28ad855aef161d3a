#include "proxy/doubt/server_runs.h"

#include <algorithm>

namespace weir::proxy {

namespace {

bool is_same(const capture::ServerRun& one, const capture::ServerRun& other) {
  return one.system == other.system && one.timeline == other.timeline && one.started == other.started &&
         one.recovered == other.recovered && one.counts_since == other.counts_since;
}

}  // namespace

bool ServerRuns::add(std::string_view text) {
  return *add(text, nullptr);
}

Result<void> ServerRuns::see(std::string_view text) {
  const auto added = add(text, &keep_);
  return added ? Result<void>() : added.error();
}

Result<bool> ServerRuns::add(std::string_view text, const Keep* keep) {
  const std::lock_guard lock(mutex_);
  if (text == last_) return false;
  const auto run = capture::read_server_run(text);
  if (!run) return false;
  const bool known = std::any_of(runs_.begin(), runs_.end(), [&](const auto& seen) { return is_same(seen, *run); });
  if (!known && keep != nullptr) {
    if (const auto kept = (*keep)(text); !kept) return kept.error();
  }
  last_ = text;
  if (!known) runs_.push_back(*run);
  return !known;
}

std::vector<capture::ServerRun> ServerRuns::after(const capture::ServerRun& run) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const auto& seen) { return is_same(seen, run); });
  if (found == runs_.end()) return {};
  return {found + 1, runs_.end()};
}

}  // namespace weir::proxy
