#include "capture/sql/statement.h"

#include <algorithm>

namespace weir::capture {

bool ParsedText::only_reads() const {
  return parsed && std::all_of(statements.begin(), statements.end(), [](const Statement& statement) {
           return statement.kind == StatementKind::read && !statement.shows_statements && !statement.shows_text;
         });
}

}  // namespace weir::capture
