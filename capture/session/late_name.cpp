#include "capture/session/late_name.h"

#include <charconv>
#include <string>
#include <vector>

#include "capture/encoding.h"
#include "capture/event/gap_cause.h"
#include "capture/event/json_members.h"
#include "capture/plan.h"
#include "capture/session/row_reader.h"

namespace weir::capture {
namespace {

constexpr std::size_t kColumns = 5;

/// Without the columns that are not to be told of this table. True where there was one.
bool cut_columns(std::optional<std::string>& image, const RelationName& table, const Scope& scope) {
  if (!image || scope.exclude_columns.empty()) return false;
  auto kept = event::without_members(
      *image, [&](const std::string& column) { return scope.excludes_column(table.schema, table.table, column); });
  const bool cut = kept != image;
  image = std::move(kept);
  return cut;
}

bool excludes_key(const RelationName& table, const RelationFacts& written, const Scope& scope) {
  for (const std::string& column : written.key)
    if (scope.excludes_column(table.schema, table.table, column)) return true;
  return false;
}

}  // namespace

// What reads the catalog by functions sees it as it is now; a query of it sees the transaction's snapshot, in which a
// table that inherits may be missing.
std::string_view late_name_query() {
  return R"(
WITH RECURSIVE asked AS MATERIALIZED (
  SELECT $1::pg_catalog.text::pg_catalog.oid AS oid, $2::pg_catalog.text::pg_catalog.oid AS written,
    (pg_catalog.pg_identify_object_as_address(1259, $1::pg_catalog.text::pg_catalog.oid, 0)).object_names AS names),
above AS (
  SELECT i.inhparent FROM asked JOIN pg_catalog.pg_inherits i ON i.inhrelid OPERATOR(pg_catalog.=) asked.oid
  UNION
  SELECT i.inhparent FROM above JOIN pg_catalog.pg_inherits i ON i.inhrelid OPERATOR(pg_catalog.=) above.inhparent)
SELECT asked.oid::pg_catalog.text,
  pg_catalog.encode(pg_catalog.convert_to(asked.names[1], pg_catalog.getdatabaseencoding()), 'hex'),
  pg_catalog.encode(pg_catalog.convert_to(asked.names[2], pg_catalog.getdatabaseencoding()), 'hex'),
  (EXISTS (SELECT FROM above WHERE above.inhparent OPERATOR(pg_catalog.=) asked.written)
   OR EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(asked.oid::pg_catalog.regclass) a(relid)
     WHERE a.relid::pg_catalog.oid OPERATOR(pg_catalog.=) asked.written))::pg_catalog.text,
  (SELECT c.relpersistence::pg_catalog.text FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) asked.oid)
FROM asked)";
}

std::optional<LateName> read_late_name(const wire::RowView& row, std::string_view encoding) {
  if (row.size() != kColumns || !row[0] || !row[1] || !row[2] || !row[3]) return std::nullopt;
  LateName name;
  std::from_chars(row[0]->data(), row[0]->data() + row[0]->size(), name.oid);
  const auto text = [encoding](std::string_view hex) {
    const auto bytes = decode_hex(hex);
    return bytes ? to_utf8(*bytes, encoding) : std::nullopt;
  };
  auto schema = text(*row[1]);
  auto table = text(*row[2]);
  if (name.oid == 0 || !schema || !table) return std::nullopt;
  name.name = {std::move(*schema), std::move(*table)};
  name.is_below = *row[3] == "true";
  name.temporary = name.name.schema == "pg_temp" || row[4].value_or("") == "t";
  name.logged = row[4].value_or("") == "p";
  return name;
}

std::optional<event::ChangeEvent> tell_named(event::ChangeEvent change, const LateName& table,
                                             const RelationFacts& written, const Scope& scope) {
  const RelationName& name = table.name;
  const bool captured = table.is_below ? captures(scope, written, name) : scope.captures(name.schema, name.table);
  if (!captured || table.temporary) return std::nullopt;
  change.schema = name.schema;
  change.table = name.table;
  if (!table.is_below) return event::as_gap(std::move(change), to_text(event::GapCause::other_table));
  const bool cut_before = cut_columns(change.before, name, scope);
  const bool cut_after = cut_columns(change.after, name, scope);
  if (cut_before || cut_after) change.shape.reset();  // it has these columns
  if (excludes_key(name, written, scope)) {
    change.key.reset();
    change.old_key.reset();
  }
  return change;
}

}  // namespace weir::capture
