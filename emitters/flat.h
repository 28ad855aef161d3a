// The "flat" format: one object per row, nothing nested but the row itself. For warehouses and files.
#pragma once

#include <memory>

#include "emitters/format.h"

namespace weir::emitters {

std::unique_ptr<Format> make_flat(const FormatOptions& options);

}  // namespace weir::emitters
