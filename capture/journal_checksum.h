// A checksum for each event of the journal: SQLite's pages have none, and a row whose bytes changed on the disk reads
// as well as any other. Computed when it is stored, compared whenever it is read. Pure.
#pragma once

#include <cstdint>

#include "capture/event/change_event.h"

namespace weir::capture {

/// CRC-32C of all that is stored of it, with the lengths of its texts.
std::uint32_t checksum_of(std::int64_t transaction_id, const event::ChangeEvent& event);

}  // namespace weir::capture
