// A snapshot as JSON: what the page is drawn from, once a second, and what GET /stats answers. Its members are for
// Weir's own page and may change; metrics.h is what others should build on. Pure.
#pragma once

#include <string>

#include "proxy/admin/snapshot.h"

namespace weir::proxy {

std::string snapshot_json(const Snapshot& snapshot);

}  // namespace weir::proxy
