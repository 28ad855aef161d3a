#include "tests/capture/catalog_table.h"

namespace weir::testing {
namespace {

std::string boolean(bool value) {
  return value ? "true" : "false";
}

}  // namespace

Values Table::no_facts(const std::string& creation_schema) {
  Values row = Table().facts();
  row.assign(row.size(), std::nullopt);
  for (const std::size_t column : {5u, 8u, 13u, 14u}) row[column] = boolean(false);
  row[16] = R"({"deferrable":false,"columns":null,"casts":false})";
  row.back() = creation_schema;
  return row;
}

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
          boolean(routes_by_expression),
          boolean(logged),
          server_run,
          updates,
          creation_schema};
}

}  // namespace weir::testing
