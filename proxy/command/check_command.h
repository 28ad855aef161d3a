// `weir check`: whether a Weir with this configuration would work, asked before it starts (or while one runs: nothing
// is changed, in the database, the journal or at a destination). `--ready`: whether the one that runs takes clients.
//
// Exit code 0 where nothing is wrong, 1 where something is, with --strict also where there is a warning. Contract:
// subcommand.h.
#pragma once

#include <string>
#include <vector>

namespace weir::proxy {

int run_check(const std::vector<std::string>& arguments);

}  // namespace weir::proxy
