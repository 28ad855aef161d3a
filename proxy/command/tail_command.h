// `weir tail`: what the running Weir captures, as it comes. Contract: subcommand.h.
//
// Ends with 0 where whoever asked ends it: with SIGINT, with --count, or by reading no more of a pipe. It ends with 1,
// and says why, where Weir ends or is lost. While stdout takes nothing nothing more is read from Weir.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/admin/query.h"

namespace weir::proxy {

int run_tail(const std::vector<std::string>& arguments);

/// The query that its flags mean; takes them out of `arguments`. Pure.
Result<Query> take_tail_query(std::vector<std::string>& arguments);

}  // namespace weir::proxy
