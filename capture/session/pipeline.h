// What a session has sent to the database and not yet had answered, in order; and the statements and portals that those
// messages made. The server's answers are matched against this queue alone: text never decides what an answer means.
// Plain data, used on the session's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
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

/// The rows of a statement that may move rows, and where the events that were given out of it begin (0: none were).
struct Moved {
  MovedRows rows;
  std::uint32_t first_ordinal = 0;
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

/// One run of one statement, or of all statements of a Query.
struct Execution {
  std::shared_ptr<const ParsedText> text = {};
  const Statement* statement = nullptr;  ///< null: unknown, or several (Query)
  std::shared_ptr<const Plan> plan = {};
  std::vector<std::shared_ptr<const Plan>> plans = {};  ///< of a Query that is relayed as it is, by statement
  std::shared_ptr<Portal> portal = {};
  std::string portal_name = {};         ///< for an error that names it
  std::size_t next = 0;                 ///< Query: the statement whose CommandComplete comes next
  std::shared_ptr<Portal> reader = {};  ///< of the FETCH or MOVE whose rows are those of `portal`
  /// Query: by statement, the rows of the captured portal that a FETCH or MOVE in it reads; else null. Empty: none.
  std::vector<std::shared_ptr<Execution>> cursors = {};
  std::vector<PortalState> before = {};  ///< what the portals were that it reads, cursors' and readers'
  bool in_group = false;                 ///< a part of a Query, itself one: `statement` and `plan` are those of `next`
  bool captures = false;                 ///< of a group: it has rows to capture
  std::size_t first = 0, end = 0;        ///< of a group: its statements
  std::shared_ptr<Moved> moved = {};     ///< the portal's, where it has one
};

/// A text that could not be parsed, or a portal that is not known: it may do anything.
inline bool is_unread(const ParsedText* text, const Statement* statement) {
  return statement == nullptr && (text == nullptr || !text->parsed);
}
inline bool is_unread(const Execution& execution) {
  return is_unread(execution.text.get(), execution.statement);
}

/// CALL, DO, or what may be one: outside a block it may commit what came before it, whatever becomes of it then. In a
/// Query only where it stands alone.
inline bool may_commit_itself(const ParsedText* text, const Statement* statement) {
  if (statement == nullptr && text != nullptr) statement = text->single();
  return statement != nullptr ? statement->kind == StatementKind::opaque : is_unread(text, statement);
}

/// The kind of answer a message has.
enum class Expect : std::uint8_t {
  parse,
  bind,
  describe_statement,
  describe_portal,
  execute,
  close,
  sync,
  query,
  function_call
};

/// True where its answer ends with ReadyForQuery.
inline bool ends_segment(Expect expect) {
  return expect == Expect::sync || expect == Expect::query || expect == Expect::function_call;
}

/// Who wanted the answer. All but the first two are Weir's own (is_own): the client sees nothing of them, but for an
/// error that comes in the place of its own message.
enum class Purpose : std::uint8_t {
  client,    ///< it goes to the client
  run,       ///< part of a Query that was sent as Parse/Bind/Execute: shown as a Query's answer
  question,  ///< CaptureSession::ask, in an exchange of its own: its error is not shown either
  facts,     ///< what the catalog says of a table
  epilogue,  ///< the transaction's id and version, before a commit
  outcome,   ///< what became of the transaction in which something ran that can commit by itself
  splice,    ///< Parse of a named statement's capturing twin
  lock,      ///< the old images of rows that the next UPDATE moves
  drain,     ///< rows that a portal still holds, before it goes
  provoke,   ///< made to fail: the client sees the error with other fields
  skip,  ///< made to fail, unseen: the server ignores what follows up to Sync, as it does behind errors that are seen
  tidy,  ///< Close, ROLLBACK and the like of what Weir left behind
  open_block,   ///< BEGIN of the block that Weir makes of a Query's implicit one
  close_block,  ///< its COMMIT or ROLLBACK
};

inline bool is_own(Purpose purpose) {
  return purpose != Purpose::client && purpose != Purpose::run;
}

/// What the server remarks meanwhile is about what the client wrote.
inline bool speaks_for_client(Purpose purpose) {
  return purpose == Purpose::drain || purpose == Purpose::close_block;
}

struct Pending {
  Expect expect;
  Purpose purpose = Purpose::client;
  bool scrubs = false;               ///< its rows may show texts that Weir spliced
  bool spliced = false;              ///< of a text with a splice: what the client sees is without the added columns
  bool checks = false;               ///< facts: fails where they have changed, and what was sent behind is sent anew
  bool tells_transaction = false;    ///< Query: a COPY, and behind it one of Weir's own that says its transaction
  bool no_data = false;              ///< Close in a Describe's place: CloseComplete is shown as its answer, NoData
  bool behind_copy_end = false;      ///< Sync: that of a COPY, which reads those before it without an answer
  bool describes_statement = false;  ///< and that Describe is of a statement, not of a portal
  bool answered = false;             ///< Query, function call: something of it has ended, or failed
  char own_place = '\0';   ///< 'S', 'P': takes the unnamed statement's or portal's place from one of Weir's own
  std::int64_t mark = -1;  ///< the last change in Names it makes: undone where it fails
  std::int64_t unnamed_statement = -1;  ///< Query: the change that ends it, undone where the server cannot read it
  std::int64_t unnamed_portal = -1;     ///< the same of the portal, undone where the server refuses the Query
  /// Query with DEALLOCATE or DISCARD: the first change from each statement on, undone where that one is not reached.
  std::vector<std::int64_t> changes = {};
  std::shared_ptr<Execution> execution = {};
  std::shared_ptr<Portal> bound = {};   ///< Bind: the portal it makes
  std::shared_ptr<Prepared> twin = {};  ///< whose capturing twin a splice prepares
  std::string closes = {};              ///< Close of a statement that Weir prepared for itself
  std::string makes = {};               ///< Parse of a question to the catalog: the statement's name
  PortalState before = {};              ///< Execute and FETCH of a captured portal
  /// Of a write that is sent by its shape: whose statement is parsed, bound and executed.
  std::shared_ptr<struct ShapeStatement> shape = {};
};

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
