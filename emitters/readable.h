// The "readable" format: one line per event for a person at a terminal. Not for programs: long values are cut.
//
// What a terminal would take for a command is never passed on, whatever is in a row or a name.
#pragma once

#include <string>
#include <string_view>

#include "capture/event/change_event.h"

namespace weir::emitters {

/// "UPDATE public.orders id=1 total: 12.5 → 13.75": what happened, without when and in which transaction.
std::string readable_event(const event::ChangeEvent& change, bool colour);

/// Control characters of ASCII and of Latin-1 become '?'.
std::string printable(std::string_view text);

}  // namespace weir::emitters
