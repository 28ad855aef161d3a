// From the added columns of one DataRow to the change it tells of. Pure.
#pragma once

#include <string>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/plan.h"
#include "wire/message.h"

namespace weir::capture {

/// What one row said; `events` has two where the row moved to another partition, none where its table is not captured
/// (but all of a plan with a lock query: match_moved_rows decides).
struct ReadRow {
  bool valid = false;  ///< false: not of the form the plan asked for
  bool stale = false;  ///< it is of a table that the facts do not know: what the catalog says has changed
  std::vector<event::ChangeEvent> events;
  event::Xid xid = 0;
  event::Lsn lsn = 0;
};

/// `row` is the whole DataRow, the client's own columns first.
ReadRow read_row(const wire::RowView& row, const Plan& plan, const Scope& scope);

/// A row the lock query returned: the image of a row that is about to move, and its table.
struct LockedRow {
  std::string image;
  RelationName table;
};
std::optional<LockedRow> read_locked_row(const wire::RowView& row, const Plan& plan);

/// Gives the events of one UPDATE their old images and old keys, and makes a delete and a create of those whose
/// partition changed. False where the locked rows and the written ones do not belong together one to one.
bool match_moved_rows(const std::vector<LockedRow>& locked, const Plan& plan, const Scope& scope,
                      const std::vector<std::string>& assigned, std::vector<event::ChangeEvent>& events);

}  // namespace weir::capture
