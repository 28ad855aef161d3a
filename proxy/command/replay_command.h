// `weir replay`: sends a stretch of the stream to a destination again. Contract: subcommand.h.
//
// The Weir that runs does it, asked over its admin listener, between two transactions of what is new. Where none runs
// on the journal that is named, the command does it itself, with the claim of the journal's folder: no Weir begins
// meanwhile, so nothing new can come in between. Either way the destination's checkpoint stays where it is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/admin/query.h"
#include "proxy/delivery/replay.h"
#include "proxy/settings/sources.h"

namespace weir::proxy {

int run_replay(const std::vector<std::string>& arguments);

struct ReplayWish {
  std::string destination;
  std::string from;
  std::string to;  ///< empty: up to where the destination stands
  std::vector<std::string> tables;
  bool dry_run = false;

  Query query() const;
};
/// Takes its flags out of `arguments`. Pure; what stands for a place is not looked at.
Result<ReplayWish> take_replay_wish(std::vector<std::string>& arguments);

/// Without a Weir; `read` has the destination's settings, `path` is the journal's folder.
int replay_stopped(const ReadSources& read, const std::string& path, const ReplayWish& wish);

}  // namespace weir::proxy
