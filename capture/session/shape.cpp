#include "capture/session/shape.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace weir::capture {
namespace {

/// Of pg_type: the server's own, and the same in all versions.
enum Type : std::uint32_t {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kJson = 114,
  kCidr = 650,
  kFloat4 = 700,
  kFloat8 = 701,
  kMacaddr = 829,
  kInet = 869,
  kBpchar = 1042,
  kVarchar = 1043,
  kDate = 1082,
  kTime = 1083,
  kTimestamp = 1114,
  kTimestamptz = 1184,
  kInterval = 1186,
  kTimetz = 1266,
  kNumeric = 1700,
  kUuid = 2950,
  kJsonb = 3802
};

constexpr std::size_t kLongestText = 8192;
constexpr std::size_t kMostLiterals = 256;
constexpr std::size_t kSeen = 256;

struct NamedType {
  std::string_view name;
  Type type;
};

/// As the grammar names them.
constexpr std::array<NamedType, 23> kTypes = {
    {{"bool", kBool},         {"bytea", kBytea},         {"int8", kInt8},
     {"int2", kInt2},         {"int4", kInt4},           {"text", kText},
     {"json", kJson},         {"cidr", kCidr},           {"float4", kFloat4},
     {"float8", kFloat8},     {"macaddr", kMacaddr},     {"inet", kInet},
     {"bpchar", kBpchar},     {"varchar", kVarchar},     {"date", kDate},
     {"time", kTime},         {"timestamp", kTimestamp}, {"timestamptz", kTimestamptz},
     {"interval", kInterval}, {"timetz", kTimetz},       {"numeric", kNumeric},
     {"uuid", kUuid},         {"jsonb", kJsonb}}};

bool is_known(std::uint32_t type) {
  return std::any_of(kTypes.begin(), kTypes.end(), [type](const NamedType& known) { return known.type == type; });
}

bool is_number(std::uint32_t type) {
  constexpr std::array<std::uint32_t, 6> kNumbers = {kInt2, kInt4, kInt8, kFloat4, kFloat8, kNumeric};
  return std::find(kNumbers.begin(), kNumbers.end(), type) != kNumbers.end();
}

/// Without a cast, or with one to the column's own type.
bool is_of_type(const Literal& literal, std::uint32_t type) {
  if (literal.cast.empty()) return true;
  return std::any_of(kTypes.begin(), kTypes.end(),
                     [&](const NamedType& known) { return known.name == literal.cast && known.type == type; });
}

/// Digits before the point that the number may need, also when it is rounded.
std::size_t whole_digits(std::string_view number) {
  if (number.starts_with('-')) number.remove_prefix(1);
  return number.substr(0, number.find('.')).size() + 1;
}

/// Of numeric(p,s): what stands before the point. 0: unlimited, or one that is not looked at.
std::size_t digits_of(int modifier) {
  if (modifier < 4) return 0;
  const int precision = (modifier - 4) >> 16 & 0xffff;
  const int scale = (modifier - 4) & 0x7ff;
  return scale <= precision ? std::size_t(precision - scale) : 0;
}

bool is_plain_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
  return !text.empty() && text.size() <= 30 && std::all_of(text.begin(), text.end(), digit);
}

bool fits_numeric(std::string_view number, int modifier) {
  return modifier < 0 || whole_digits(number) <= digits_of(modifier);
}

/// A number's cast to the column's type cannot fail.
bool number_fits(const Literal& literal, const Column& column) {
  switch (column.type) {
    case kInt2: {
      // Of an int4 the value is known to be a number.
      const long value =
          literal.kind == Literal::Kind::int4 ? std::strtol(literal.value.c_str(), nullptr, 10) : 1L << 20;
      return value >= -32768 && value <= 32767;
    }
    case kInt4:
      return literal.kind == Literal::Kind::int4;
    case kInt8:
      return literal.kind != Literal::Kind::numeric;
    case kFloat4:
    case kFloat8:
      return true;
    case kNumeric:
      return fits_numeric(literal.value, column.modifier);
    default:
      return false;
  }
}

/// What the type's input function makes of the string needs no further cast, or one that cannot fail.
bool string_fits(const Literal& literal, const Column& column) {
  if (!is_known(column.type) || !is_of_type(literal, column.type)) return false;
  if (column.modifier < 0) return true;
  switch (column.type) {
    case kVarchar:
    case kBpchar:
      return literal.value.size() + 4 <= std::size_t(column.modifier);
    case kNumeric:
      return is_plain_number(literal.value) && fits_numeric(literal.value, column.modifier);
    case kTime:
    case kTimetz:
    case kTimestamp:
    case kTimestamptz:
      return true;  // it is rounded
    default:
      return false;
  }
}

const Column* column_of(const Literal& literal, const RelationFacts& relation) {
  const auto& columns = relation.columns;
  if (literal.column.empty()) {
    const bool by_place = literal.place == Literal::Place::assigned && literal.position < columns.size();
    return by_place ? &columns[literal.position] : nullptr;
  }
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const Column& known) { return known.name == literal.column; });
  return found == columns.end() ? nullptr : &*found;
}

bool can_be_parameter(const Literal& literal, const RelationFacts& relation) {
  using Place = Literal::Place;
  const bool text = literal.kind == Literal::Kind::text;
  const Column* column = column_of(literal, relation);
  // int4 has casts to other types that no value fails.
  if (column == nullptr) return !text && literal.place == Place::operand && literal.kind == Literal::Kind::int4;
  switch (literal.place) {
    case Place::assigned:
      return text ? string_fits(literal, *column) : number_fits(literal, *column);
    case Place::compared:
      return is_known(column->type) && is_of_type(literal, column->type);
    case Place::appended:
      return literal.cast.empty() && (column->type == kText || column->type == kVarchar || column->type == kJsonb);
    case Place::operand:
      return literal.kind == Literal::Kind::int4 || is_number(column->type);
  }
  return false;
}

std::uint32_t type_of(Literal::Kind kind) {
  switch (kind) {
    case Literal::Kind::int4:
      return kInt4;
    case Literal::Kind::int8:
      return kInt8;
    case Literal::Kind::numeric:
      return kNumeric;
    default:
      return 0;
  }
}

void append_int16(std::string& out, std::size_t value) {
  out += {char(value >> 8 & 0xff), char(value & 0xff)};
}

void append_int32(std::string& out, std::size_t value) {
  append_int16(out, value >> 16 & 0xffff);
  append_int16(out, value & 0xffff);
}

/// All of the key is compared: whatever the values are, the same row of the same index is meant.
bool pins_key(const Literals& literals, const RelationFacts& relation) {
  return !relation.key.empty() && std::all_of(relation.key.begin(), relation.key.end(), [&](const std::string& column) {
    return std::find(literals.pinned.begin(), literals.pinned.end(), column) != literals.pinned.end();
  });
}

}  // namespace

std::optional<Shape> make_shape(std::string_view text, const Statement& statement, LexerSettings settings,
                                const RelationFacts& relation) {
  // What is prepared keeps its table while the path stays as it is, also where the name means another one by now.
  if (statement.tables[0].schema.empty() && !relation.is_first_in_path) return std::nullopt;
  // A generic plan of a partitioned table locks all of it, where the values alone would have left most of it out.
  if (relation.kind != 'r' || relation.leaves.size() > 1 || text.size() > kLongestText) return std::nullopt;
  const auto literals = read_literals(text, statement, settings);
  if (!literals || literals->all.size() > kMostLiterals) return std::nullopt;
  if (statement.kind != StatementKind::insert && !pins_key(*literals, relation)) return std::nullopt;
  Shape shape;
  std::string values;
  std::size_t count = 0;
  std::size_t at = statement.begin;
  for (const Literal& literal : literals->all) {
    if (!can_be_parameter(literal, relation)) {
      if (literal.kind == Literal::Kind::text) return std::nullopt;
      continue;
    }
    shape.text.append(text.substr(at, literal.begin - at)).append(" $").append(std::to_string(++count)).append(" ");
    append_int32(shape.types, type_of(literal.kind));
    append_int32(values, literal.value.size());
    values += literal.value;
    at = literal.end;
  }
  shape.text += text.substr(at, statement.end - at);
  std::string number;
  append_int16(number, count);
  shape.types.insert(0, number);
  shape.parameters.append(2, '\0').append(number).append(values);
  return shape;
}

Shapes::StatementPtr Shapes::find(std::string_view text, std::string_view types) {
  const std::size_t hash = std::hash<std::string_view>()(text) * 31 + std::hash<std::string_view>()(types);
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->hash != hash || it->text != text || it->types != types) continue;
    entries_.splice(entries_.begin(), entries_, it);
    return it->statement;
  }
  seen_.resize(kSeen);
  std::uint32_t& place = seen_[hash % kSeen];
  const auto mark = std::uint32_t(hash >> 16);
  if (std::exchange(place, mark) != mark) return nullptr;
  if (entries_.size() >= kMost) {
    drop(*entries_.back().statement);
    entries_.pop_back();
  }
  entries_.push_front({hash, std::string(text), std::string(types), std::make_shared<ShapeStatement>()});
  return entries_.front().statement;
}

void Shapes::drop_all() {
  for (const Entry& entry : entries_) drop(*entry.statement);
  entries_.clear();
}

void Shapes::drop(const ShapeStatement& statement) {
  if (statement.own.sent) dropped_.push_back(statement.own.name);
}

}  // namespace weir::capture
