// The "debezium" format: what Debezium's PostgreSQL connector sends without schemas, with the server's own JSON for
// values and a `weir` object beside them. The exact shape: EVENTS in emitters/README.md, and the golden files.
#pragma once

#include <memory>

#include "emitters/format.h"

namespace weir::emitters {

std::unique_ptr<Format> make_debezium(const FormatOptions& options);

}  // namespace weir::emitters
