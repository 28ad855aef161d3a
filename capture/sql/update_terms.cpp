#include "capture/sql/update_terms.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::capture {
namespace {

/// What is assigned or compared; null where it is nothing plain.
struct Pair {
  const Node* left;
  const Node* right;
};

bool is(const Node* node, NodeTag tag) {
  return node != nullptr && nodeTag(node) == tag;
}

/// A column's name: `id`, or `t.id` where t is the qualifier. Empty: it is none of those.
std::string_view column_of(const Node* node, std::string_view qualifier) {
  if (!is(node, T_ColumnRef)) return {};
  const List* fields = reinterpret_cast<const ColumnRef*>(node)->fields;
  const auto* last = reinterpret_cast<const Node*>(llast(fields));
  if (!is(last, T_String) || list_length(fields) > 2) return {};
  if (list_length(fields) == 2 && qualifier != strVal(linitial(fields))) return {};
  return strVal(last);
}

constexpr std::array<std::string_view, 31> kBuiltInTypes = {
    "int2", "int4", "int8",   "float4",    "float8",      "numeric",  "bool",    "bpchar", "varchar", "text", "uuid",
    "date", "time", "timetz", "timestamp", "timestamptz", "interval", "bytea",   "json",   "jsonb",   "inet", "cidr",
    "oid",  "bit",  "varbit", "money",     "char",        "name",     "macaddr", "xid8",   "pg_lsn"};

/// By its name; one of a user's own that stands before the server's in the search_path is not thought of.
bool is_built_in(const TypeName* type) {
  const int parts = type == nullptr ? 0 : list_length(type->names);
  if (parts == 0 || parts > 2) return false;
  if (parts == 2) return std::strcmp(strVal(linitial(type->names)), "pg_catalog") == 0;
  const std::string_view name = strVal(linitial(type->names));
  return std::find(kBuiltInTypes.begin(), kBuiltInTypes.end(), name) != kBuiltInTypes.end();
}

bool is_constant(const Node* node) {
  if (is(node, T_A_Const) || is(node, T_ParamRef)) return true;
  if (!is(node, T_TypeCast)) return false;
  const auto* cast = reinterpret_cast<const TypeCast*>(node);
  return is_built_in(cast->typeName) && (is(cast->arg, T_A_Const) || is(cast->arg, T_ParamRef));
}

/// The operator's name where it may be anybody's; empty where it is surely the server's.
std::string_view operator_of(const A_Expr& expression, bool& foreign) {
  const int parts = list_length(expression.name);
  if (parts == 0) return {};
  if (parts > 1) {
    foreign |= parts > 2 || std::strcmp(strVal(linitial(expression.name)), "pg_catalog") != 0;
    return {};
  }
  return strVal(linitial(expression.name));
}

bool is_equality(const A_Expr& expression) {
  return std::strcmp(strVal(llast(expression.name)), "=") == 0 &&
         (list_length(expression.name) == 1 || std::strcmp(strVal(linitial(expression.name)), "pg_catalog") == 0);
}

/// The sides of `a = b`, `a IN (b)`, `(a, b) = (c, d)`.
void add_equal(const Node* left, const Node* right, std::vector<Pair>& equal) {
  if (is(left, T_RowExpr) && is(right, T_RowExpr)) {
    const List* lefts = reinterpret_cast<const RowExpr*>(left)->args;
    const List* rights = reinterpret_cast<const RowExpr*>(right)->args;
    if (list_length(lefts) != list_length(rights)) return;
    for (int i = 0; i < list_length(lefts); ++i)
      equal.push_back({static_cast<const Node*>(list_nth(lefts, i)), static_cast<const Node*>(list_nth(rights, i))});
    return;
  }
  equal.push_back({left, right});
}

/// What the WHERE says of every row that it lets pass.
void read_equal(const Node* where, std::vector<Pair>& equal) {
  if (is(where, T_BoolExpr)) {
    const auto* all = reinterpret_cast<const BoolExpr*>(where);
    if (all->boolop != AND_EXPR) return;
    const ListCell* cell;
    foreach (cell, all->args) read_equal(static_cast<const Node*>(lfirst(cell)), equal);
  } else if (is(where, T_A_Expr)) {
    const auto* expression = reinterpret_cast<const A_Expr*>(where);
    if (!is_equality(*expression)) return;
    if (expression->kind == AEXPR_OP) add_equal(expression->lexpr, expression->rexpr, equal);
    if (expression->kind != AEXPR_IN || !is(expression->rexpr, T_List)) return;
    const auto* one = reinterpret_cast<const List*>(expression->rexpr);
    if (list_length(one) == 1) add_equal(expression->lexpr, static_cast<const Node*>(linitial(one)), equal);
  }
}

/// The value that one of SET's targets gets; null where it is not written out.
const Node* value_of(const ResTarget& target) {
  if (target.indirection != NIL || target.name == nullptr) return nullptr;
  if (!is(target.val, T_MultiAssignRef)) return target.val;
  const auto* part = reinterpret_cast<const MultiAssignRef*>(target.val);
  if (!is(part->source, T_RowExpr)) return nullptr;
  const List* values = reinterpret_cast<const RowExpr*>(part->source)->args;
  return part->colno <= list_length(values) ? static_cast<const Node*>(list_nth(values, part->colno - 1)) : nullptr;
}

/// `value` is what the WHERE compares the column with.
bool is_compared(std::string_view column, const Node* value, const std::vector<Pair>& equal, std::string_view alias) {
  return std::any_of(equal.begin(), equal.end(), [&](const Pair& pair) {
    const auto fits = [&](const Node* mine, const Node* other) {
      const bool comparable = is_constant(other) || is(other, T_ColumnRef);
      return comparable && column_of(mine, alias) == column && ::equal(other, value);
    };
    return fits(pair.left, pair.right) || fits(pair.right, pair.left);
  });
}

/// Names of the columns that ON CONFLICT infers its index from.
bool infers(const InferClause* infer, std::string_view column) {
  const ListCell* cell;
  foreach (cell, infer == nullptr ? NIL : infer->indexElems) {
    const auto* element = reinterpret_cast<const IndexElem*>(lfirst(cell));
    if (element->name != nullptr && element->collation == NIL && element->opclass == NIL && column == element->name)
      return true;
  }
  return false;
}

}  // namespace

void note_where_term(const Node* node, WhereTerms& terms) {
  switch (nodeTag(node)) {
    case T_A_Expr: {
      const auto* expression = reinterpret_cast<const A_Expr*>(node);
      const bool between = expression->kind >= AEXPR_BETWEEN && expression->kind <= AEXPR_NOT_BETWEEN_SYM;
      if (between) terms.operators.insert(terms.operators.end(), {"<", "<=", ">", ">="});
      const std::string_view name = between ? std::string_view() : operator_of(*expression, terms.foreign);
      if (!name.empty()) terms.operators.emplace_back(name);
      break;
    }
    case T_CaseExpr:
      terms.operators.emplace_back("=");
      break;
    case T_ColumnRef: {
      const auto* last = static_cast<const Node*>(llast(reinterpret_cast<const ColumnRef*>(node)->fields));
      terms.foreign |= !is(last, T_String);
      if (is(last, T_String)) terms.columns.emplace_back(strVal(last));
      break;
    }
    case T_TypeCast:
      terms.foreign |= !is_built_in(reinterpret_cast<const TypeCast*>(node)->typeName);
      break;
    case T_BoolExpr:
    case T_ParamRef:
    case T_A_Const:
    case T_TypeName:
    case T_NullTest:
    case T_BooleanTest:
    case T_RowExpr:
    case T_A_ArrayExpr:
    case T_CaseWhen:
    case T_CoalesceExpr:
    case T_MinMaxExpr:
    case T_SQLValueFunction:
    case T_A_Indirection:
    case T_A_Indices:
    case T_CollateClause:
    case T_List:
    case T_String:
    case T_Integer:
      break;
    default:
      terms.foreign = true;
  }
}

void read_kept(const UpdateStmt& update, WriteClauses& write) {
  std::vector<Pair> equal;
  read_equal(update.whereClause, equal);
  const ListCell* cell;
  foreach (cell, update.targetList) {
    const auto* target = reinterpret_cast<const ResTarget*>(lfirst(cell));
    const Node* value = value_of(*target);
    if (value == nullptr) continue;
    const bool column = is(value, T_ColumnRef);
    if (column_of(value, write.target.alias) == target->name) {
      write.kept.push_back({target->name, Sameness::unknown, false});
    } else if ((column || is_constant(value)) && is_compared(target->name, value, equal, write.target.alias)) {
      write.kept.push_back({target->name, column ? Sameness::of_any_columns : Sameness::of_constants, true});
    }
  }
}

void read_kept(const InsertStmt& insert, WriteClauses& write) {
  const OnConflictClause* conflict = insert.onConflictClause;
  if (conflict == nullptr) return;
  const ListCell* cell;
  foreach (cell, conflict->targetList) {
    const auto* target = reinterpret_cast<const ResTarget*>(lfirst(cell));
    const Node* value = value_of(*target);
    if (!is(value, T_ColumnRef)) continue;
    const bool qualified = list_length(reinterpret_cast<const ColumnRef*>(value)->fields) == 2;
    if (qualified && column_of(value, write.target.alias) == target->name)
      write.kept.push_back({target->name, Sameness::unknown, false});
    if (qualified && column_of(value, "excluded") == target->name && infers(conflict->infer, target->name))
      write.kept.push_back({target->name, Sameness::of_own_type, false});
  }
}

}  // namespace weir::capture
