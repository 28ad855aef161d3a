// The "readable" format: one line per event for a person at a terminal. Not for programs: long values are cut.
//
// What a terminal would take for a command is never passed on, whatever is in a row or a name.
#pragma once

#include <string>
#include <string_view>

namespace weir::emitters {

/// Control characters of ASCII and of Latin-1 become '?'.
std::string printable(std::string_view text);

}  // namespace weir::emitters
