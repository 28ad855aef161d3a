// The client's prepared statements and portals by name, and what is known of each. Plain data, used on the session's
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/plan.h"
#include "capture/session/moved_rows.h"
#include "capture/sql/statement.h"

namespace weir::capture {

/// A statement that Weir prepared in the session for itself. Names are never used twice in a session.
struct OwnStatement {
  std::string name = {};
  bool sent = false;  ///< Parse was sent and has not failed
};

/// A prepared statement of the client's that may matter to capture.
struct Prepared {
  std::shared_ptr<const ParsedText> text = {};
  const Statement* statement = nullptr;        ///< null: not one statement, or not parsed
  std::string parameter_types = {};            ///< as they came in Parse
  std::shared_ptr<const Plan> plan = {};       ///< of the text that was sent under this name; for the unnamed one only
  std::uint64_t segment = 0;                   ///< Syncs sent before its Parse
  std::shared_ptr<struct Portal> cursor = {};  ///< FETCH: the captured portal that its name meant at Parse
  OwnStatement spliced = {};                   ///< its capturing twin; for named ones only
  bool spliced_made = false;                   ///< its Parse was answered
  std::string spliced_suffix = {};             ///< the plan's suffix the twin was made with
};

/// A portal that may matter to capture.
struct Portal {
  std::shared_ptr<const Prepared> prepared = {};
  std::shared_ptr<const Plan> plan = {};
  std::string statement = {};              ///< the client's name of it
  std::vector<std::int16_t> formats = {};  ///< of the parameters
  std::vector<std::optional<std::string>> values = {};
  std::uint64_t segment = 0;    ///< Syncs sent before its Bind
  std::int64_t savepoint = -1;  ///< the transaction's last one when it was made; -1: not made yet
  bool ran = false;             ///< Execute was sent
  bool suspended = false;       ///< has rows that were written and not fetched
  std::uint32_t order = 0;      ///< its statement's number in the transaction; 0: it has none yet
  bool undone = false;          ///< its rows were rolled back to a savepoint
  std::shared_ptr<Moved> moved = {};
  std::shared_ptr<Portal> cursor = {};  ///< of a FETCH or MOVE: the captured portal that it reads
};

/// What a portal was before a message that runs it; so again where that is skipped.
struct PortalState {
  std::shared_ptr<Portal> portal = {};
  bool ran = false;
  bool suspended = false;
};
inline PortalState state_of(const std::shared_ptr<Portal>& portal) {
  return {portal, portal->ran, portal->suspended};
}

inline void restore(const PortalState& state) {
  state.portal->ran = state.ran;
  state.portal->suspended = state.suspended;
}

/// What the server makes of a name: of longer ones it compares as much (NAMEDATALEN - 1 bytes).
inline std::string_view known_name(std::string_view name) {
  return name.substr(0, 63);
}

/// The client's prepared statements and portals by name, as they will be once everything sent has succeeded; what did
/// not succeed is undone. A null pointer stands for one that cannot write.
class Names {
 public:
  using PreparedPtr = std::shared_ptr<Prepared>;
  using PortalPtr = std::shared_ptr<Portal>;

  Names();

  /// Each change returns a mark for Pending::mark.
  std::int64_t define(std::string_view statement, PreparedPtr prepared);
  std::int64_t define_portal(std::string_view portal, PortalPtr value);
  std::int64_t remove(std::string_view statement);
  std::int64_t remove_portal(std::string_view portal);
  std::int64_t remove_all();

  /// True where it was last changed by a message that is not answered yet, and that before the mark `end`.
  bool is_unconfirmed(bool portal, std::string_view name, std::int64_t end) const;
  /// One past the last mark given out.
  std::int64_t end_mark() const { return first_mark_ + std::ssize(changes_); }

  /// An unknown name gives unknown_statement() or unknown_portal(), never null.
  const PreparedPtr& find(std::string_view statement) const;
  const PortalPtr& find_portal(std::string_view portal) const;
  const PreparedPtr& unknown_statement() const { return unknown_statement_; }
  const PortalPtr& unknown_portal() const { return unknown_portal_; }

  void succeeded(std::int64_t mark);
  /// Undoes what has not succeeded, up to the mark before `end`: what was sent behind the next Sync stays.
  void failed(std::int64_t end);
  /// Undoes the changes first … last alone.
  void failed(std::int64_t first, std::int64_t last);
  /// The transaction has ended; portals of what is not answered yet belong to the next one.
  void drop_portals();
  /// It was rolled back to this savepoint: portals made since are gone.
  void drop_portals(std::uint32_t savepoint);
  /// SQL has closed it; without a name all of them.
  void close_portal(std::string_view name);
  /// Those that may matter to capture.
  std::vector<PortalPtr> portals() const;
  std::vector<std::pair<std::string, PortalPtr>> suspended_portals() const;
  bool has_suspended_portals() const;
  /// All twins are gone or must be made anew.
  std::vector<std::string> forget_twins();
  /// The statement's twin must be made anew.
  void forget_twin(std::string_view statement);

 private:
  using Statements = std::map<std::string, PreparedPtr, std::less<>>;
  using Portals = std::map<std::string, PortalPtr, std::less<>>;
  struct Change {
    bool portal;
    bool all;
    std::string name;
    bool existed;
    PreparedPtr statement;
    PortalPtr old_portal;
    Statements statements;
    bool undone = false;
  };
  std::int64_t note(Change change);
  void undo(std::size_t index);
  void restore(Change old, std::size_t later);

  Statements statements_;
  Portals portals_;
  PreparedPtr unnamed_;  // the hot ones, outside the maps
  PortalPtr unnamed_portal_;
  PreparedPtr unknown_statement_;
  PortalPtr unknown_portal_;
  std::deque<Change> changes_;
  std::int64_t first_mark_ = 0;
};

}  // namespace weir::capture
