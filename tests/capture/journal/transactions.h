// Transactions and events as the tests of the journal need them: told apart by their ids alone.
#pragma once

#include <cstdint>

#include "capture/event/change_event.h"

namespace weir::capture {

inline event::ChangeEvent change(std::uint32_t ordinal = 1) {
  event::ChangeEvent event;
  event.table = "t";
  event.ordinal = ordinal;
  return event;
}

inline event::Transaction transaction(std::int64_t id, event::Lsn first, event::Lsn last) {
  event::Transaction result;
  result.id = id;
  result.xid = 700 + static_cast<event::Xid>(id);
  result.first_lsn = first;
  result.last_lsn = last;
  result.event_count = 1;
  return result;
}

}  // namespace weir::capture
