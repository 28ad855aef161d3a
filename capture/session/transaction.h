// What the transaction that a session has open wrote so far: events in statement order, and the savepoints that may
// take some of them back. Knows nothing of messages. Pure; used on its session's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/facts.h"

namespace weir::capture {

class OpenTransaction {
 public:
  /// Gives the event its ordinal and the number of its statement, and keeps it. It belongs to the last statement, or
  /// to an earlier one whose rows were not all read; then it comes before what was written since.
  void add(event::ChangeEvent change, std::uint32_t statement = 0);
  /// The number of a statement whose events come later, and maybe after those of others.
  std::uint32_t begin_statement();
  /// The number of the last statement that wrote.
  std::uint32_t statement() const { return statement_; }
  /// The next event belongs to another statement.
  void next_statement() { statement_ended_ = true; }

  void savepoint(std::string_view name);
  void release(std::string_view name);
  bool has_savepoints() const { return !savepoints_.empty(); }
  /// How many savepoints there were so far, also those that are gone.
  std::uint32_t savepoint_count() const { return savepoint_count_; }
  struct RolledBack {
    std::uint32_t first_ordinal;  ///< the first that is gone, or one past the last
    std::uint32_t savepoint;      ///< the savepoint's place among savepoint_count(), from 1
    bool known = true;            ///< false: there is none of that name, and nothing was forgotten
  };
  /// Of the events kept so far only this is sure: that so many rows were written, and then `cause`.
  void make_gaps(std::string_view cause);
  /// The last statement's events from this ordinal on are not so. It is the last thing that was added.
  void take_back(std::uint32_t first_ordinal);
  /// Forgets what came after the savepoint.
  RolledBack rollback_to(std::string_view name);

  /// The row's transaction id and version, as the server said them.
  void saw(event::Xid xid, event::Lsn lsn);
  /// It wrote a table whose rows are in the server's log.
  void saw_logged() { logged_ = true; }
  bool logged() const { return logged_; }
  /// Gives an lsn to the events that have none because their rows were not seen. A row that is added behind them does,
  /// too.
  void complete(event::Xid xid, event::Lsn lsn);

  bool empty() const { return last_ordinal_ == 0; }
  event::Xid xid() const { return xid_; }
  event::Lsn first_lsn() const { return first_lsn_; }
  event::Lsn last_lsn() const { return last_lsn_; }
  std::uint32_t event_count() const { return last_ordinal_; }
  /// Memory the kept events take.
  std::size_t bytes() const { return bytes_; }
  /// Rows were written where this transaction may have no id of its own: it must be given one.
  void needs_xid() { needs_xid_ = true; }
  bool lacks_needed_xid() const { return needs_xid_ && xid_ == 0; }
  /// True where the server must be asked: some event has no lsn, the transaction no id, or a table no name.
  bool incomplete() const { return !empty() && (unversioned_ > 0 || xid_ == 0 || !unnamed_.empty()); }
  bool lacks_versions() const { return !empty() && (unversioned_ > 0 || xid_ == 0); }

  /// Events are of a table whose name is not known (see `unnamed`): by its oid the table that the statement named.
  using Unnamed = std::map<std::uint32_t, std::shared_ptr<const RelationFacts>>;
  void saw_unnamed(std::uint32_t oid, std::shared_ptr<const RelationFacts> written) {
    unnamed_[oid] = std::move(written);
  }
  const Unnamed& unnamed() const { return unnamed_; }
  /// Its events are what `tell` makes of them, or none.
  void name(std::uint32_t oid, const std::function<std::optional<event::ChangeEvent>(event::ChangeEvent)>& tell);
  /// The names will not be known: of what was written there only the rows are counted.
  void give_up_names();

  const std::vector<event::ChangeEvent>& events() const { return events_; }
  /// They did not happen; savepoints stay.
  void forget_events();
  /// Hands out the events kept so far, to be streamed to the journal; ordinals go on.
  std::vector<event::ChangeEvent> take_events();

 private:
  void drop_from(std::uint32_t first_ordinal);
  struct Savepoint {
    std::string name;
    std::uint32_t last_ordinal;
    std::uint32_t statement;
    std::uint32_t number;
  };
  std::vector<Savepoint>::iterator find(std::string_view name);

  std::vector<event::ChangeEvent> events_;
  std::vector<Savepoint> savepoints_;
  std::uint32_t last_ordinal_ = 0;
  std::uint32_t statement_ = 0;
  std::uint32_t savepoint_count_ = 0;
  Unnamed unnamed_;
  std::size_t unversioned_ = 0;
  std::size_t bytes_ = 0;
  event::Xid xid_ = 0;
  event::Lsn first_lsn_ = 0;
  event::Lsn last_lsn_ = 0;
  bool statement_ended_ = true;
  bool logged_ = false;
  bool needs_xid_ = false;
};

}  // namespace weir::capture
