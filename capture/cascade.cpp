#include "capture/cascade.h"

namespace weir::capture {

namespace {

constexpr std::string_view kTree = "tree AS (";
/// Behind the quoted name, where no name of the facts has anything.
constexpr std::string_view kCascade = " cascade";
constexpr std::string_view kOnlyCascade = " only cascade";

// A partition that is referred to through the partitioned table has a constraint of its own for it, but not where both
// sides are partitioned: so the constraint's parents are climbed, and what refers to their tables is found too. `rows`:
// the table is emptied, and not only climbed to.
constexpr std::string_view kEmptied = R"(
emptied AS (
  SELECT oid, true AS rows FROM named
  UNION
  SELECT CASE WHEN way.up THEN parent.confrelid ELSE k.conrelid END, NOT way.up
  FROM emptied JOIN pg_catalog.pg_constraint k ON k.confrelid OPERATOR(pg_catalog.=) emptied.oid
  LEFT JOIN pg_catalog.pg_constraint parent ON parent.oid OPERATOR(pg_catalog.=) k.conparentid
  CROSS JOIN (VALUES (true), (false)) AS way (up)
  WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND (NOT way.up OR parent.oid IS NOT NULL)),
tree AS (
  SELECT DISTINCT emptied.oid FROM emptied
  JOIN pg_catalog.pg_class e ON e.oid OPERATOR(pg_catalog.=) emptied.oid
  WHERE emptied.rows AND (e.relkind OPERATOR(pg_catalog.<>) 'p' OR e.oid OPERATOR(pg_catalog.=) (SELECT oid FROM root))))";

/// The place behind the parenthesis that closes what is open at `from`.
std::size_t end_of_parenthesis(std::string_view text, std::size_t from) {
  int depth = 1;
  while (depth > 0 && from < text.size()) {
    const char c = text[from++];
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
  }
  return from;
}

std::string make_query(bool only) {
  const std::string_view facts = facts_query(FactsText::plain);
  const std::size_t begin = facts.find(kTree);
  const std::size_t inner = begin + kTree.size();
  const std::size_t end = end_of_parenthesis(facts, inner);
  std::string named(facts.substr(inner, end - 1 - inner));
  for (auto at = named.find("tree"); at != std::string::npos; at = named.find("tree", at))
    named.replace(at, 4, "named");
  if (only) named = "SELECT oid FROM root WHERE oid IS NOT NULL";
  std::string query(facts.substr(0, begin));
  query.append("named AS (").append(named).append("),").append(kEmptied).append(facts.substr(end));
  return query;
}

}  // namespace

std::string_view cascade_query(bool only) {
  static const std::string with_children = make_query(false);
  static const std::string alone = make_query(true);
  return only ? alone : with_children;
}

std::string cascade_name(const TableName& table) {
  return quoted_name(table) + std::string(table.only ? kOnlyCascade : kCascade);
}

std::optional<CascadingTable> cascading_table(std::string_view name) {
  if (name.empty() || name.back() == '"') return std::nullopt;
  const bool only = name.ends_with(kOnlyCascade);
  name.remove_suffix((only ? kOnlyCascade : kCascade).size());
  return CascadingTable{std::string(name), only};
}

}  // namespace weir::capture
