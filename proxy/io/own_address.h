// Whether an address of the database is one that Weir itself listens on: then every session would be Weir's own next
// client, until nothing is left.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/io/endpoint.h"

namespace weir::proxy {

/// The first of `upstream` that resolves to one of `listening` (ports as they are bound), or is the same Unix socket
/// by any path; a name that does not resolve is none. Resolves names, which may take a moment.
std::optional<HostPort> find_own_address(const std::vector<HostPort>& upstream, const std::vector<HostPort>& listening);

}  // namespace weir::proxy
