// The shape of a write: its text with the literals taken out. A Query whose shape comes again is sent as an execution
// of a statement that was prepared once, with the literals as parameters: most of what the server does for a small
// write is parsing and planning it.
//
// A literal is taken out only where the parameter means what the literal meant, for every value and in every plan:
// - a number has the type that the server's lexer gives it; a string has none, like the literal, and takes it from its
//   place by the same rules;
// - what is assigned fits its column as it is. Otherwise the literal fails while the statement is planned, and the
//   parameter of a generic plan only where a row is hit, and after the defaults were evaluated;
// - no string stays in the text, since it would keep the meaning of the moment ('today') in which it was prepared.
// UPDATE and DELETE are only prepared where all of the primary key is compared with literals, so that no value makes
// another plan the better one. Pure.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/facts.h"
#include "capture/session/names.h"
#include "capture/sql/literals.h"

namespace weir::capture {

struct Shape {
  std::string text;        ///< of the statement, with $1, $2, …
  std::string types;       ///< of the parameters, as Parse has them
  std::string parameters;  ///< as Bind has them: formats and values
};

/// Nothing where it cannot be prepared without its literals. `text` and the facts' names are UTF-8.
std::optional<Shape> make_shape(std::string_view text, const Statement& statement, LexerSettings settings,
                                const RelationFacts& relation);

/// A shape's statement in the session.
struct ShapeStatement {
  /// One whose values were refused so often is left alone.
  static constexpr int kMostRefusals = 3;

  OwnStatement own = {};
  std::chrono::milliseconds prepared{0};
  int refusals = 0;  ///< executions that failed before they began
};

/// The shapes of one session, the least recently used goes first. One is kept when it is seen a second time.
class Shapes {
 public:
  using StatementPtr = std::shared_ptr<ShapeStatement>;
  /// A prepared statement takes 10 to 40 kB of the server's memory.
  static constexpr std::size_t kMost = 64;

  /// Null where it comes for the first time. `text` is that of the Parse. What had to make room is in take_dropped().
  StatementPtr find(std::string_view text, std::string_view types);
  void drop_all();
  /// Names of statements to close.
  std::vector<std::string> take_dropped() { return std::exchange(dropped_, {}); }

 private:
  struct Entry {
    std::size_t hash;
    std::string text;
    std::string types;
    StatementPtr statement;
  };
  void drop(const ShapeStatement& statement);

  // Hashes of shapes that are not kept, each at the place it falls to. Empty in sessions that have none.
  std::vector<std::uint32_t> seen_;
  std::list<Entry> entries_;  // most recently used first
  std::vector<std::string> dropped_;
};

}  // namespace weir::capture
