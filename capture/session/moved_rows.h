// The rows of one statement that may change keys or partitions, until it is known what became of which.
//
// Two rules. An old and a new row are one event only where it is proven that they are one row; else the old one is a
// delete and the new one a create, which claims no more than is known. And a statement's deletes come before its
// creates, so that whoever replays them by key ends with the right table.
//
// Old rows come from RETURNING (18), with the new ones, or from the lock query before them (15 to 17): then all rows
// that it locked have been updated if as many were written, since a locked row still fits the WHERE. Memory is bounded:
// beyond a limit old rows are given out as deletes as they come, and new ones as creates. Should the counts differ in
// the end, all that was given out must be taken back. Pure; one per execution, used on its session's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/plan.h"
#include "capture/session/row_reader.h"

namespace weir::capture {

class MovedRows {
 public:
  using Events = std::vector<event::ChangeEvent>;
  enum class Verdict {
    proven,
    nothing,  ///< no row was written; what was given out is to be taken back
    unknown   ///< rows were written, and which is not known; what was given out is to be taken back
  };

  /// `may_give_out`: events may be given out before the statement has ended; else they wait or are given up.
  MovedRows(std::shared_ptr<const Plan> plan, const Scope& scope, bool may_give_out);

  /// Events that can be told now are added to `out`.
  void locked(LockedRow row, Events& out);
  /// What read_row said of one row.
  void written(Events of_row, Events& out);
  /// All rows are in. Afterwards it is as new.
  Verdict finish(Events& out);

  std::int64_t written_count() const { return written_count_; }
  /// The highest version among the rows written so far.
  event::Lsn last_lsn() const { return last_lsn_; }

 private:
  enum class Mode { keeps, gives_out, gave_up };

  bool locks() const { return !plan_->lock_query.empty(); }
  void keep(std::size_t bytes, Events& out);
  void over_limit(Events& out);
  void written_with_old(Events of_row, Events& out);
  void hold(event::ChangeEvent change);
  void give_held(Events& out);
  bool match(Events& out);
  bool pair_by_steady_columns();
  void pair_by_keys();
  void pair(std::size_t locked, std::size_t written);
  void give_matched(Events& out);
  event::ChangeEvent removal(const LockedRow& row, const event::ChangeEvent& like) const;
  event::ChangeEvent creation(event::ChangeEvent change) const;
  void give(event::ChangeEvent change, Events& out) const;
  void reset();

  std::shared_ptr<const Plan> plan_;
  const Scope* scope_;
  bool may_give_out_;

  Mode mode_ = Mode::keeps;
  std::size_t bytes_ = 0;
  std::int64_t locked_count_ = 0;
  std::int64_t written_count_ = 0;
  std::vector<LockedRow> locked_;                    // not yet given out
  Events written_;                                   // the same; with old images: creates that wait for the last delete
  std::vector<std::optional<std::size_t>> partner_;  // of each written row: its locked one
  std::vector<bool> paired_;                         // locked rows that are a partner
  std::optional<event::ChangeEvent> first_moved_;    // with old images: whole, as long as it is the only one
  event::Lsn last_lsn_ = 0;
};

/// The rows of a statement that may move rows, and where the events that were given out of it begin (0: none were).
struct Moved {
  MovedRows rows;
  std::uint32_t first_ordinal = 0;
};

}  // namespace weir::capture
