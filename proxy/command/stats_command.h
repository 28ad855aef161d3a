// `weir stats`: a page of the running Weir's numbers, drawn anew at every interval, like top. Contract: subcommand.h.
//
// On a terminal it redraws in place until q or a signal, and goes on looking where Weir does not answer; elsewhere it
// prints page after page, and ends with 1 where Weir does not answer.
#pragma once

#include <string>
#include <vector>

namespace weir::proxy {

int run_stats(const std::vector<std::string>& arguments);

}  // namespace weir::proxy
