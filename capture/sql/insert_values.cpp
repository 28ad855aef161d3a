// The values of INSERT … VALUES, as far as the client wrote them out.
#include "capture/sql/parse_tree.h"

namespace weir::capture {
namespace {

InputValue constant(const A_Const& value) {
  using Kind = InputValue::Kind;
  if (value.isnull) return {Kind::null, {}, 0};
  switch (nodeTag(&value.val)) {
    case T_Integer:
      return {Kind::number, std::to_string(value.val.ival.ival), 0};
    case T_Float:
      return {Kind::number, value.val.fval.fval, 0};
    case T_Boolean:
      return {Kind::boolean, value.val.boolval.boolval ? "true" : "false", 0};
    case T_String:
      return {Kind::text, value.val.sval.sval, 0};
    default:
      return {};
  }
}

InputValue input_value(const Node* node) {
  if (IsA(node, A_Const)) return constant(*reinterpret_cast<const A_Const*>(node));
  if (IsA(node, ParamRef)) return {InputValue::Kind::parameter, {}, reinterpret_cast<const ParamRef*>(node)->number};
  return {};
}

}  // namespace

std::vector<std::vector<InputValue>> insert_values(std::string_view text, std::size_t index, LexerSettings settings) {
  const Tree tree(text, settings);
  if (!tree.ok() || index >= std::size_t(list_length(tree.statements()))) return {};
  const auto* raw = reinterpret_cast<const RawStmt*>(list_nth(tree.statements(), int(index)));
  if (!IsA(raw->stmt, InsertStmt)) return {};
  const auto* source = reinterpret_cast<const SelectStmt*>(reinterpret_cast<const InsertStmt*>(raw->stmt)->selectStmt);
  std::vector<std::vector<InputValue>> rows;
  if (source == nullptr) return rows;
  const ListCell* row;
  foreach (row, source->valuesLists) {
    std::vector<InputValue>& values = rows.emplace_back();
    const ListCell* value;
    foreach (value, reinterpret_cast<const List*>(lfirst(row)))
      values.push_back(input_value(reinterpret_cast<const Node*>(lfirst(value))));
  }
  return rows;
}

}  // namespace weir::capture
