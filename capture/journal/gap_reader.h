// A reader of the journal for whoever may come too late: what is erased is one transaction of one gap event, which says
// from where to where. Nobody is led to believe that nothing was there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "capture/journal/event_log.h"
#include "capture/journal/reader.h"

namespace weir::capture {

/// `erased` is asked at each reading; `now_us` is the time that the gap has.
std::unique_ptr<JournalReader> with_gap_for_erased(std::unique_ptr<JournalReader> journal,
                                                   std::function<Erased()> erased, std::int64_t now_us);

}  // namespace weir::capture
