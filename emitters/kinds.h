// All formats and all destinations that this Weir has, in the order of --help. The lists are made from CMakeLists.txt.
#pragma once

#include <span>

#include "emitters/destination.h"
#include "emitters/format.h"

namespace weir::emitters {

std::span<const FormatKind* const> format_kinds();
std::span<const DestinationKind* const> destination_kinds();

}  // namespace weir::emitters
