#include "capture/event/table_shape.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "capture/event/json_members.h"

namespace weir::event {

namespace {

constexpr std::size_t kMostKeyColumns = 32;  // PostgreSQL's INDEX_MAX_KEYS
constexpr int kHeader = 4;                   // what a modifier of variable length is counted with

/// Texts and numbers with their ends: a length in front of each.
class Bytes {
 public:
  Bytes& add(std::string_view text) {
    add(text.size()).bytes_.append(text);
    return *this;
  }
  Bytes& add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(number >> shift));
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

std::string in_parentheses(std::int32_t number) {
  return "(" + std::to_string(number) + ")";
}

/// PostgreSQL's numeric: precision in the upper half, scale in the lower eleven bits, with a sign.
std::string numeric_modifier(std::int32_t modifier) {
  const auto value = static_cast<std::uint32_t>(modifier - kHeader);
  const std::uint32_t scale = value & 0x7FF;
  return "(" + std::to_string(value >> 16) + "," + std::to_string(static_cast<int>(scale ^ 1024) - 1024) + ")";
}

std::string modifier_text(std::string_view type, std::int32_t modifier) {
  if (modifier < 0) return {};
  if (type == "numeric") return numeric_modifier(modifier);
  if (type == "varchar" || type == "bpchar") return in_parentheses(modifier - kHeader);
  constexpr std::string_view plain[] = {"bit", "varbit", "time", "timetz", "timestamp", "timestamptz"};
  if (std::find(std::begin(plain), std::end(plain), type) != std::end(plain)) return in_parentheses(modifier);
  return {};
}

}  // namespace

std::string canonical_bytes(const TableShape& shape) {
  Bytes out;
  out.add(shape.schema).add(shape.table).add(shape.columns.size());
  for (const ShapeColumn& column : shape.columns) {
    out.add(column.name).add(static_cast<std::uint16_t>(column.number)).add(column.type);
    out.add(column.type_schema).add(column.type_name).add(static_cast<std::uint32_t>(column.modifier));
    out.add(static_cast<unsigned char>(column.kind)).add(column.base).add(column.not_null ? 1 : 0);
  }
  out.add(shape.key.size());
  for (const std::string& name : shape.key) out.add(name);
  return out.take();
}

std::string fingerprint_text(std::uint64_t fingerprint) {
  return hex(fingerprint);
}

std::string type_text(const ShapeColumn& column) {
  const bool own = column.type_schema == "pg_catalog";
  const bool array = own && column.type_name.starts_with('_');
  const std::string name = array ? column.type_name.substr(1) : column.type_name;
  return (own ? "" : column.type_schema + ".") + name + (own ? modifier_text(name, column.modifier) : "") +
         (array ? "[]" : "");
}

std::string describe(const TableShape& shape) {
  std::string text = shape.schema + "." + shape.table + ":";
  for (const ShapeColumn& column : shape.columns) {
    text += (&column == shape.columns.data() ? " " : ", ") + column.name + " " + type_text(column);
    if (column.not_null) text += " not null";
  }
  for (const std::string& name : shape.key) text += (&name == shape.key.data() ? "; key " : ", ") + name;
  return text;
}

bool fits(const TableShape& shape, std::string_view image, std::string& key) {
  std::array<std::string_view, kMostKeyColumns> values;
  if (shape.key.size() > values.size()) return false;
  MemberScanner scanner(image);
  std::size_t found = 0;
  for (const ShapeColumn& column : shape.columns) {
    const auto member = scanner.next();
    if (!member || !equals_unescaped(member->name, column.name)) return false;
    if (found == shape.key.size()) continue;
    const auto place = std::find(shape.key.begin(), shape.key.end(), column.name);
    if (place == shape.key.end()) continue;
    values[static_cast<std::size_t>(place - shape.key.begin())] = member->value;
    ++found;
  }
  if (scanner.next() || !scanner.well_formed() || found < shape.key.size()) return false;
  key.clear();
  for (std::size_t i = 0; i < shape.key.size(); ++i) {
    key += i == 0 ? '{' : ',';
    append_json_string(key, shape.key[i]);
    key += ':';
    key += values[i];
  }
  if (!shape.key.empty()) key += '}';
  return true;
}

}  // namespace weir::event
