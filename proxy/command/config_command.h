// `weir config`: the configuration that would count if Weir were started with the same arguments, environment and file.
//
// Prints nothing of a configuration that a start would refuse: it complains with the same words. Contract:
// subcommand.h.
#pragma once

#include <string>
#include <vector>

namespace weir::proxy {

int run_config(const std::vector<std::string>& arguments);

}  // namespace weir::proxy
