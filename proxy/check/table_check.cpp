#include "proxy/check/table_check.h"

#include <algorithm>

#include "base/text.h"
#include "proxy/check/explain.h"

namespace weir::proxy {

namespace {

// Partitions are part of their roots. Lists come with a separator that no name can hold.
constexpr const char* kTables = R"(
SELECT n.nspname, c.relname, c.relkind::pg_catalog.text,
  (SELECT pg_catalog.string_agg(DISTINCT g.tgname::pg_catalog.text, E'\x01' ORDER BY g.tgname::pg_catalog.text)
    FROM pg_catalog.pg_trigger g
    WHERE NOT g.tgisinternal AND g.tgenabled OPERATOR(pg_catalog.<>) 'D'
      AND (g.tgrelid OPERATOR(pg_catalog.=) c.oid
        OR g.tgrelid::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (
          SELECT p.relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree(c.oid::pg_catalog.regclass) p))),
  (SELECT pg_catalog.string_agg(f.named, E'\x01' ORDER BY f.named) FROM (
    SELECT DISTINCT pg_catalog.format('%s.%s (%s)', kn.nspname, k.relname, pg_catalog.concat_ws(', ',
        CASE WHEN r.confdeltype OPERATOR(pg_catalog.=) 'c' THEN 'ON DELETE CASCADE'
          WHEN r.confdeltype OPERATOR(pg_catalog.=) 'n' THEN 'ON DELETE SET NULL'
          WHEN r.confdeltype OPERATOR(pg_catalog.=) 'd' THEN 'ON DELETE SET DEFAULT' END,
        CASE WHEN r.confupdtype OPERATOR(pg_catalog.=) 'c' THEN 'ON UPDATE CASCADE'
          WHEN r.confupdtype OPERATOR(pg_catalog.=) 'n' THEN 'ON UPDATE SET NULL'
          WHEN r.confupdtype OPERATOR(pg_catalog.=) 'd' THEN 'ON UPDATE SET DEFAULT' END)) AS named
    FROM pg_catalog.pg_constraint r
    JOIN pg_catalog.pg_class k ON k.oid OPERATOR(pg_catalog.=) r.conrelid
    JOIN pg_catalog.pg_namespace kn ON kn.oid OPERATOR(pg_catalog.=) k.relnamespace
    WHERE r.contype OPERATOR(pg_catalog.=) 'f' AND r.confrelid OPERATOR(pg_catalog.=) c.oid
      AND r.conparentid OPERATOR(pg_catalog.=) '0'
      AND (r.confdeltype OPERATOR(pg_catalog.=) ANY ('{c,n,d}'::pg_catalog."char"[])
        OR r.confupdtype OPERATOR(pg_catalog.=) ANY ('{c,n,d}'::pg_catalog."char"[]))) f)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f}'::pg_catalog."char"[])
  AND NOT c.relispartition AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
ORDER BY n.nspname::pg_catalog.text COLLATE pg_catalog."C", c.relname::pg_catalog.text COLLATE pg_catalog."C")";

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < list.size();) {
    const auto end = std::min(list.find('\x01', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

struct MadeUp {
  std::string what;
  std::string sql;
};

/// A column whose change moves no row.
const capture::Column* plain_column(const capture::RelationFacts& facts) {
  const auto is_in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto found = std::find_if(facts.columns.begin(), facts.columns.end(), [&](const auto& column) {
    return !column.computed && !column.generated && !is_in(facts.key, column.name) &&
           !is_in(facts.routing, column.name) && !is_in(facts.updates.key_sources, column.name);
  });
  return found == facts.columns.end() ? nullptr : &*found;
}

std::vector<MadeUp> made_up_writes(const std::string& table, const capture::RelationFacts& facts) {
  std::vector<MadeUp> writes = {{"insert", "INSERT INTO " + table + " VALUES (NULL)"}};
  if (const auto* column = plain_column(facts))
    writes.push_back({"update", "UPDATE " + table + " SET " + capture::quoted(column->name) + " = NULL"});
  if (!facts.key.empty())
    writes.push_back(
        {"update of the key", "UPDATE " + table + " SET " + capture::quoted(facts.key.front()) + " = NULL"});
  writes.push_back({"delete", "DELETE FROM " + table});
  return writes;
}

/// What the plans do not say.
std::vector<std::string> notes_of(const ListedTable& table, const capture::RelationFacts& facts,
                                  const capture::Scope& scope) {
  std::vector<std::string> notes;
  if (facts.key.empty()) notes.emplace_back("no primary key: its events have no key");
  if (!table.triggers.empty())
    notes.push_back("triggers, whose writes to other tables are not seen: " + joined(table.triggers));
  if (!table.cascades.empty()) notes.push_back("writes that are not seen follow in: " + joined(table.cascades));
  if (!facts.logged && facts.kind != 'f')
    notes.emplace_back("unlogged: a crash of the database empties it, which no event says");
  for (auto& remark : image_remarks(facts, scope)) notes.push_back(std::move(remark));
  std::size_t left_out = 0;
  for (const auto& [oid, leaf] : facts.leaves) left_out += capture::captures(scope, facts, leaf) ? 0 : 1;
  if (left_out > 0)
    notes.push_back(std::to_string(left_out) + " of its " + std::to_string(facts.leaves.size()) +
                    " partitions or children are not captured");
  return notes;
}

}  // namespace

bool TableCheck::is_whole() const {
  return std::all_of(writes.begin(), writes.end(), [](const Write& write) { return write.fidelity == "row"; });
}

Result<std::optional<TableCheck>> check_table(PlanPreview& plans, const ListedTable& table) {
  const auto name = capture::quoted(table.schema) + "." + capture::quoted(table.name);
  // What its columns are is known after the first plan.
  const auto first = capture::parse("DELETE FROM " + name, {});
  if (first.single() == nullptr) return Error{"a statement of Weir's own about " + name + " cannot be read", ""};
  if (auto plan = plans.plan(first, *first.single()); !plan) return plan.error();
  const auto facts = plans.relations(*first.single()).front();
  if (!facts) return std::optional<TableCheck>();  // gone meanwhile
  TableCheck check;
  check.name = table.schema + "." + table.name;
  check.key = facts->key;
  for (const auto& [what, sql] : made_up_writes(name, *facts)) {
    const auto text = capture::parse(sql, {});
    if (text.single() == nullptr) continue;
    auto plan = plans.plan(text, *text.single());
    if (!plan) return plan.error();
    if (plan->how == capture::Plan::How::none) return std::optional<TableCheck>();
    check.writes.push_back({what, std::string(fidelity_of(*plan)), plan->cause});
  }
  check.notes = notes_of(table, *facts, plans.scope());
  return std::optional(std::move(check));
}

Result<std::vector<TableCheck>> check_tables(AskableDatabase& database, PlanPreview& plans, const std::string& name) {
  const auto rows = database.query(kTables, {});
  if (!rows) return rows.error();
  std::vector<TableCheck> checked;
  for (const auto& row : *rows) {
    ListedTable table{row[0].value_or(""), row[1].value_or(""), split(row[3].value_or("")), split(row[4].value_or(""))};
    // Of a partitioned table a part may be captured by its own name.
    if (row[2] != "p" && !plans.scope().captures(table.schema, table.name)) continue;
    auto one = check_table(plans, table);
    if (!one) return one.error();
    if (!*one) continue;
    (*one)->database = name;
    checked.push_back(std::move(**one));
  }
  return checked;
}

}  // namespace weir::proxy
