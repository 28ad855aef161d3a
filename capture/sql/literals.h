// The literals of a single INSERT, UPDATE or DELETE of one table, each with the place that gives it its meaning: what
// is needed to send them as parameters of a statement that was prepared without them (capture/session/shape.h). Only
// statements in which every string literal stands in such a place are read; what else stands in them, numbers included,
// means the same each time as long as the catalog and the session's settings stay what they are. Pure, any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/sql/statement.h"

namespace weir::capture {

struct Literal {
  /// What the server's lexer makes of it: a number's type goes by its size, a string has none yet.
  enum class Kind : char { int4, int8, numeric, text };
  enum class Place : char {
    assigned,  ///< SET column = …, VALUES (…)
    compared,  ///< column = …, column IN (…, …), column LIKE …
    appended,  ///< column || …
    operand    ///< a number beside something that reads a column
  };
  Kind kind = Kind::text;
  Place place = Place::operand;
  std::size_t begin = 0;  ///< in the text, with its sign and quotes
  std::size_t end = 0;    ///< a cast behind it stands beyond
  std::string value;      ///< as it would be bound in text format
  std::string column;  ///< beside which it stands, or to which it is assigned; empty: see `position`, or no plain one
  std::size_t position = 0;  ///< assigned by an INSERT without a column list: the column's place, from 0
  std::string cast;          ///< 'value'::cast; empty: none
};

struct Literals {
  std::vector<Literal> all;         ///< by begin
  std::vector<std::string> pinned;  ///< columns that the WHERE compares with one of them by `=`, whatever else it says
};

/// Of the text's only statement. Nothing where it is of another kind, or not to be taken apart.
std::optional<Literals> read_literals(std::string_view text, const Statement& statement, LexerSettings settings);

}  // namespace weir::capture
