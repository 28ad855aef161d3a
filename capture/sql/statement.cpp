#include "capture/sql/statement.h"

#include <algorithm>

namespace weir::capture {

bool ParsedText::only_reads() const {
  return parsed && std::all_of(statements.begin(), statements.end(), [](const Statement& statement) {
           return statement.kind == StatementKind::read && !statement.shows_statements && !statement.shows_text;
         });
}

bool ParsedText::commits_behind_rollback_to() const {
  const auto takes_back = [](const Statement& statement) { return statement.kind == StatementKind::rollback_to; };
  const auto ends = [](const Statement& statement) {
    return statement.kind == StatementKind::commit || statement.kind == StatementKind::prepare_transaction;
  };
  const auto end = statements.end();
  return std::any_of(std::find_if(statements.begin(), end, takes_back), end, ends);
}

bool controls_transaction(StatementKind kind) {
  switch (kind) {
    case StatementKind::begin:
    case StatementKind::commit:
    case StatementKind::rollback:
    case StatementKind::savepoint:
    case StatementKind::release:
    case StatementKind::rollback_to:
    case StatementKind::prepare_transaction:
      return true;
    default:
      return false;
  }
}

bool changes_catalog(StatementKind kind) {
  switch (kind) {
    case StatementKind::session:
    case StatementKind::ddl:
    case StatementKind::opaque:
    case StatementKind::execute:
    case StatementKind::rollback:
    case StatementKind::rollback_to:
    case StatementKind::write_query:
      return true;
    default:
      return false;
  }
}

}  // namespace weir::capture
