// The capture plan: how the rows of one statement will be seen, decided from its grammar and the catalog's facts, and
// the text that makes it so. Text is spliced, never deparsed: all added text stands behind the client's own, so
// positions in errors stay right. Pure; a Plan is immutable and may outlive the session's facts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/facts.h"
#include "capture/scope.h"
#include "capture/sql/statement.h"

namespace weir::capture {

/// Begins everything that Weir splices behind a client's text. The line break ends a comment the text may end with.
constexpr std::string_view kSpliceMark = "\n/*weir*/";

/// What the plan depends on besides tables: ParameterStatus says it, but for the last, which comes with the facts.
struct ServerSettings {
  int version = 0;                       ///< major: 15, 18; 0 until the server said it
  std::string server_encoding = "UTF8";  ///< the database's
  std::string client_encoding = "UTF8";  ///< empty: it may have changed, and what it is now comes with ReadyForQuery
  std::string creation_schema = {};      ///< of a table that is made without naming one; empty: not known, or none

  /// What the client's texts are in. The server converts nothing where one of the two is SQL_ASCII.
  const std::string& text_encoding() const {
    return client_encoding == "SQL_ASCII" || server_encoding == "SQL_ASCII" ? server_encoding : client_encoding;
  }
};

/// Which added column is which, counted from the first added one; -1: not asked for.
struct AddedColumns {
  int count = 0;
  int before = -1;
  int after = -1;
  int tableoid = -1;
  int old_tableoid = -1;
  int inserted = -1;  ///< "true" where ON CONFLICT inserted
  int xid = -1;
  int lsn = -1;
  /// Not empty: images come as the hex of their bytes in this encoding, since the client's may lack a character of
  /// theirs.
  std::string hex = {};
};

/// What is known of an UPDATE that may change a row's key, or the table that the row lies in.
struct Moves {
  bool possible = false;            ///< else a row keeps both
  bool may_skip = false;            ///< a trigger may leave a row as it was, so counts prove nothing
  bool key_is_unique = false;       ///< at every instant of the statement, among the rows of one table
  std::vector<std::string> steady;  ///< columns that surely keep their values, as far as the image has them
};

struct Plan {
  enum class How {
    none,       ///< nothing to capture: excluded, temporary, unknown to the catalog
    returning,  ///< spliced; fidelity row
    input,      ///< untouched; values are in the statement or its parameters
    statement,  ///< untouched; one event says that it ran and how many rows it wrote
    gap,        ///< untouched, and not even its transaction can be held: reported after the fact
  };
  How how = How::none;
  event::Op op = event::Op::create;
  std::shared_ptr<const RelationFacts> relation;  ///< the target; null only for How::none and unknown targets
  std::string suffix;                             ///< How::returning: what is appended to the statement's own text
  AddedColumns added;
  Moves moves;
  /// Reads and locks the rows an UPDATE is about to move, where the server cannot give old images: a SELECT of before,
  /// tableoid, transaction id and lsn. Empty: not needed.
  std::string lock_query;
  /// The same without reading anything, for the time until other transactions let go of the rows.
  std::string wait_query;
  std::vector<int> lock_parameters;  ///< $n that both use
  /// Tables written inside WITH: each gives a statement event of its own.
  struct Inner {
    RelationName name;
    event::Op op;
  };
  std::vector<Inner> inner;
  /// How::statement: the target as the statement names it, of which the catalog knew nothing. A write that succeeds all
  /// the same is a gap.
  std::optional<RelationName> unknown;
  bool may_lack_xid = false;  ///< what it writes may be in another database, where this transaction has no id
  bool text_is_read = false;  ///< somebody looks at the running text: it must be the client's, to the last byte
  std::string cause;          ///< why it is not How::returning, for gaps and the log
};

/// Everything a plan depends on.
struct PlanInput {
  std::string_view text;  ///< the client's whole text; the statement's positions count in it
  const Statement& statement;
  /// In the order of Statement::tables; null where the catalog has no such table.
  const std::vector<std::shared_ptr<const RelationFacts>>& relations;
  const ServerSettings& server;
  const Scope& scope;
  /// For tables that a TRUNCATE cascades from, in the same order: cascade_query's answers. Else shorter, or null.
  std::vector<std::shared_ptr<const RelationFacts>> emptied = {};
};

Plan make_plan(const PlanInput& input);

/// True where rows of `leaf`, the relation or a table below it, are captured in a write of the relation; also while its
/// name is not known.
bool captures(const Scope& scope, const RelationFacts& relation, const RelationName& leaf);

/// A name of the client's text in UTF-8; empty where that is not certain.
RelationName utf8_name(const TableName& table, const ServerSettings& server);
/// The same of columns.
std::vector<std::string> utf8_names(const std::vector<std::string>& names, const ServerSettings& server);

/// True where the column is excluded of the table or of any that it is a partition root or parent of.
bool excludes_column(const Scope& scope, const RelationFacts& relation, std::string_view column);

/// True where it may write something that capture has to know of: make_plan (and facts) are needed.
bool needs_plan(const Statement& statement);
/// How much make_plan has to know of the target, by what is known of it so far: FactsText::plain says where that is
/// enough. The other tables need no more than that.
FactsText needed_facts(const PlanInput& input);

}  // namespace weir::capture
