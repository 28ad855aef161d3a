// What Weir knows of a SQL text from its grammar alone: which statements stand in it, where, and what each may write.
// Says nothing about the database: which table a name means is a question for facts.h. Plain values, immutable once
// made, shared by all sessions of a worker through StatementCache. All positions are byte offsets into the client's
// text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::capture {

enum class StatementKind : std::uint8_t {
  read,  ///< SELECT, VALUES, TABLE, EXPLAIN without ANALYZE, SHOW, …: nothing Weir could capture
  insert,
  update,
  remove,  ///< DELETE
  merge,
  truncate,
  copy_from,
  write_query,  ///< writes inside something else: WITH x AS (DELETE …) SELECT, SELECT INTO, CREATE TABLE AS, EXPLAIN
                ///< ANALYZE
  begin,
  commit,    ///< COMMIT, END
  rollback,  ///< ROLLBACK, ABORT
  savepoint,
  release,
  rollback_to,
  prepare_transaction,
  finish_prepared,  ///< COMMIT PREPARED, ROLLBACK PREPARED
  execute,          ///< EXECUTE of a statement prepared in SQL or by Parse
  opaque,           ///< CALL, DO: may write and may commit
  session,          ///< SET, RESET, DISCARD, DEALLOCATE: changes what names and privileges mean
  ddl,              ///< CREATE, ALTER, DROP, GRANT, …
  utility,          ///< LISTEN, VACUUM, PREPARE, DECLARE, FETCH, …
};

/// A table as the statement names it.
struct TableName {
  std::string schema;  ///< empty: by search_path
  std::string name;
  std::string alias;       ///< how the statement refers to it; the name where it has no alias
  bool temporary = false;  ///< CREATE TEMPORARY TABLE … AS, SELECT … INTO TEMPORARY
  bool only = false;       ///< UPDATE ONLY, DELETE FROM ONLY
  bool cascades = false;   ///< TRUNCATE … CASCADE
  StatementKind kind =
      StatementKind::read;  ///< what is done to it: insert, update, remove, truncate; merge: several of them
};

/// True where it begins or ends a transaction or a part of one.
bool controls_transaction(StatementKind kind);

/// True where it may change what names and privileges mean.
bool changes_catalog(StatementKind kind);

/// One value of INSERT … VALUES. `unknown` is anything the server has to evaluate.
struct InputValue {
  enum class Kind { null, number, text, boolean, parameter, unknown };
  Kind kind = Kind::unknown;
  std::string text;   ///< number, text, boolean: as written
  int parameter = 0;  ///< $n
};

/// How much the equality of two values says about a column of a type: whether equal means the same.
enum class Sameness {
  unknown,        ///< nothing: 1.0 and 1.00 are equal, and so may be any values of a user's type
  of_own_type,    ///< two values of its own type are the same
  of_constants,   ///< and so is what a client writes out or binds, once it is stored
  of_any_columns  ///< and so is a column of another table
};

/// An assigned column that has its value already, provided that its type has the sameness needed.
struct KeptColumn {
  std::string column;
  Sameness needs = Sameness::unknown;
  bool compared = false;  ///< by the operator `=`, which must be the server's own
};

/// What the evaluation of a WHERE depends on.
struct WhereTerms {
  std::vector<std::string> operators = {};  ///< by name; the server's own unless somebody defined others
  std::vector<std::string> columns = {};
  bool foreign = false;  ///< it may run what a user defined, whatever the catalog says
};

/// What INSERT, UPDATE, DELETE and MERGE say about themselves.
struct WriteClauses {
  TableName target;
  bool has_returning = false;
  bool returning_options = false;    ///< RETURNING WITH (…)
  std::string old_alias, new_alias;  ///< from RETURNING WITH (OLD AS …, NEW AS …); empty: not renamed
  bool hides_old_new = false;        ///< a table of the statement is called old or new
  bool repeats_target = false;  ///< another table of its name is in the statement: only the schema tells them apart
  bool on_conflict_update = false;
  bool on_conflict = false;
  std::vector<std::string> assigned;  ///< UPDATE … SET columns, also those of ON CONFLICT DO UPDATE
  std::vector<std::string> columns;   ///< INSERT's column list; empty: in the table's order
  bool has_values = false;            ///< INSERT … VALUES; insert_values reads them
  /// UPDATE without FROM, whose WHERE calls no function and has no subquery: the text after WHERE.
  std::optional<std::pair<std::size_t, std::size_t>> plain_where;
  bool where_absent = false;
  std::vector<int> where_parameters;  ///< $n used in plain_where
  WhereTerms where_terms;             ///< of plain_where
  std::vector<KeptColumn> kept;       ///< of the assigned columns
};

struct Statement {
  StatementKind kind = StatementKind::read;
  std::size_t begin = 0;  ///< of the statement's first word
  std::size_t end = 0;    ///< behind its last byte, before the semicolon
  /// SAVEPOINT's, EXECUTE's, DEALLOCATE's, FETCH's name.
  std::string name;
  bool chain = false;            ///< COMMIT AND CHAIN, ROLLBACK AND CHAIN
  bool fetch = false;            ///< FETCH from the portal `name`
  bool move = false;             ///< MOVE in the portal `name`
  bool closes_portal = false;    ///< CLOSE of the portal `name`; of all where it is empty
  bool creates_table = false;    ///< CREATE TABLE AS, SELECT INTO: tables[0] is new
  bool select = false;           ///< a plain SELECT: its rows are sent while it runs, not collected first
  bool copy = false;             ///< any COPY: it changes the protocol's mode
  bool needs_own_query = false;  ///< behaves differently in the extended protocol, or may not run in a block
  bool needs_block = false;      ///< behaves as in a block within a simple Query, but not so in a pipeline
  bool has_parameters = false;   ///< uses $n
  bool modifying_with = false;   ///< has WITH … AS (INSERT|UPDATE|DELETE|MERGE …)
  bool shows_text = false;       ///< mentions current_query(), pg_stat_activity, pg_cursors: would show a changed text
  bool drops_all_statements = false;    ///< DEALLOCATE ALL, DISCARD ALL
  bool keeps_text = false;              ///< PREPARE, DECLARE: views show the text it stood in
  bool copy_in = false;                 ///< COPY FROM STDIN
  bool sets_lexer = false;              ///< SET or set_config of client_encoding, or of how literals are read
  bool shows_statements = false;        ///< mentions pg_prepared_statements
  std::vector<TableName> tables;        ///< written tables of truncate, copy_from, merge, write_query
  std::unique_ptr<WriteClauses> write;  ///< insert, update, remove, merge

  bool is_row_write() const {
    return kind == StatementKind::insert || kind == StatementKind::update || kind == StatementKind::remove;
  }
};

/// How the server's lexer is set in this session.
struct LexerSettings {
  bool standard_conforming_strings = true;
  /// The client's encoding has characters whose second byte is a backslash's (SJIS, BIG5, GBK, …): the server reads the
  /// text converted, the parser as it came.
  bool hides_backslashes = false;

  bool operator==(const LexerSettings&) const = default;
};

/// A whole text as it stood in Query or Parse.
struct ParsedText {
  bool parsed = false;  ///< false: the grammar did not take it, or was not asked; it must go through untouched
  std::vector<Statement> statements;
  std::string text;  ///< the client's; empty where it was too long to be kept
  LexerSettings lexer;
  std::string tags;        ///< of the comment it ends with (comment_tags.h), as JSON; empty: none
  std::size_t memory = 0;  ///< bytes it takes, for the cache's bound
  bool kept = false;  ///< in the cache: the same text is expected again, so what is derived from it may be kept too

  /// True where nothing in it writes, changes the session, or shows what Weir has in it.
  bool only_reads() const;
  /// A COMMIT behind a ROLLBACK TO: what is to be committed is known only between the two.
  bool commits_behind_rollback_to() const;
  const Statement* single() const { return statements.size() == 1 ? &statements.front() : nullptr; }
};

/// Parses with PostgreSQL's own grammar. Never fails: what it cannot take comes back with parsed == false.
/// Any thread; takes microseconds for ordinary statements (bench/README.md).
ParsedText parse(std::string_view text, LexerSettings settings);

/// The rows of INSERT … VALUES at `index` of the text's statements. Parses anew: only plans that need them pay for
/// them.
std::vector<std::vector<InputValue>> insert_values(std::string_view text, std::size_t index, LexerSettings settings);

}  // namespace weir::capture
