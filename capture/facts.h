// What the catalog says about a written table, as the client's own session sees it: search_path, role, temporary tables
// and uncommitted DDL included. The question is one prepared statement that is sent inside that session; this file
// has its text and reads its one row. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "capture/event/change_event.h"
#include "capture/event/table_shape.h"
#include "capture/sql/statement.h"
#include "capture/update_facts.h"
#include "wire/message.h"

namespace weir::capture {

struct Column {
  std::string name;
  char category = 'U';     ///< pg_type.typcategory: 'N' numeric, 'B' boolean, 'S' string, 'U' user-defined (json), …
  bool computed = false;   ///< a virtual generated column: stored nowhere, reading it evaluates its expression
  bool generated = false;  ///< a stored one: it changes with others
  /// How it stands in an image. `text`: row_to_json would call a cast to json that somebody has defined, for its type
  /// or for one inside of it. `numeric`: money, as a number and not by lc_monetary. `oid`: regclass and the like, as
  /// the number and not as the name that search_path makes of it.
  enum class Form : char { plain, text, numeric, oid } form = Form::plain;
  std::uint32_t type = 0;  ///< pg_type.oid; 0: not a base type of the server's own
  int modifier = -1;       ///< pg_attribute.atttypmod
};

struct RelationName {
  std::string schema;
  std::string table;
};
/// Stands for the name of a table of which only the oid is known so far. No table has it.
RelationName unnamed(std::uint32_t oid);
/// The oid that it stands for; 0 where it is a name.
std::uint32_t unnamed_oid(const RelationName& name);
std::uint32_t unnamed_oid(const event::ChangeEvent& change);

struct RelationFacts {
  std::uint32_t oid = 0;
  RelationName name;
  char kind = 0;         ///< pg_class.relkind
  char persistence = 0;  ///< pg_class.relpersistence: 't' temporary
  bool has_rules = false;
  bool row_security = false;  ///< active for this role
  bool selectable = false;    ///< this role may SELECT every column
  bool shows_text = false;    ///< a trigger or default reads the running statement's text (current_query and the like)
  std::vector<std::string> key;      ///< primary key columns, in the key's order
  std::vector<std::string> routing;  ///< columns that choose the partition; with the key: what makes an UPDATE a move
  bool routes_by_expression = false;
  bool has_update_triggers = false;  ///< BEFORE UPDATE, for each row, of it or a table below it; also disabled ones
  UpdateFacts updates;               ///< nothing is known where FactsText::plain was asked
  bool may_have_casts = false;       ///< what Column::Form::text needs is known to FactsText::whole alone
  bool has_foreign = false;          ///< it or a table below it is a foreign table
  bool is_first_in_path = false;     ///< nobody can make another table that its name without a schema would mean
  std::string digest;                ///< of the whole answer: facts_query's $2
  std::vector<Column> columns;
  std::vector<event::ShapeColumn> types;  ///< of each of these, for shape_of; empty where they were not said
  event::ShapePtr shape;                  ///< what shape_of made of it; null: not known
  bool logged = false;  ///< it and all its leaves are in the server's log; false: unlogged, or not known
  std::unordered_map<std::uint32_t, RelationName> leaves;  ///< tables whose rows a write of this one may touch, by oid
};

/// How much is asked. Each says all that those before it say; planning and running one costs a multiple of them.
enum class FactsText : char {
  plain,    ///< enough for what moves no row
  updates,  ///< with RelationFacts::updates
  whole     ///< and with casts to json that somebody has defined for types inside of a column's
};
constexpr std::size_t kFactsTexts = 3;

/// The statement, with two text parameters: the table's name as SQL would quote it, in the client's encoding; and the
/// digest of the answer known so far to the same text, or nothing. The statement fails (22012) where the answer has
/// another one. Every name in it is schema-qualified. What it answers is ASCII, whatever the client's encoding is.
std::string_view facts_query(FactsText text);
/// `"schema"."table"` or `"table"`, for the parameter, in the client's encoding.
std::string quoted_name(const TableName& table);
/// In ASCII alone: its names are UTF-8, and the client's encoding may be another.
std::string quoted_name(const RelationName& table);
/// `"name"`, quotes doubled, in the encoding it has.
std::string quoted(std::string_view name);

/// Reads the answer's DataRow; `encoding` is the database's. Nothing where there is no such table, or where any of it
/// cannot be read: then nothing at all is known.
std::optional<RelationFacts> read_facts(const wire::RowView& row, std::string_view encoding);
/// From the same row, with or without a table: the answer to server_run_expression(). Empty: none.
std::string read_run(const wire::RowView& row);
/// And the schema where one made without naming a schema would be. Empty: none.
std::string read_creation_schema(const wire::RowView& row, std::string_view encoding);

}  // namespace weir::capture
