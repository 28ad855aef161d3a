// `weir explain 'SQL'`: what becomes of statements in the database at hand. Contract: subcommand.h.
#pragma once

#include <string>
#include <vector>

namespace weir::proxy {

int run_explain(const std::vector<std::string>& arguments);

}  // namespace weir::proxy
