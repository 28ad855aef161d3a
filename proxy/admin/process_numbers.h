// What the system says of this process, from /proc/self: what prometheus' client libraries tell of every program.
#pragma once

#include "proxy/admin/snapshot.h"

namespace weir::proxy {

/// Any thread. What cannot be read is 0.
ProcessNumbers process_numbers();

}  // namespace weir::proxy
