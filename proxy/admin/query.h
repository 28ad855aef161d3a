// The query of a request's target: "table=public.%2A&from=17". Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::proxy {

using Query = std::vector<std::pair<std::string, std::string>>;

/// Names and values, decoded, in their order. Fails on an escape that is none.
Result<Query> read_query(std::string_view text);
/// The other way.
std::string query_text(const Query& query);

}  // namespace weir::proxy
