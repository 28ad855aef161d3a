#include "capture/update_facts.h"

#include <algorithm>
#include <array>
#include <boost/algorithm/hex.hpp>
#include <boost/json.hpp>

namespace weir::capture {
namespace {

using Json = boost::json::value;
using Object = boost::json::object;

/// Longer sources are not read.
constexpr std::size_t kLongestSource = 50000;

// See facts.cpp for what such a question must look like. Stored sources are read here and not by the server's regular
// expressions, so that comments and literals are told from code.
constexpr std::string_view kQuery = R"(pg_catalog.json_build_object(
    'deferrable', EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid OPERATOR(pg_catalog.=) c.oid
       AND x.indisprimary AND NOT x.indimmediate),
    'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname,
         CASE WHEN b.oid OPERATOR(pg_catalog.<) '16384' OR b.typtype OPERATOR(pg_catalog.=) 'e' THEN b.typname END,
         b.typtype, COALESCE(k.collisdeterministic, true),
         CASE WHEN a.typtype OPERATOR(pg_catalog.=) 'd' THEN -1 ELSE a.atttypmod END) ORDER BY a.attnum)
       FROM columns a
       JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) CASE WHEN a.typtype OPERATOR(pg_catalog.=) 'd' THEN a.typbasetype ELSE a.atttypid END
       LEFT JOIN pg_catalog.pg_collation k ON k.oid OPERATOR(pg_catalog.=) a.attcollation),
    'generated', (SELECT pg_catalog.json_agg(DISTINCT a.attname) FROM tree JOIN pg_catalog.pg_attribute a
       ON a.attrelid OPERATOR(pg_catalog.=) tree.oid AND a.attgenerated OPERATOR(pg_catalog.<>) '' AND NOT a.attisdropped),
    'sources', (SELECT pg_catalog.json_agg(DISTINCT a.attname)
       FROM (SELECT pg_catalog.unnest(x.indkey::pg_catalog.int2[]) AS attnum FROM pg_catalog.pg_index x
         WHERE x.indrelid OPERATOR(pg_catalog.=) c.oid AND x.indisprimary) k
       JOIN columns g ON g.attnum OPERATOR(pg_catalog.=) k.attnum AND g.attgenerated OPERATOR(pg_catalog.<>) ''
       JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) c.oid AND d.adnum OPERATOR(pg_catalog.=) g.attnum
       JOIN pg_catalog.pg_depend p ON p.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass
         AND p.objid OPERATOR(pg_catalog.=) d.oid AND p.refobjid OPERATOR(pg_catalog.=) c.oid
         AND p.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
       JOIN columns a ON a.attnum OPERATOR(pg_catalog.=) p.refobjsubid),
    'triggers', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.lanname, s.source, s.arguments)
         ORDER BY s.lanname, s.source, s.arguments)
       FROM (SELECT DISTINCT l.lanname, pg_catalog.left(g.prosrc, 50000) AS source,
         pg_catalog.encode(g.tgargs, 'hex') AS arguments
       FROM triggers g JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) g.prolang
       WHERE g.before_update AND g.enabled) s),
    'operators', (SELECT pg_catalog.json_agg(DISTINCT o.oprname) FROM pg_catalog.pg_operator o
       WHERE o.oid OPERATOR(pg_catalog.>=) '16384' AND o.oprleft OPERATOR(pg_catalog.<) '16384'
         AND o.oprright OPERATOR(pg_catalog.<) '16384'),
    'casts', EXISTS (SELECT FROM pg_catalog.pg_cast x WHERE x.oid OPERATOR(pg_catalog.>=) '16384'
       AND x.castcontext OPERATOR(pg_catalog.=) 'i' AND x.castsource OPERATOR(pg_catalog.<) '16384'
       AND x.casttarget OPERATOR(pg_catalog.<) '16384'))::pg_catalog.text)";

std::string text_of(const Json& value) {
  return value.is_string() ? std::string(value.as_string()) : std::string();
}

std::vector<std::string> names_of(const Object& facts, std::string_view member) {
  std::vector<std::string> names;
  const Json* found = facts.if_contains({member.data(), member.size()});
  if (found == nullptr || !found->is_array()) return names;
  for (const Json& name : found->as_array()) names.push_back(text_of(name));
  return names;
}

bool flag_of(const Object& facts, std::string_view member) {
  const Json* found = facts.if_contains({member.data(), member.size()});
  return found == nullptr || !found->is_bool() || found->as_bool();
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// `name` is the type's under all domains, empty for one that is not the server's own; `kind` its typtype.
Sameness sameness_of(std::string_view name, std::string_view kind, bool deterministic, bool has_length) {
  constexpr std::array<std::string_view, 6> kPlain = {"int2", "int4", "oid", "bool", "uuid", "bytea"};
  constexpr std::array<std::string_view, 3> kTexts = {"text", "varchar", "name"};
  constexpr std::array<std::string_view, 4> kTimes = {"date", "time", "timestamp", "timestamptz"};
  if (kind == "e" || is_one_of(name, kTimes)) return Sameness::of_own_type;
  if (is_one_of(name, kPlain)) return Sameness::of_any_columns;
  // A double is equal to several of the largest.
  if (name == "int8") return Sameness::of_constants;
  // Without a length 'a' and 'a ' are equal.
  const bool text = is_one_of(name, kTexts) || (name == "bpchar" && has_length);
  return text && deterministic ? Sameness::of_constants : Sameness::unknown;
}

void read_types(const Object& facts, std::vector<ColumnType>& types) {
  const Json* columns = facts.if_contains("columns");
  if (columns == nullptr || !columns->is_array()) return;
  for (const Json& entry : columns->as_array()) {
    if (!entry.is_array() || entry.as_array().size() != 5) continue;
    const auto& parts = entry.as_array();
    const std::string name = text_of(parts[1]);
    const bool deterministic = parts[3].is_bool() && parts[3].as_bool();
    const bool has_length = parts[4].is_int64() && parts[4].as_int64() >= 0;
    types.push_back(
        {text_of(parts[0]), sameness_of(name, text_of(parts[2]), deterministic, has_length), !name.empty()});
  }
}

/// The first of a trigger's arguments, which end with a zero each and come in hex.
std::string first_argument(const std::string& hex) {
  std::string arguments;
  try {
    boost::algorithm::unhex(hex.begin(), hex.end(), std::back_inserter(arguments));
  } catch (const boost::algorithm::hex_decode_error&) {
    return {};
  }
  return arguments.substr(0, arguments.find('\0'));
}

TriggerEffects effects_of(const Object& facts) {
  TriggerEffects all;
  const Json* triggers = facts.if_contains("triggers");
  if (triggers == nullptr) return {.known = false};
  if (!triggers->is_array()) return all;  // null: there are none
  for (const Json& entry : triggers->as_array()) {
    if (!entry.is_array() || entry.as_array().size() != 3) return {.known = false};
    const auto& parts = entry.as_array();
    const std::string source = text_of(parts[1]);
    if (source.size() >= kLongestSource) return {.known = false};
    all.add(trigger_effects(text_of(parts[0]), source, first_argument(text_of(parts[2]))));
  }
  return all;
}

}  // namespace

const ColumnType* UpdateFacts::type_of(std::string_view column) const {
  const auto it = std::find_if(types.begin(), types.end(), [&](const auto& type) { return type.column == column; });
  return it == types.end() ? nullptr : &*it;
}

std::string_view update_facts_query() {
  return kQuery;
}

UpdateFacts read_update_facts(const std::optional<std::string_view>& value) {
  boost::system::error_code error;
  const Json parsed = value ? boost::json::parse({value->data(), value->size()}, error) : Json();
  const Object facts = !error && parsed.is_object() ? parsed.as_object() : Object();
  UpdateFacts read;
  read.key_deferrable = flag_of(facts, "deferrable");
  read.casts = flag_of(facts, "casts");
  read.generated = names_of(facts, "generated");
  read.key_sources = names_of(facts, "sources");
  read.operators = names_of(facts, "operators");
  read.triggers = effects_of(facts);
  read_types(facts, read.types);
  return read;
}

}  // namespace weir::capture
