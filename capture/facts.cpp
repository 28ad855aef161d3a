#include "capture/facts.h"

#include <boost/json.hpp>
#include <charconv>

#include "capture/server_run.h"

namespace weir::capture {
namespace {

// Operators are qualified like functions: a search_path that lists pg_catalog last would let others stand in for them.
// `tree` is the table with all that inherits from it, so partitions and old-style children are found alike.
// No LATERAL: that needs a nested loop, and under enable_nestloop = off its cost alone sets off seconds of JIT.
constexpr std::string_view kFactsBeforeRun = R"(
WITH RECURSIVE root AS (SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid AS oid),
tree AS (
  SELECT oid FROM root WHERE oid IS NOT NULL
  UNION ALL
  SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent OPERATOR(pg_catalog.=) tree.oid)
SELECT c.oid::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
  c.relkind::pg_catalog.text, c.relpersistence::pg_catalog.text,
  (c.relhasrules AND EXISTS (SELECT FROM pg_catalog.pg_rewrite r
     WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid AND r.ev_type OPERATOR(pg_catalog.<>) '1'))::pg_catalog.text,
  pg_catalog.row_security_active(c.oid)::pg_catalog.text,
  pg_catalog.has_table_privilege(c.oid, 'SELECT')::pg_catalog.text,
  (EXISTS (SELECT FROM tree JOIN pg_catalog.pg_trigger g ON g.tgrelid OPERATOR(pg_catalog.=) tree.oid
     JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) g.tgfoid
     WHERE NOT g.tgisinternal
       AND p.prosrc OPERATOR(pg_catalog.~*) 'current_query|pg_stat_activity|pg_stat_get_activity|pg_cursors')
   OR EXISTS (SELECT FROM tree JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) tree.oid
     WHERE pg_catalog.pg_get_expr(d.adbin, d.adrelid) OPERATOR(pg_catalog.~*) 'current_query'))::pg_catalog.text,
  (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place)::pg_catalog.text
     FROM (SELECT x.indkey, x.indnkeyatts, pg_catalog.generate_subscripts(x.indkey, 1) AS place
       FROM pg_catalog.pg_index x WHERE x.indrelid OPERATOR(pg_catalog.=) c.oid AND x.indisprimary) k
     JOIN pg_catalog.pg_attribute a
       ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.=) k.indkey[k.place]
     WHERE k.place OPERATOR(pg_catalog.<) k.indnkeyatts),
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, t.typcategory, a.attgenerated) ORDER BY a.attnum)::pg_catalog.text
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
     WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped),
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.oid::pg_catalog.text, ln.nspname, l.relname))::pg_catalog.text
     FROM tree JOIN pg_catalog.pg_class l ON l.oid OPERATOR(pg_catalog.=) tree.oid
     JOIN pg_catalog.pg_namespace ln ON ln.oid OPERATOR(pg_catalog.=) l.relnamespace),
  (SELECT pg_catalog.json_agg(DISTINCT a.attname)::pg_catalog.text
     FROM (SELECT q.partrelid, pg_catalog.unnest(q.partattrs::pg_catalog.int2[]) AS attnum
       FROM tree JOIN pg_catalog.pg_partitioned_table q ON q.partrelid OPERATOR(pg_catalog.=) tree.oid) k
     JOIN pg_catalog.pg_attribute a
       ON a.attrelid OPERATOR(pg_catalog.=) k.partrelid AND a.attnum OPERATOR(pg_catalog.=) k.attnum
     WHERE k.attnum OPERATOR(pg_catalog.<>) 0),
  EXISTS (SELECT FROM tree JOIN pg_catalog.pg_partitioned_table q ON q.partrelid OPERATOR(pg_catalog.=) tree.oid
     WHERE q.partexprs IS NOT NULL)::pg_catalog.text,
  (NOT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_class l ON l.oid OPERATOR(pg_catalog.=) tree.oid
     WHERE l.relpersistence OPERATOR(pg_catalog.<>) 'p'))::pg_catalog.text,
  )";
constexpr std::string_view kFactsQueryEnd = R"(,
  pg_catalog.current_schema()::pg_catalog.text
FROM root LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) root.oid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace)";
constexpr std::size_t kFactsColumns = 18;
constexpr std::size_t kRunColumn = 15;

using Json = boost::json::value;

std::uint32_t read_oid(std::string_view text) {
  std::uint32_t oid = 0;
  std::from_chars(text.data(), text.data() + text.size(), oid);
  return oid;
}

/// A column that holds a JSON array, or an empty one where it is NULL.
boost::json::array read_array(const std::optional<std::string_view>& column) {
  boost::system::error_code error;
  if (!column) return {};
  Json parsed = boost::json::parse({column->data(), column->size()}, error);
  return error || !parsed.is_array() ? boost::json::array() : parsed.as_array();
}

std::string read_text(const Json& value) {
  return value.is_string() ? std::string(value.as_string()) : std::string();
}

std::vector<std::string> read_names(const std::optional<std::string_view>& column) {
  std::vector<std::string> names;
  for (const Json& name : read_array(column)) names.push_back(read_text(name));
  return names;
}

void read_columns(const std::optional<std::string_view>& column, RelationFacts& facts) {
  for (const Json& entry : read_array(column)) {
    if (!entry.is_array() || entry.as_array().size() != 3) continue;
    const auto& parts = entry.as_array();
    const std::string category = read_text(parts[1]);
    facts.columns.push_back({read_text(parts[0]), category.empty() ? 'U' : category[0], read_text(parts[2]) == "v"});
  }
}

void read_leaves(const std::optional<std::string_view>& column, RelationFacts& facts) {
  for (const Json& entry : read_array(column)) {
    if (!entry.is_array() || entry.as_array().size() != 3) continue;
    const auto& parts = entry.as_array();
    facts.leaves[read_oid(read_text(parts[0]))] = {read_text(parts[1]), read_text(parts[2])};
  }
}

}  // namespace

std::string_view facts_query() {
  static const std::string query =
      std::string(kFactsBeforeRun).append(server_run_expression()).append(update_facts_query()).append(kFactsQueryEnd);
  return query;
}

std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string quoted_name(const TableName& table) {
  return table.schema.empty() ? quoted(table.name) : quoted(table.schema) + "." + quoted(table.name);
}

std::string quoted_name(const RelationName& table) {
  return quoted(table.schema) + "." + quoted(table.table);
}

std::optional<RelationFacts> read_facts(const wire::RowView& row) {
  if (row.size() != kFactsColumns) return std::nullopt;
  for (std::size_t i = 0; i < 9; ++i)
    if (!row[i] || row[i]->empty()) return std::nullopt;
  const auto is_true = [&row](std::size_t i) { return row[i] && *row[i] == "true"; };
  RelationFacts facts;
  facts.oid = read_oid(*row[0]);
  facts.name = {std::string(*row[1]), std::string(*row[2])};
  facts.kind = row[3]->front();
  facts.persistence = row[4]->front();
  facts.has_rules = is_true(5);
  facts.row_security = is_true(6);
  facts.selectable = is_true(7);
  facts.shows_text = is_true(8);
  facts.key = read_names(row[9]);
  read_columns(row[10], facts);
  read_leaves(row[11], facts);
  facts.routing = read_names(row[12]);
  facts.routes_by_expression = is_true(13);
  facts.logged = is_true(14);
  facts.updates = read_update_facts(row[16]);
  return facts;
}

std::string read_run(const wire::RowView& row) {
  return row.size() == kFactsColumns ? std::string(row[kRunColumn].value_or("")) : std::string();
}

std::string read_creation_schema(const wire::RowView& row) {
  return row.size() == kFactsColumns ? std::string(row.back().value_or("")) : std::string();
}

}  // namespace weir::capture
