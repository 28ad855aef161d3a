// From the added columns of one DataRow to the change it tells of. Pure.
#pragma once

#include <string>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/plan.h"
#include "wire/message.h"

namespace weir::capture {

/// What one row said; `events` has two where the row moved to another partition, none where its table is not captured
/// (but all of a plan with a lock query: MovedRows decides).
struct ReadRow {
  bool valid = false;  ///< false: not of the form the plan asked for
  /// It is of a table that the facts do not know (see unnamed), or its columns are not what they say: the catalog has
  /// changed.
  bool stale = false;
  std::vector<event::ChangeEvent> events;
  event::Xid xid = 0;
  event::Lsn lsn = 0;
};

/// `row` is the whole DataRow, the client's own columns first.
ReadRow read_row(const wire::RowView& row, const Plan& plan, const Scope& scope);

/// A row the lock query returned: one that is about to be updated.
struct LockedRow {
  std::string image;
  RelationName table;
  event::Xid xid = 0;
  event::Lsn lsn = 0;  ///< not below that of the row's last version
  event::ShapePtr shape = nullptr;
};
std::optional<LockedRow> read_locked_row(const wire::RowView& row, const Plan& plan);

/// The relation's key in an image; nothing where it has none, or the image lacks a column of it.
std::optional<std::string> key_of(const RelationFacts& relation, const std::optional<std::string>& image);
/// Fills key and old_key from the images.
void set_keys(const RelationFacts& relation, event::ChangeEvent& change);

}  // namespace weir::capture
