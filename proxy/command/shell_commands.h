// `weir completion SHELL` and `weir man`. Contract: subcommand.h.
#pragma once

#include <string>
#include <vector>

namespace weir::proxy {

int run_completion(const std::vector<std::string>& arguments);
int run_man(const std::vector<std::string>& arguments);

}  // namespace weir::proxy
