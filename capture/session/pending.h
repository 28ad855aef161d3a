// One message that was sent to the database and is not answered, or not to its end: which answers it can have, who
// wanted them, and what has to be undone where it fails. Plain data, used on the session's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capture/plan.h"
#include "capture/session/names.h"
#include "capture/sql/statement.h"

namespace weir::capture {

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
  question,  ///< CaptureEngine::ask, in an exchange of its own: its error is not shown either
  facts,     ///< what the catalog says of a table
  epilogue,  ///< one of CommitQuestions, before a commit
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

/// What an entry adds to that which later messages may have to wait for. Given when it is sent, and kept with it.
struct Weight {
  int captured = 0;         ///< captured statements
  int control = 0;          ///< statements that may begin or end a transaction
  int syncs = 0;            ///< what is answered by ReadyForQuery
  int catalog = 0;          ///< statements that may change what names and privileges mean
  int copies = 0;           ///< COPY FROM
  bool sets_lexer = false;  ///< no sum: what the client's encoding is comes only with the answer

  void operator+=(const Weight& other);
  void operator-=(const Weight& other);
  bool operator==(const Weight&) const = default;
};

struct Pending {
  Expect expect = Expect::sync;
  Purpose purpose = Purpose::client;
  bool scrubs = false;               ///< its rows may show texts that Weir spliced
  bool spliced = false;              ///< of a text with a splice: what the client sees is without the added columns
  bool checks = false;               ///< facts: fails where they have changed, and what was sent behind is sent anew
  bool tells_transaction = false;    ///< Query: a COPY, and behind it one of Weir's own that says its transaction
  bool no_data = false;              ///< Close in a Describe's place: CloseComplete is shown as its answer, NoData
  bool behind_copy_end = false;      ///< Sync: that of a COPY, which reads those before it without an answer
  bool describes_statement = false;  ///< and that Describe is of a statement, not of a portal
  bool answered = false;             ///< Query, function call: something of it has ended, or failed
  std::uint8_t commit_question = 0;  ///< epilogue: which one of the list
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
  Weight weight = {};
};

Weight weigh(const Pending& pending);

}  // namespace weir::capture
