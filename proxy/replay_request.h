// What POST /replay asks for, and what it says. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/delivery/replay.h"

namespace weir::proxy {

struct ReplayRequest {
  std::string destination;
  ReplayPoint from;
  std::optional<ReplayPoint> to;
  std::vector<std::string> tables;
  bool dry_run = false;
};

/// Of "destination=NAME&from=4711&to=…&table=…&dry_run=true".
Result<ReplayRequest> read_replay_request(const std::string& query);
/// {"destination":…,"from":…,"to":…,"transactions":…,"dry_run":…} and a newline.
std::string replay_answer(const std::string& destination, const Replay& replay, bool dry_run);

}  // namespace weir::proxy
