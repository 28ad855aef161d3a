#include "tests/capture/catalog_table.h"

namespace weir::testing {
namespace {

std::string boolean(bool value) {
  return value ? "true" : "false";
}

}  // namespace

Values Table::facts() const {
  const auto or_null = [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); };
  return {oid,
          schema,
          table,
          kind,
          persistence,
          boolean(has_rules),
          boolean(row_security),
          boolean(selectable),
          boolean(shows_text),
          or_null(key),
          or_null(columns),
          or_null(leaves),
          or_null(routing),
          boolean(routes_by_expression)};
}

}  // namespace weir::testing
