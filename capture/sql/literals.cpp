// Reads what the parse tree says of literals and their sources in the text. Calls nothing of the server's code that may
// raise an error.
#include "capture/sql/literals.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "capture/sql/parse_tree.h"

namespace weir::capture {
namespace {

/// Longer numbers stay in the text.
constexpr std::size_t kMostDigits = 30;
/// Names of more bytes are cut off by the server, which says so each time that it parses them.
constexpr std::size_t kLongestName = 63;

bool is(const Node* node, NodeTag tag) {
  return node != nullptr && nodeTag(node) == tag;
}

template <typename T>
const T& as(const Node* node) {
  return *reinterpret_cast<const T*>(node);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_name_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (c & 0x80) != 0;
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// A word, or something in quotes, that is longer than a name can be.
bool has_long_name(std::string_view text) {
  std::size_t length = 0;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    length = c != '"' && (quoted || is_name_byte(c)) ? length + 1 : 0;
    if (length > kLongestName) return true;
  }
  return false;
}

/// Functions that are given no string here and are run, not folded into the plan: it makes no difference when the
/// statement was parsed.
bool is_plain_call(const FuncCall& call) {
  constexpr std::array<std::string_view, 10> kPlain = {"now",
                                                       "clock_timestamp",
                                                       "statement_timestamp",
                                                       "transaction_timestamp",
                                                       "gen_random_uuid",
                                                       "random",
                                                       "lower",
                                                       "upper",
                                                       "length",
                                                       "abs"};
  const int parts = list_length(call.funcname);
  const bool own = parts == 1 || (parts == 2 && std::strcmp(strVal(linitial(call.funcname)), "pg_catalog") == 0);
  const bool simple = call.agg_order == NIL && call.agg_filter == nullptr && call.over == nullptr &&
                      !call.agg_within_group && !call.agg_star && !call.agg_distinct && !call.func_variadic;
  return own && simple && is_one_of(strVal(llast(call.funcname)), kPlain);
}

bool compares(std::string_view name) {
  constexpr std::array<std::string_view, 10> kComparisons = {
      "=", "<>", "<", ">", "<=", ">=", "~~", "~~*", "!~~", "!~~*"};
  return is_one_of(name, kComparisons);
}

class LiteralReader {
 public:
  LiteralReader(std::string_view text, const Statement& statement, Literals& found)
      : text_(text), write_(*statement.write), found_(found) {}

  bool read(const Node* statement) {
    switch (nodeTag(statement)) {
      case T_InsertStmt:
        read_insert(as<InsertStmt>(statement));
        break;
      case T_UpdateStmt:
        read_update(as<UpdateStmt>(statement));
        break;
      case T_DeleteStmt:
        read_delete(as<DeleteStmt>(statement));
        break;
      default:
        good_ = false;
    }
    std::sort(found_.all.begin(), found_.all.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
    return good_;
  }

 private:
  void read_update(const UpdateStmt& update) {
    good_ &= update.fromClause == NIL && update.withClause == nullptr;
    read_targets(update.targetList);
    read_where(update.whereClause);
    read_returning(update.returningClause);
  }

  void read_delete(const DeleteStmt& remove) {
    good_ &= remove.usingClause == NIL && remove.withClause == nullptr;
    read_where(remove.whereClause);
    read_returning(remove.returningClause);
  }

  void read_insert(const InsertStmt& insert) {
    good_ &= insert.withClause == nullptr;
    read_returning(insert.returningClause);
    if (insert.onConflictClause != nullptr) read_conflict(*insert.onConflictClause);
    if (insert.selectStmt == nullptr) return;
    const auto& source = as<SelectStmt>(insert.selectStmt);
    good_ &= source.valuesLists != NIL && source.withClause == nullptr && source.sortClause == NIL &&
             source.limitCount == nullptr && source.limitOffset == nullptr && source.lockingClause == NIL &&
             source.op == SETOP_NONE;
    if (!good_) return;
    const ListCell* row;
    foreach (row, source.valuesLists) read_row(static_cast<const List*>(lfirst(row)), insert.cols);
  }

  void read_row(const List* row, const List* columns) {
    good_ &= columns == NIL || list_length(row) <= list_length(columns);
    for (int i = 0; good_ && i < list_length(row); ++i) {
      Literal target;
      target.position = std::size_t(i);
      if (columns != NIL) {
        const auto* column = static_cast<const ResTarget*>(list_nth(columns, i));
        good_ &= column->indirection == NIL;
        target.column = column->name;
      }
      assign(static_cast<const Node*>(list_nth(row, i)), target);
    }
  }

  void read_conflict(const OnConflictClause& conflict) {
    const InferClause* infer = conflict.infer;
    if (infer != nullptr) {
      good_ &= infer->whereClause == nullptr;
      const ListCell* cell;
      foreach (cell, infer->indexElems) good_ &= static_cast<const IndexElem*>(lfirst(cell))->expr == nullptr;
    }
    read_targets(conflict.targetList);
    if (conflict.whereClause != nullptr) read_expression(conflict.whereClause);
  }

  void read_targets(const List* targets) {
    const ListCell* cell;
    foreach (cell, targets) {
      const auto* target = static_cast<const ResTarget*>(lfirst(cell));
      good_ &= target->indirection == NIL && target->name != nullptr && !is(target->val, T_MultiAssignRef);
      if (!good_) return;
      Literal assigned;
      assigned.column = target->name;
      assign(target->val, assigned);
    }
  }

  void read_returning(const ReturningClause* returning) {
    if (returning == nullptr) return;
    const ListCell* cell;
    foreach (cell, returning->exprs) read_expression(static_cast<const ResTarget*>(lfirst(cell))->val);
  }

  void read_where(const Node* where) {
    if (where == nullptr) return;
    find_pinned(where);
    read_expression(where);
  }

  void find_pinned(const Node* where) {
    if (is(where, T_BoolExpr) && as<BoolExpr>(where).boolop == AND_EXPR) {
      const ListCell* cell;
      foreach (cell, as<BoolExpr>(where).args) find_pinned(static_cast<const Node*>(lfirst(cell)));
    }
    if (!is(where, T_A_Expr)) return;
    const auto& equal = as<A_Expr>(where);
    if (equal.kind != AEXPR_OP || operator_of(equal) != "=" || equal.lexpr == nullptr) return;
    const bool left = is_column(equal.lexpr);
    const auto value = literal_of(left ? equal.rexpr : equal.lexpr);
    if (value && value->kind != Literal::Kind::numeric)
      found_.pinned.push_back(column_of(left ? equal.lexpr : equal.rexpr));
  }

  void assign(const Node* value, const Literal& target) {
    auto literal = literal_of(value);
    if (!literal) return read_expression(value);
    literal->place = Literal::Place::assigned;
    literal->column = target.column;
    literal->position = target.position;
    found_.all.push_back(std::move(*literal));
  }

  void read_each(const List* list) {
    const ListCell* cell;
    foreach (cell, list) read_expression(static_cast<const Node*>(lfirst(cell)));
  }

  void read_expression(const Node* node) {
    if (!good_ || node == nullptr) return;
    switch (nodeTag(node)) {
      case T_A_Const:
        // Read now, a string would stay what it means now ('today').
        good_ &= as<A_Const>(node).isnull || nodeTag(&as<A_Const>(node).val) != T_String;
        break;
      case T_ColumnRef:
      case T_SQLValueFunction:
      case T_SetToDefault:
        break;
      case T_A_Expr:
        read_operation(as<A_Expr>(node));
        break;
      case T_BoolExpr:
        read_each(as<BoolExpr>(node).args);
        break;
      case T_NullTest:
        read_expression(reinterpret_cast<const Node*>(as<NullTest>(node).arg));
        break;
      case T_BooleanTest:
        read_expression(reinterpret_cast<const Node*>(as<BooleanTest>(node).arg));
        break;
      case T_CoalesceExpr:
        read_each(as<CoalesceExpr>(node).args);
        break;
      case T_MinMaxExpr:
        read_each(as<MinMaxExpr>(node).args);
        break;
      case T_TypeCast:
        read_expression(as<TypeCast>(node).arg);
        break;
      case T_FuncCall:
        good_ &= is_plain_call(as<FuncCall>(node));
        read_each(as<FuncCall>(node).args);
        break;
      default:
        good_ = false;
    }
  }

  void read_operation(const A_Expr& expression) {
    const std::string_view name = operator_of(expression);
    switch (expression.kind) {
      case AEXPR_OP:
      case AEXPR_DISTINCT:
      case AEXPR_NOT_DISTINCT:
      case AEXPR_LIKE:
      case AEXPR_ILIKE:
        read_side(expression.lexpr, expression.rexpr, name);
        read_side(expression.rexpr, expression.lexpr, name);
        break;
      case AEXPR_IN:
      case AEXPR_BETWEEN:
      case AEXPR_NOT_BETWEEN:
      case AEXPR_BETWEEN_SYM:
      case AEXPR_NOT_BETWEEN_SYM: {
        good_ &= is(expression.rexpr, T_List);
        if (!good_) return;
        read_expression(expression.lexpr);
        const ListCell* cell;
        foreach (cell, reinterpret_cast<const List*>(expression.rexpr))
          read_side(static_cast<const Node*>(lfirst(cell)), expression.lexpr, "=");
        break;
      }
      default:
        good_ = false;
    }
  }

  /// One side of an operator. A number without a column beside it is folded into the plan, and may fail there.
  void read_side(const Node* node, const Node* other, std::string_view name) {
    auto literal = literal_of(node);
    if (!literal) return read_expression(node);
    const bool text = literal->kind == Literal::Kind::text;
    const bool fits = text ? is_column(other) && (compares(name) || name == "||") : has_column(other);
    good_ &= fits || !text;
    if (!fits) return;
    literal->place = !text          ? Literal::Place::operand
                     : name == "||" ? Literal::Place::appended
                                    : Literal::Place::compared;
    literal->column = column_of(other);
    found_.all.push_back(std::move(*literal));
  }

  static std::string_view operator_of(const A_Expr& expression) {
    return expression.name == NIL ? std::string_view() : strVal(llast(expression.name));
  }

  bool is_column(const Node* node) const { return !column_of(node).empty(); }

  /// `id`, or `t.id` where t is the written table; empty where it is none of those.
  std::string column_of(const Node* node) const {
    if (!is(node, T_ColumnRef)) return {};
    const List* fields = as<ColumnRef>(node).fields;
    const auto* last = static_cast<const Node*>(llast(fields));
    if (!is(last, T_String) || list_length(fields) > 2) return {};
    const bool qualified = list_length(fields) == 2;
    if (qualified && write_.target.alias != strVal(linitial(fields))) return {};
    return strVal(last);
  }

  bool any_has_column(const List* list) const {
    const ListCell* cell;
    foreach (cell, list)
      if (has_column(static_cast<const Node*>(lfirst(cell)))) return true;
    return false;
  }

  bool has_column(const Node* node) const {
    if (node == nullptr) return false;
    switch (nodeTag(node)) {
      case T_ColumnRef:
        return true;
      case T_A_Expr:
        return has_column(as<A_Expr>(node).lexpr) || has_column(as<A_Expr>(node).rexpr);
      case T_TypeCast:
        return has_column(as<TypeCast>(node).arg);
      case T_List:
        return any_has_column(reinterpret_cast<const List*>(node));
      default:
        return false;
    }
  }

  /// With its place in the text; nothing where the node is no literal, or its source is not plain.
  std::optional<Literal> literal_of(const Node* node) const {
    if (is(node, T_A_Const)) return constant(as<A_Const>(node));
    if (!is(node, T_TypeCast) || !is(as<TypeCast>(node).arg, T_A_Const)) return std::nullopt;
    const TypeName* type = as<TypeCast>(node).typeName;
    const int parts = list_length(type->names);
    const bool plain = type->typmods == NIL && type->arrayBounds == NIL && !type->setof && !type->pct_type;
    if (!plain || parts == 0 || parts > 2) return std::nullopt;
    if (parts == 2 && std::strcmp(strVal(linitial(type->names)), "pg_catalog") != 0) return std::nullopt;
    auto literal = constant(as<A_Const>(as<TypeCast>(node).arg));
    if (!literal || literal->kind != Literal::Kind::text || !is_cast(as<TypeCast>(node), literal->end))
      return std::nullopt;
    literal->cast = strVal(llast(type->names));
    return literal;
  }

  /// By `::` behind its end: in `date '…'` nothing but a string may stand.
  bool is_cast(const TypeCast& cast, std::size_t end) const {
    return cast.location >= 0 && std::size_t(cast.location) >= end &&
           text_.substr(std::size_t(cast.location), 2) == "::";
  }

  std::optional<Literal> constant(const A_Const& value) const {
    if (value.isnull || value.location < 0 || std::size_t(value.location) >= text_.size()) return std::nullopt;
    switch (nodeTag(&value.val)) {
      case T_Integer:
        return number(std::size_t(value.location), std::to_string(value.val.ival.ival));
      case T_Float:
        return number(std::size_t(value.location), value.val.fval.fval);
      case T_String:
        return string(std::size_t(value.location), value.val.sval.sval);
      default:
        return std::nullopt;
    }
  }

  /// Digits, perhaps a sign before and a point between them. `value` is what the grammar has made of it.
  std::optional<Literal> number(std::size_t begin, std::string_view value) const {
    std::size_t at = begin;
    const bool negative = text_[at] == '-';
    if (negative) ++at;
    while (negative && at < text_.size() && is_space(text_[at])) ++at;
    const std::size_t first = at;
    while (at < text_.size() && is_digit(text_[at])) ++at;
    const bool whole = at == text_.size() || text_[at] != '.';
    if (!whole) ++at;
    while (at < text_.size() && is_digit(text_[at])) ++at;
    const bool ends = at == text_.size() || !(is_name_byte(text_[at]) || text_[at] == '.');
    if (!ends || at == first || at - first > kMostDigits) return std::nullopt;
    Literal literal;
    literal.value = (negative ? "-" : "") + std::string(text_.substr(first, at - first));
    literal.begin = begin;
    literal.end = at;
    std::int64_t number = 0;
    const char* end = literal.value.data() + literal.value.size();
    const auto [stop, error] = std::from_chars(literal.value.data(), end, number);
    const bool fits = whole && error == std::errc() && stop == end;
    const bool small =
        number >= std::numeric_limits<std::int32_t>::min() && number <= std::numeric_limits<std::int32_t>::max();
    literal.kind = !fits ? Literal::Kind::numeric : small ? Literal::Kind::int4 : Literal::Kind::int8;
    // As a check on what was read: leading zeros aside the grammar says the same.
    if (fits ? value != literal.value && value != std::to_string(number) : value != literal.value) return std::nullopt;
    return literal;
  }

  /// 'text' with its quotes doubled; no escapes, prefixes or parts on several lines.
  std::optional<Literal> string(std::size_t begin, std::string_view value) const {
    if (text_[begin] != '\'') return std::nullopt;
    Literal literal;
    std::size_t at = begin + 1;
    for (;; ++at) {
      if (at >= text_.size()) return std::nullopt;
      if (text_[at] == '\'' && (at + 1 >= text_.size() || text_[++at] != '\'')) break;
      literal.value.push_back(text_[at]);
    }
    literal.begin = begin;
    literal.end = at == text_.size() - 1 && text_[at] == '\'' ? at + 1 : at;
    for (at = literal.end; at < text_.size() && is_space(text_[at]);) ++at;
    const bool goes_on = at < text_.size() && text_[at] == '\'';
    if (goes_on || literal.value != value) return std::nullopt;
    return literal;
  }

  std::string_view text_;
  const WriteClauses& write_;
  Literals& found_;
  bool good_ = true;
};

}  // namespace

std::optional<Literals> read_literals(std::string_view text, const Statement& statement, LexerSettings settings) {
  const bool reads = statement.is_row_write() && !statement.has_parameters && !statement.modifying_with;
  if (!reads || !settings.standard_conforming_strings || settings.hides_backslashes) return std::nullopt;
  Literals found;
  {
    const Tree tree(text, settings);
    if (!tree.ok() || list_length(tree.statements()) != 1) return std::nullopt;
    const auto* raw = static_cast<const RawStmt*>(linitial(tree.statements()));
    if (!LiteralReader(text, statement, found).read(raw->stmt)) return std::nullopt;
  }
  std::size_t at = statement.begin;
  for (const Literal& literal : found.all) {
    if (has_long_name(text.substr(at, literal.begin - at))) return std::nullopt;
    at = literal.end;
  }
  if (has_long_name(text.substr(at, statement.end - at))) return std::nullopt;
  return found;
}

}  // namespace weir::capture
