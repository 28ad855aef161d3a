#include "capture/plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "capture/encoding.h"
#include "capture/event/gap_cause.h"

namespace weir::capture {
namespace {

using How = Plan::How;
using Names = std::vector<std::string>;

constexpr int kReturnsOldAndNew = 18;  // the first version with RETURNING old.*, new.*
/// Target lists end at 1,664 entries; the client's own list may have all columns once and some expressions.
constexpr std::size_t kMaxColumns = 1500;

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::string_view kAsText = "::pg_catalog.text";

/// Who says in which format the added columns come: the client, whose one code may be for all columns, or Weir, which
/// asks for text. The same in both formats is only a column of type text.
enum class Formats { of_client, text };

/// A virtual column is left out too: the plain write never evaluates it, and it may fail or have effects.
bool is_excluded(const PlanInput& input, const RelationFacts& relation, const Column& column) {
  return column.computed || excludes_column(input.scope, relation, column.name);
}

/// True where an image is not simply that of the row.
bool names_columns(const PlanInput& input, const RelationFacts& relation) {
  return std::any_of(relation.columns.begin(), relation.columns.end(), [&](const Column& column) {
    return column.form != Column::Form::plain || is_excluded(input, relation, column);
  });
}

/// A column in the row of an image. What format('%s') runs is the type's output function and nothing else: a cast to
/// text may be anybody's, too.
std::string value_of(const std::string& row, const Column& column) {
  const std::string name = ascii_quoted(column.name);
  const std::string value = row + "." + name;
  switch (column.form) {
    case Column::Form::text:
      return "CASE WHEN " + value + " IS NOT DISTINCT FROM NULL THEN NULL ELSE pg_catalog.format('%s'," + value +
             ") END AS " + name;
    case Column::Form::numeric:
      return value + "::pg_catalog.numeric AS " + name;
    case Column::Form::oid:
      return value + "::pg_catalog.oid AS " + name;
    case Column::Form::plain:
      break;
  }
  return value;
}

/// Builds the list of added columns and remembers which is which.
class AddedList {
 public:
  AddedList(const PlanInput& input, const RelationFacts& relation, Formats formats)
      : input_(input), relation_(relation), cast_(formats == Formats::of_client ? kAsText : std::string_view()) {
    const ServerSettings& server = input.server;
    // What is to be converted can fail, so it travels as it is stored; a database in UTF8 has nothing that cannot be.
    if (server.server_encoding != "UTF8" || server.text_encoding() != "UTF8") added_.hex = server.server_encoding;
  }

  void image(int AddedColumns::*column, const std::string& row, bool may_be_absent) {
    std::string value = "pg_catalog.row_to_json(" + row + ".*)";
    if (names_columns(input_, relation_)) value = image_of_included(row, may_be_absent);
    if (!added_.hex.empty()) {
      value.append(kAsText);
      add(column, "pg_catalog.encode(pg_catalog.convert_to(" + value + ",pg_catalog.getdatabaseencoding()),'hex')");
    } else {
      add(column, value.append(cast_));
    }
  }
  /// An identifier or a number.
  void number(int AddedColumns::*column, std::string expression) { add(column, expression.append(cast_)); }
  void text(int AddedColumns::*column, std::string expression) { add(column, expression.append(kAsText)); }
  const std::string& list() const { return list_; }
  const AddedColumns& added() const { return added_; }

 private:
  /// Only the included columns are named, so the others never leave the database.
  std::string image_of_included(const std::string& row, bool may_be_absent) const {
    std::string columns;
    for (const Column& column : relation_.columns) {
      if (is_excluded(input_, relation_, column)) continue;
      columns += (columns.empty() ? "" : ",") + value_of(row, column);
    }
    const std::string image = "(SELECT pg_catalog.row_to_json(w.*) FROM (SELECT " + columns + ") AS w)";
    if (!may_be_absent) return image;
    return "(CASE WHEN " + row + ".tableoid IS NULL THEN NULL ELSE " + image + " END)";
  }

  void add(int AddedColumns::*column, const std::string& expression) {
    added_.*column = added_.count++;
    if (!list_.empty()) list_ += ", ";
    list_ += expression;
  }

  const PlanInput& input_;
  const RelationFacts& relation_;
  std::string_view cast_;
  AddedColumns added_;
  std::string list_;
};

event::Op op_of(StatementKind kind) {
  switch (kind) {
    case StatementKind::insert:
    case StatementKind::copy_from:
      return event::Op::create;
    case StatementKind::remove:
      return event::Op::remove;
    case StatementKind::truncate:
      return event::Op::truncate;
    case StatementKind::merge:
      return event::Op::gap;  // which rows it inserted, updated or deleted is not known
    default:
      return event::Op::update;
  }
}

/// U&"…" in a client's text that is not UTF-8: the parser here makes UTF-8 of it, and the server does not. Only names
/// beyond ASCII matter.
bool has_escaped_names(const PlanInput& input) {
  if (input.server.text_encoding() == "UTF8") return false;
  return input.text.find("U&\"") != std::string_view::npos || input.text.find("u&\"") != std::string_view::npos;
}

bool in_scope(const Scope& scope, const RelationFacts& relation) {
  if (relation.persistence == 't') return false;
  if (scope.captures(relation.name.schema, relation.name.table)) return true;
  return std::any_of(relation.leaves.begin(), relation.leaves.end(), [&scope](const auto& leaf) {
    return leaf.second.schema != "pg_toast" && scope.captures(leaf.second.schema, leaf.second.table);
  });
}

/// Whether the server reads the target's name as the parser here does.
bool is_certain_alias(const PlanInput& input, const RelationFacts& relation) {
  const std::string& alias = input.statement.write->target.alias;
  if (is_ascii(alias)) return true;
  if (has_escaped_names(input)) return false;
  // Where a character is a byte, letters beyond ASCII are folded too.
  return input.server.server_encoding == "UTF8" || to_utf8(alias, input.server.text_encoding()) == relation.name.table;
}

/// Whether all names that are spliced mean what they should.
bool can_be_named(const PlanInput& input, const RelationFacts& relation) {
  const std::string& encoding = input.server.server_encoding;
  if (!is_certain_alias(input, relation)) return false;
  if (input.statement.write->repeats_target &&
      !(is_certain_name(relation.name.schema, encoding) && is_certain_name(relation.name.table, encoding)))
    return false;
  return !names_columns(input, relation) ||
         std::all_of(relation.columns.begin(), relation.columns.end(), [&](const Column& column) {
           return is_excluded(input, relation, column) || is_certain_name(column.name, encoding);
         });
}

/// Why RETURNING would change what the client sees; empty where it would not.
std::string obstacle(const PlanInput& input, const RelationFacts& relation) {
  if (relation.kind != 'r' && relation.kind != 'p')
    return relation.kind == 'v' ? to_text(event::GapCause::view) : to_text(event::GapCause::foreign_table);
  if (relation.has_foreign)
    return to_text(event::GapCause::foreign_table);  // what the remote role may not do: return rows, say
  if (relation.has_rules) return to_text(event::GapCause::rule);
  if (relation.row_security) return to_text(event::GapCause::row_security);
  if (!relation.selectable) return to_text(event::GapCause::no_select);
  if (relation.shows_text) return to_text(event::GapCause::trigger_reads_text);
  if (input.statement.shows_text) return to_text(event::GapCause::statement_reads_text);
  if (relation.columns.size() > kMaxColumns) return to_text(event::GapCause::too_many_columns);
  if (!can_be_named(input, relation)) return to_text(event::GapCause::doubtful_names);
  return {};
}

/// Where the client has a list of its own, `old` and `new` are what it calls them, or may mean something else there.
bool gives_old_and_new(const PlanInput& input, const WriteClauses& write) {
  if (input.server.version < kReturnsOldAndNew) return false;
  const bool renames_both = !write.old_alias.empty() && !write.new_alias.empty();
  if (!write.has_returning || renames_both) return true;
  const bool other = write.old_alias == "new" || write.new_alias == "old";
  return !write.hides_old_new && !other;
}

/// The target in expressions of the statement.
std::string row_of(const WriteClauses& write, const RelationFacts& relation) {
  if (!write.repeats_target) return quoted(write.target.alias);
  return quoted_name(relation.name);
}

/// True where the grammar and the column's type say that it is assigned the value that it has.
bool is_kept(const WriteClauses& write, const RelationFacts& relation, const std::string& assigned,
             const std::string& column) {
  const ColumnType* type = relation.updates.type_of(column);
  const bool own_equality = !contains(relation.updates.operators, "=") && !relation.updates.casts;
  return std::any_of(write.kept.begin(), write.kept.end(), [&](const KeptColumn& kept) {
    if (kept.column != assigned || (kept.compared && !own_equality)) return false;
    return kept.needs <= (type == nullptr ? Sameness::unknown : type->sameness);
  });
}

/// What an UPDATE of a row, also one by ON CONFLICT, may change: what it assigns and what triggers do.
Names changed_columns(const PlanInput& input, const RelationFacts& relation) {
  const WriteClauses& write = *input.statement.write;
  const Names assigned = utf8_names(write.assigned, input.server);
  Names changed;
  for (std::size_t i = 0; i < assigned.size(); ++i)
    if (!is_kept(write, relation, write.assigned[i], assigned[i])) changed.push_back(assigned[i]);
  const Names& by_triggers = relation.updates.triggers.sets;
  changed.insert(changed.end(), by_triggers.begin(), by_triggers.end());
  return changed;
}

/// What the facts do not know may be a key by another name.
bool is_doubtful(const PlanInput& input, const RelationFacts& relation, const Names& changed) {
  return std::any_of(changed.begin(), changed.end(), [&](const std::string& column) {
    const auto same = [&column](const Column& known) { return known.name == column; };
    return std::none_of(relation.columns.begin(), relation.columns.end(), same) ||
           (!is_ascii(column) && has_escaped_names(input));
  });
}

/// Whether a row chooses its key and its table by this column.
bool decides(const RelationFacts& relation, const std::string& column) {
  return contains(relation.key, column) || contains(relation.routing, column);
}

/// False where a row surely keeps its key and its partition, by what FactsText::plain says: what the statement assigns
/// is neither, and nothing changes but what is assigned.
bool may_move(const PlanInput& input, const RelationFacts& relation) {
  const WriteClauses& write = *input.statement.write;
  if (input.statement.kind == StatementKind::merge) return true;
  if (op_of(input.statement.kind) != event::Op::update && !write.on_conflict_update) return false;
  if (relation.routes_by_expression || relation.has_update_triggers) return true;
  const auto computed = [&](const Column& column) { return column.generated && decides(relation, column.name); };
  if (std::any_of(relation.columns.begin(), relation.columns.end(), computed)) return true;
  const Names assigned = utf8_names(write.assigned, input.server);
  return is_doubtful(input, relation, assigned) ||
         std::any_of(assigned.begin(), assigned.end(), [&](const auto& column) { return decides(relation, column); });
}

/// Whether a row's key or its partition may change, and what would prove which row has become which.
Moves moves_of(const PlanInput& input, const RelationFacts& relation) {
  if (!may_move(input, relation)) return {};
  const UpdateFacts& facts = relation.updates;
  const Names changed = changed_columns(input, relation);
  const bool doubtful = is_doubtful(input, relation, changed);
  const auto moves_by = [&relation, &facts](const std::string& column) {
    return decides(relation, column) || contains(facts.key_sources, column);
  };
  Moves moves;
  moves.possible = doubtful || relation.routes_by_expression || !facts.triggers.known ||
                   std::any_of(changed.begin(), changed.end(), moves_by);
  moves.may_skip = facts.triggers.may_skip || !facts.triggers.known;
  // Tables that inherit have no unique index in common.
  const bool one_index = relation.kind == 'p' || relation.leaves.size() <= 1;
  moves.key_is_unique = !doubtful && !relation.key.empty() && !facts.key_deferrable && one_index;
  if (!facts.triggers.known || doubtful) return moves;
  for (const Column& column : relation.columns) {
    const bool in_image = !column.computed && !excludes_column(input.scope, relation, column.name);
    if (in_image && !contains(changed, column.name) && !contains(facts.generated, column.name))
      moves.steady.push_back(column.name);
  }
  return moves;
}

/// The WHERE can be evaluated again without anybody noticing: nothing in it is a user's own.
bool is_repeatable(const PlanInput& input, const WhereTerms& terms, const RelationFacts& relation) {
  const Names columns = utf8_names(terms.columns, input.server);
  const UpdateFacts& facts = relation.updates;
  constexpr std::array<std::string_view, 6> kSystemColumns = {"ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"};
  const auto own_operator = [&facts](const std::string& name) { return !contains(facts.operators, name); };
  const auto own_type = [&](const std::string& column) {
    const ColumnType* type = facts.type_of(column);
    if (type != nullptr) return type->built_in;
    return std::find(kSystemColumns.begin(), kSystemColumns.end(), column) != kSystemColumns.end();
  };
  return !terms.foreign && !facts.casts && std::all_of(terms.operators.begin(), terms.operators.end(), own_operator) &&
         std::all_of(columns.begin(), columns.end(), own_type);
}

/// The names that old and new have in RETURNING, and the WITH clause that gives them where the client has no list.
struct OldAndNew {
  std::string old_row, new_row, with;
};

OldAndNew old_and_new(const WriteClauses& write) {
  OldAndNew names{"old", "new", ""};
  if (!write.has_returning) {
    names = {"\"weir old\"", "\"weir new\"", "WITH (OLD AS \"weir old\", NEW AS \"weir new\") "};
  } else {
    if (!write.old_alias.empty()) names.old_row = quoted(write.old_alias);
    if (!write.new_alias.empty()) names.new_row = quoted(write.new_alias);
  }
  return names;
}

void add_images(const PlanInput& input, const Plan& plan, AddedList& list, std::string& with) {
  const WriteClauses& write = *input.statement.write;
  const std::string row = row_of(write, *plan.relation);
  const bool merges = input.statement.kind == StatementKind::merge;
  const bool both = plan.op == event::Op::update || write.on_conflict_update || merges;
  if (both && gives_old_and_new(input, write)) {
    const OldAndNew names = old_and_new(write);
    with = names.with;
    list.image(&AddedColumns::before, names.old_row, true);
    list.image(&AddedColumns::after, names.new_row, merges);
    if (!plan.relation->routing.empty() || plan.relation->routes_by_expression)
      list.number(&AddedColumns::old_tableoid, names.old_row + ".tableoid");
    return;
  }
  list.image(plan.op == event::Op::remove ? &AddedColumns::before : &AddedColumns::after, row, false);
  if (write.on_conflict_update && plan.relation->kind == 'r')
    list.text(&AddedColumns::inserted, "(" + row + ".xmax OPERATOR(pg_catalog.=) '0'::pg_catalog.xid)");
}

void splice(const PlanInput& input, Plan& plan) {
  const WriteClauses& write = *input.statement.write;
  AddedList list(input, *plan.relation, write.has_returning ? Formats::of_client : Formats::text);
  std::string with;
  add_images(input, plan, list, with);
  list.number(&AddedColumns::tableoid, row_of(write, *plan.relation) + ".tableoid");
  list.number(&AddedColumns::xid, "pg_catalog.pg_current_xact_id()");
  list.number(&AddedColumns::lsn, "pg_catalog.pg_current_wal_insert_lsn()");
  plan.suffix = std::string(kSpliceMark) + (write.has_returning ? ", " : "RETURNING " + with) + list.list();
  plan.added = list.added();
  plan.how = How::returning;
}

/// The old images of rows that move, where RETURNING cannot give them. False where they cannot be asked for either.
bool add_lock_query(const PlanInput& input, Plan& plan) {
  const WriteClauses& write = *input.statement.write;
  if (!write.where_absent && !write.plain_where) return false;
  if (input.statement.modifying_with || !is_repeatable(input, write.where_terms, *plan.relation)) return false;
  AddedList list(input, *plan.relation, Formats::text);
  const std::string row = quoted(write.target.alias);
  list.image(&AddedColumns::before, row, false);
  list.number(&AddedColumns::tableoid, row + ".tableoid");
  list.number(&AddedColumns::xid, "pg_catalog.pg_current_xact_id()");
  list.number(&AddedColumns::lsn, "pg_catalog.pg_current_wal_insert_lsn()");
  // A table without an alias may stand in the WHERE with its schema.
  const bool renamed = write.target.alias != write.target.name;
  std::string rest = std::string("FROM ") + (write.target.only ? "ONLY " : "") + quoted_name(write.target);
  if (renamed) rest += " AS " + row;
  if (write.plain_where) {
    const auto [begin, end] = *write.plain_where;
    rest.append(" WHERE").append(input.text.substr(begin, end - begin));
    plan.lock_parameters = write.where_parameters;
  }
  // What the UPDATE itself takes at least; where the key stays as it is, also at most: foreign keys must not wait.
  rest += "\nFOR NO KEY UPDATE OF " + row;
  plan.lock_query = "SELECT " + list.list() + " " + rest;
  plan.wait_query = "SELECT " + rest;
  return parse(plan.lock_query, {}).single() != nullptr;
}

void plan_row_write(const PlanInput& input, Plan& plan) {
  const WriteClauses& write = *input.statement.write;
  plan.cause = obstacle(input, *plan.relation);
  plan.may_lack_xid = plan.relation->has_foreign || (plan.relation->kind != 'r' && plan.relation->kind != 'p');
  plan.text_is_read = plan.relation->shows_text || input.statement.shows_text;
  const bool updates = plan.op == event::Op::update || write.on_conflict_update;
  if (updates) plan.moves = moves_of(input, *plan.relation);
  if (input.statement.kind == StatementKind::merge) {
    // Its deletes come before its creates.
    plan.moves = moves_of(input, *plan.relation);
    plan.moves.possible = true;
    if (plan.cause.empty() && !gives_old_and_new(input, write)) plan.cause = to_text(event::GapCause::unknown_merge);
    if (plan.cause.empty()) return splice(input, plan);
  }
  if (plan.cause.empty() && plan.moves.possible && !gives_old_and_new(input, write) &&
      (plan.op != event::Op::update || !add_lock_query(input, plan))) {
    plan.lock_query.clear();
    plan.cause = to_text(event::GapCause::key_without_old);
  }
  if (plan.cause.empty()) {
    // Whether ON CONFLICT inserted cannot be asked there.
    if (write.on_conflict_update && plan.relation->kind == 'p' && !gives_old_and_new(input, write))
      plan.op = event::Op::update;
    return splice(input, plan);
  }
  // What becomes of a view's columns is for the view to say.
  const bool sent = plan.op == event::Op::create && write.has_values && !write.on_conflict;
  plan.how = sent && plan.relation->kind != 'v' ? How::input : How::statement;
  // A rule decides itself what runs: the simple and the extended protocol answer it differently.
  if (plan.relation->has_rules) plan.how = How::gap;
}

/// MERGE has RETURNING from 17 on, and old and new rows in it from 18 on; before that it is known as a statement.
bool is_row_write(const PlanInput& input) {
  const Statement& statement = input.statement;
  return statement.is_row_write() ||
         (statement.kind == StatementKind::merge && input.server.version >= kReturnsOldAndNew);
}

/// A table of which only the statement is known. TRUNCATE empties all that are below it, and rows are told by those.
void add_inner(const PlanInput& input, std::size_t place, std::vector<Plan::Inner>& inner) {
  const RelationFacts& relation = *input.relations[place];
  const TableName& table = input.statement.tables[place];
  const event::Op op = op_of(table.kind);
  std::map<std::string, Plan::Inner> below;  // in an order that is always the same
  if (op == event::Op::truncate && !table.only) {
    for (const auto& [oid, leaf] : relation.leaves) {
      if (oid != relation.oid && captures(input.scope, relation, leaf))
        below.emplace(leaf.schema + "." + leaf.table, Plan::Inner{leaf, op});
    }
  }
  if (relation.kind != 'p' || below.empty()) inner.push_back({relation.name, op});
  for (auto& [name, leaf] : below) inner.push_back(std::move(leaf));
}

/// A written table that the catalog does not know. The statement will fail, or the name means another table to the
/// server than it does here, or one that was made meanwhile.
std::optional<RelationName> unknown_table(const PlanInput& input, const TableName& table) {
  RelationName name = utf8_name(table, input.server);
  const bool excluded = !name.schema.empty() && !input.scope.captures(name.schema, name.table);
  return excluded || table.schema == "pg_temp" ? std::nullopt : std::optional(std::move(name));
}

void plan_unknown_target(const PlanInput& input, Plan& plan) {
  plan.unknown = unknown_table(input, input.statement.tables[0]);
  if (!plan.unknown) return;
  plan.how = How::statement;
  plan.may_lack_xid = true;
  plan.cause = to_text(event::GapCause::unknown_table);
}

/// What is written beside the target of an INSERT, UPDATE or DELETE, or by statements without such a one.
void plan_inner_tables(const PlanInput& input, Plan& plan) {
  // Behind the target stand the tables written inside WITH, and those of a TRUNCATE or a copying query. The name of
  // a new table may still mean an older one.
  const std::size_t first = is_row_write(input) || input.statement.creates_table ? 1 : 0;
  for (std::size_t i = first; i < input.relations.size(); ++i) {
    const auto& relation = input.relations[i];
    if (relation && in_scope(input.scope, *relation)) {
      plan.may_lack_xid |= relation->has_foreign;
      add_inner(input, i, plan.inner);
    } else if (!relation) {
      if (auto name = unknown_table(input, input.statement.tables[i]))
        plan.inner.push_back({std::move(*name), op_of(input.statement.tables[i].kind)});
    }
  }
  if (!input.statement.creates_table || input.statement.tables[0].temporary) return;
  RelationName made = utf8_name(input.statement.tables[0], input.server);
  if (made.schema.empty()) made.schema = input.server.creation_schema;
  if (input.scope.captures(made.schema, made.table)) plan.inner.push_back({std::move(made), event::Op::create});
}

/// The tables that a TRUNCATE empties because they refer to others, each once. They are captured by their own names.
void add_cascaded(const PlanInput& input, std::vector<Plan::Inner>& inner) {
  std::map<std::string, Plan::Inner> more;
  for (std::size_t i = 0; i < input.emptied.size(); ++i) {
    const auto& relation = input.relations[i];
    if (!relation || !input.emptied[i] || relation->persistence == 't') continue;
    for (const auto& [oid, leaf] : input.emptied[i]->leaves) {
      const bool named = oid == relation->oid || (!input.statement.tables[i].only && relation->leaves.contains(oid));
      if (!named && input.scope.captures(leaf.schema, leaf.table))
        more.emplace(leaf.schema + "." + leaf.table, Plan::Inner{leaf, event::Op::truncate});
    }
  }
  for (auto& [name, one] : more) inner.push_back(std::move(one));
  // A partition that has partitions itself has no rows.
  for (std::size_t i = 0; i < input.emptied.size(); ++i) {
    if (!input.relations[i] || !input.emptied[i]) continue;
    std::erase_if(inner, [&](const Plan::Inner& one) {
      const auto& leaves = input.relations[i]->leaves;
      return std::any_of(leaves.begin(), leaves.end(), [&](const auto& leaf) {
        return leaf.first != input.relations[i]->oid && !input.emptied[i]->leaves.contains(leaf.first) &&
               !input.statement.tables[i].only && leaf.second.schema == one.name.schema &&
               leaf.second.table == one.name.table;
      });
    });
  }
  // Named twice, or named and below another, or both: it is emptied once.
  std::set<std::string> told;
  std::erase_if(inner, [&told](const Plan::Inner& one) {
    return one.op == event::Op::truncate && !told.insert(one.name.schema + "." + one.name.table).second;
  });
}

}  // namespace

RelationName utf8_name(const TableName& table, const ServerSettings& server) {
  return {to_utf8(table.schema, server.text_encoding()).value_or(""),
          to_utf8(table.name, server.text_encoding()).value_or("")};
}

std::vector<std::string> utf8_names(const std::vector<std::string>& names, const ServerSettings& server) {
  std::vector<std::string> converted;
  for (const std::string& name : names) converted.push_back(to_utf8(name, server.text_encoding()).value_or(""));
  return converted;
}

bool captures(const Scope& scope, const RelationFacts& relation, const RelationName& leaf) {
  if (unnamed_oid(leaf) != 0) return true;
  // A temporary table may inherit from one that is captured. Nobody else can have a schema of that name.
  if (leaf.schema.starts_with("pg_temp")) return false;
  if (scope.excludes(leaf.schema, leaf.table)) return false;
  return scope.captures(relation.name.schema, relation.name.table) || scope.captures(leaf.schema, leaf.table);
}

bool excludes_column(const Scope& scope, const RelationFacts& relation, std::string_view column) {
  if (scope.exclude_columns.empty()) return false;
  const auto excludes = [&](const RelationName& name) {
    return scope.excludes_column(name.schema, name.table, column);
  };
  return excludes(relation.name) || std::any_of(relation.leaves.begin(), relation.leaves.end(),
                                                [&](const auto& leaf) { return excludes(leaf.second); });
}

bool needs_plan(const Statement& statement) {
  switch (statement.kind) {
    case StatementKind::insert:
    case StatementKind::update:
    case StatementKind::remove:
    case StatementKind::merge:
    case StatementKind::truncate:
    case StatementKind::copy_from:
    case StatementKind::write_query:
      return true;
    default:
      return false;
  }
}

FactsText needed_facts(const PlanInput& input) {
  const auto* target = input.relations.empty() ? nullptr : input.relations[0].get();
  if (target == nullptr || !is_row_write(input) || !in_scope(input.scope, *target)) return FactsText::plain;
  if (target->may_have_casts) return FactsText::whole;
  const bool returns = obstacle(input, *target).empty();
  return returns && may_move(input, *target) ? FactsText::updates : FactsText::plain;
}

Plan make_plan(const PlanInput& input) {
  Plan plan;
  plan.op = op_of(input.statement.kind);
  if (input.relations.empty()) return plan;
  if (input.statement.kind == StatementKind::merge) plan.op = op_of(input.statement.tables[0].kind);
  plan_inner_tables(input, plan);
  add_cascaded(input, plan.inner);
  const auto& target = input.relations[0];
  if (is_row_write(input) && target && in_scope(input.scope, *target)) {
    plan.relation = target;
    plan_row_write(input, plan);
  } else if (is_row_write(input) && !target) {
    plan_unknown_target(input, plan);
  }
  if (plan.how == How::none && !plan.inner.empty()) {
    plan.how = How::statement;
    plan.cause = to_text(event::GapCause::statement_only);
  }
  if (input.statement.copy && plan.how != How::none) plan.how = How::gap;
  if (input.statement.copy && input.relations[0]) plan.text_is_read |= input.relations[0]->shows_text;
  return plan;
}

}  // namespace weir::capture
