#include "capture/facts.h"

#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "capture/encoding.h"
#include "capture/server_run.h"

namespace weir::capture {
namespace {

// Operators are qualified like functions: a search_path that lists pg_catalog last would let others stand in for them.
// A schema that the role may not use has no table for it: to_regclass would raise what the client's own statement has
// to, at its place in the text. `tree` is the table with all that inherits from it, so partitions and old-style
// children are found alike. No LATERAL: that needs a nested loop, and under enable_nestloop = off its cost alone sets
// off seconds of JIT. Most of the question's price is planning, which every catalog named in it adds to: what several
// columns need is read once (`tables`, `columns`, `triggers`, `routes`). Nothing here opens a relation but those of the
// catalog: it waits for nobody who has locked a table (pg_get_expr would). Texts come as HEX(text): the bytes of the
// database itself, which no conversion can refuse. Type 790 is money; 24 and the like are known by names (regclass),
// which follow search_path. format_type would run a type's own function, and follows search_path too: so a type is its
// schema (quoted as the session does it, which unquoted() undoes), its name and its modifier. Function 817 is
// current_query. $2 is what the answer's digest must be, or empty: another one is a division by zero.
constexpr std::string_view kFactsPattern = R"(
WITH RECURSIVE root AS (
  SELECT CASE WHEN pg_catalog.cardinality(pg_catalog.parse_ident($1::pg_catalog.text)) OPERATOR(pg_catalog.=) 2
      AND NOT pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(
        pg_catalog.quote_ident((pg_catalog.parse_ident($1::pg_catalog.text))[1]))::pg_catalog.oid, 'USAGE')
    THEN NULL ELSE pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid END AS oid),
tree AS (
  SELECT oid FROM root WHERE oid IS NOT NULL
  UNION ALL
  SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent OPERATOR(pg_catalog.=) tree.oid),
tables AS (
  SELECT l.oid, n.nspname, l.relname, l.relkind, l.relpersistence, l.relhasrules
    FROM tree JOIN pg_catalog.pg_class l ON l.oid OPERATOR(pg_catalog.=) tree.oid
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) l.relnamespace),
columns AS (
  SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attgenerated, a.attnotnull,
      t.typname, t.typnamespace, t.typcategory, t.typtype, t.typbasetype
    FROM root JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) root.oid
    JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped),
triggers AS (
  SELECT g.tgisinternal, g.tgargs, p.prosrc, p.prolang, g.tgenabled OPERATOR(pg_catalog.<>) 'D' AS enabled,
      (g.tgtype OPERATOR(pg_catalog.&) 19::pg_catalog.int2) OPERATOR(pg_catalog.=) 19 AS before_update
    FROM tree JOIN pg_catalog.pg_trigger g ON g.tgrelid OPERATOR(pg_catalog.=) tree.oid
    JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) g.tgfoid),
routes AS (
  SELECT pg_catalog.json_agg(DISTINCT a.attname) FILTER (WHERE a.attname IS NOT NULL) AS names,
      pg_catalog.bool_or(k.expressions) AS expressions
    FROM (SELECT q.partrelid, q.partexprs IS NOT NULL AS expressions,
        pg_catalog.unnest(q.partattrs::pg_catalog.int2[]) AS attnum
      FROM tree JOIN pg_catalog.pg_partitioned_table q ON q.partrelid OPERATOR(pg_catalog.=) tree.oid) k
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) k.partrelid
      AND a.attnum OPERATOR(pg_catalog.=) k.attnum AND k.attnum OPERATOR(pg_catalog.<>) 0),
INSIDE_TYPESfacts AS MATERIALIZED (
SELECT c.oid::pg_catalog.text AS c1, HEX(c.nspname) AS c2, HEX(c.relname) AS c3,
  c.relkind::pg_catalog.text AS c4, c.relpersistence::pg_catalog.text AS c5,
  (c.relhasrules AND EXISTS (SELECT FROM pg_catalog.pg_rewrite r
     WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid AND r.ev_type OPERATOR(pg_catalog.<>) '1'))::pg_catalog.text AS c6,
  pg_catalog.row_security_active(c.oid)::pg_catalog.text AS c7,
  pg_catalog.has_table_privilege(c.oid, 'SELECT')::pg_catalog.text AS c8,
  (EXISTS (SELECT FROM triggers g WHERE NOT g.tgisinternal
     AND g.prosrc OPERATOR(pg_catalog.~*) 'current_query|pg_stat_activity|pg_stat_get_activity|pg_cursors')
   OR EXISTS (SELECT FROM tree JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) tree.oid
     WHERE d.adbin::pg_catalog.text OPERATOR(pg_catalog.~) ':funcid 817 '))::pg_catalog.text AS c9,
  HEX((SELECT pg_catalog.json_agg(a.attname ORDER BY k.place)
     FROM (SELECT x.indkey, x.indnkeyatts, pg_catalog.generate_subscripts(x.indkey, 1) AS place
       FROM pg_catalog.pg_index x WHERE x.indrelid OPERATOR(pg_catalog.=) c.oid AND x.indisprimary) k
     JOIN columns a ON a.attnum OPERATOR(pg_catalog.=) k.indkey[k.place]
     WHERE k.place OPERATOR(pg_catalog.<) k.indnkeyatts)) AS c10,
  HEX((SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, a.typcategory,
       pg_catalog.concat(CASE WHEN a.attgenerated OPERATOR(pg_catalog.=) 'v' THEN ''
         WHEN INSIDE_CAST
         WHEN a.atttypid OPERATOR(pg_catalog.=) '790' THEN 'n'
         WHEN a.atttypid OPERATOR(pg_catalog.=) ANY
           ('{24,2202,2203,2204,2205,2206,3734,3769,4089,4096,4191}'::pg_catalog.oid[]) THEN 'o'
         ELSE '' END, a.attgenerated)) ORDER BY a.attnum) FROM columns a)) AS c11,
  HEX((SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.oid::pg_catalog.text, l.nspname, l.relname) ORDER BY l.oid)
     FROM tables l)) AS c12,
  HEX((SELECT routes.names FROM routes)) AS c13,
  COALESCE((SELECT routes.expressions FROM routes), false)::pg_catalog.text AS c14,
  (NOT EXISTS (SELECT FROM tables l WHERE l.relpersistence OPERATOR(pg_catalog.<>) 'p'))::pg_catalog.text AS c15,
  SERVER_RUN AS run,
  HEX(UPDATE_FACTS) AS c17,
  EXISTS (SELECT FROM tables l WHERE l.relkind OPERATOR(pg_catalog.=) 'f')::pg_catalog.text AS c18,
  HEX(pg_catalog.current_schema()) AS c19,
  EXISTS (SELECT FROM triggers g WHERE g.before_update)::pg_catalog.text AS c20,
  HEX((SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname,
       a.atttypid::pg_catalog.text, a.atttypmod::pg_catalog.text, a.attnum::pg_catalog.text,
       a.typnamespace::pg_catalog.regnamespace::pg_catalog.text, a.typname,
       pg_catalog.concat(a.typtype, CASE WHEN a.attnotnull THEN 'n' ELSE '' END),
       a.typbasetype::pg_catalog.text) ORDER BY a.attnum) FROM columns a)) AS c21,
  COALESCE((pg_catalog.array_remove(pg_catalog.current_schemas(true), 'pg_catalog'))[1] OPERATOR(pg_catalog.=) c.nspname,
    false)::pg_catalog.text AS c22
FROM root LEFT JOIN tables c ON c.oid OPERATOR(pg_catalog.=) root.oid),
said AS MATERIALIZED (
  SELECT facts.*, pg_catalog.hashtextextended(pg_catalog.jsonb_build_array(
    c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c17, c18, c19, c20, c21, c22)::pg_catalog.text
    COLLATE pg_catalog."C", 0)::pg_catalog.text AS digest FROM facts)
SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, run, c17, c18, c19, c20, c21, c22, digest,
  (1 OPERATOR(pg_catalog./) CASE WHEN $2::pg_catalog.text OPERATOR(pg_catalog.=) '' OR digest OPERATOR(pg_catalog.=) $2::pg_catalog.text
    THEN 1 ELSE 0 END)::pg_catalog.text
FROM said)";
// The types that somebody has defined inside of a column's, where there are casts that row_to_json would call: those of
// type 114, json.
constexpr std::string_view kInsideTypes = R"(inside AS (
  SELECT a.attnum, a.atttypid AS oid FROM columns a
    WHERE a.atttypid OPERATOR(pg_catalog.>=) '16384'
      AND EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.casttarget OPERATOR(pg_catalog.=) '114'
        AND k.castmethod OPERATOR(pg_catalog.=) 'f' AND k.castsource OPERATOR(pg_catalog.>=) '16384')
  UNION
  SELECT inside.attnum, part.oid FROM inside JOIN (
      SELECT t.oid AS of, t.typbasetype AS oid FROM pg_catalog.pg_type t
        WHERE t.typbasetype OPERATOR(pg_catalog.>=) '16384'
      UNION ALL
      SELECT t.oid, t.typelem FROM pg_catalog.pg_type t WHERE t.typelem OPERATOR(pg_catalog.>=) '16384'
      UNION ALL
      SELECT t.oid, m.atttypid FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_attribute m ON m.attrelid OPERATOR(pg_catalog.=) t.typrelid
        WHERE m.attnum OPERATOR(pg_catalog.>) 0 AND NOT m.attisdropped
          AND m.atttypid OPERATOR(pg_catalog.>=) '16384') part
    ON part.of OPERATOR(pg_catalog.=) inside.oid),
)";
constexpr std::string_view kInsideCast =
    R"(EXISTS (SELECT FROM inside JOIN pg_catalog.pg_cast k ON k.castsource OPERATOR(pg_catalog.=) inside.oid
           WHERE inside.attnum OPERATOR(pg_catalog.=) a.attnum AND k.castmethod OPERATOR(pg_catalog.=) 'f'
             AND k.casttarget OPERATOR(pg_catalog.=) '114') THEN 't')";
// Whether there are such casts at all: only then does a column of somebody's type have to be looked into.
constexpr std::string_view kMayHaveInside = R"(a.atttypid OPERATOR(pg_catalog.>=) '16384'
           AND EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.casttarget OPERATOR(pg_catalog.=) '114'
             AND k.castmethod OPERATOR(pg_catalog.=) 'f' AND k.castsource OPERATOR(pg_catalog.>=) '16384') THEN 'i')";
constexpr std::size_t kFactsColumns = 24;
constexpr std::size_t kRunColumn = 15;
constexpr std::size_t kSchemaColumn = 18;
constexpr std::size_t kTypesColumn = 20;
constexpr std::uint32_t kFirstOwnOid = 16384;  // FirstNormalObjectId: those below are the server's own

using Json = boost::json::value;

std::string make_text(FactsText text) {
  constexpr std::string_view mark = "HEX(";
  std::string pattern(kFactsPattern);
  const auto put = [&pattern](std::string_view mark, std::string_view text) {
    pattern.replace(pattern.find(mark), mark.size(), text);
  };
  put("SERVER_RUN", server_run_expression());
  put("UPDATE_FACTS", text == FactsText::plain ? "NULL" : update_facts_query());
  put("INSIDE_TYPES", text == FactsText::whole ? kInsideTypes : "");
  put("INSIDE_CAST", text == FactsText::whole ? kInsideCast : kMayHaveInside);
  std::string out;
  std::string_view rest = pattern;
  for (auto at = rest.find(mark); at != std::string_view::npos; at = rest.find(mark)) {
    std::size_t end = at + mark.size();
    for (int depth = 1; depth > 0; ++end) depth += rest[end] == '(' ? 1 : rest[end] == ')' ? -1 : 0;
    const std::string_view inner = rest.substr(at + mark.size(), end - 1 - at - mark.size());
    out.append(rest.substr(0, at)).append("pg_catalog.encode(pg_catalog.convert_to((").append(inner);
    out.append(")::pg_catalog.text, pg_catalog.getdatabaseencoding()), 'hex')");
    rest.remove_prefix(end);
  }
  return out.append(rest);
}

/// Reads the row's columns. One that cannot be read spoils the whole answer: of a list of names that is not complete
/// nobody could say what it lacks.
class AnswerReader {
 public:
  AnswerReader(const wire::RowView& row, std::string_view encoding) : row_(row), encoding_(encoding) {}

  bool good() const { return good_; }

  std::string_view plain(std::size_t column) {
    if (!row_[column] || row_[column]->empty()) good_ = false;
    return good_ ? *row_[column] : std::string_view("?");
  }
  bool is_true(std::size_t column) {
    const std::string_view value = plain(column);
    good_ &= value == "true" || value == "false";
    return value == "true";
  }
  std::string text(std::size_t column) { return text_of(plain(column)); }
  std::vector<std::string> names(std::size_t column) {
    std::vector<std::string> names;
    for (const Json& name : array(column)) names.push_back(read_text(name));
    return names;
  }
  /// Entries of so many texts.
  template <std::size_t kTexts>
  std::vector<std::array<std::string, kTexts>> entries(std::size_t column) {
    std::vector<std::array<std::string, kTexts>> entries;
    for (const Json& entry : array(column)) {
      good_ &= entry.is_array() && entry.as_array().size() == kTexts;
      if (!good_) return {};
      auto& texts = entries.emplace_back();
      for (std::size_t i = 0; i < kTexts; ++i) texts[i] = read_text(entry.as_array()[i]);
    }
    return entries;
  }

 private:
  std::string text_of(std::string_view hex) {
    const auto bytes = decode_hex(hex);
    auto text = bytes ? to_utf8(*bytes, encoding_) : std::nullopt;
    good_ &= text.has_value();
    return text ? std::move(*text) : std::string();
  }
  /// An empty one where the column is NULL.
  boost::json::array array(std::size_t column) {
    if (!row_[column]) return {};
    boost::system::error_code error;
    Json parsed = boost::json::parse(text_of(*row_[column]), error);
    good_ &= !error && parsed.is_array();
    return good_ ? parsed.as_array() : boost::json::array();
  }
  std::string read_text(const Json& value) {
    good_ &= value.is_string();
    return good_ ? std::string(value.as_string()) : std::string();
  }

  const wire::RowView& row_;
  std::string_view encoding_;
  bool good_ = true;
};

void read_columns(AnswerReader& answer, std::size_t place, RelationFacts& facts) {
  for (auto& [name, category, form] : answer.entries<3>(place)) {
    const auto says = [&text = form](char letter) { return text.find(letter) != std::string::npos; };
    Column column{std::move(name), category.empty() ? 'U' : category[0], says('v'), says('s')};
    if (says('t')) column.form = Column::Form::text;
    if (says('n')) column.form = Column::Form::numeric;
    if (says('o')) column.form = Column::Form::oid;
    facts.may_have_casts |= says('i');
    facts.columns.push_back(std::move(column));
  }
}

template <typename Number>
Number read_number(std::string_view text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// regnamespace quotes a name where SQL would have to, or everywhere if the session says so.
std::string unquoted(std::string_view name) {
  if (!name.starts_with('"')) return std::string(name);
  std::string out;
  for (std::size_t i = 1; i + 1 < name.size(); ++i) {
    out.push_back(name[i]);
    if (name[i] == '"') ++i;
  }
  return out;
}

/// In the order of the columns; if they are not of the same ones, nothing.
void read_types(AnswerReader& answer, RelationFacts& facts) {
  std::vector<event::ShapeColumn> types;
  for (auto& [name, type, modifier, number, schema, type_name, letters, base] : answer.entries<8>(kTypesColumn)) {
    if (types.size() >= facts.columns.size() || facts.columns[types.size()].name != name) return;
    Column& column = facts.columns[types.size()];
    column.modifier = read_number<int>(modifier);
    event::ShapeColumn& said = types.emplace_back();
    said.name = std::move(name);
    said.number = read_number<std::int16_t>(number);
    said.type = read_number<std::uint32_t>(type);
    said.type_schema = unquoted(schema);
    said.type_name = std::move(type_name);
    said.modifier = column.modifier;
    said.kind = letters.empty() ? 'b' : letters[0];
    said.base = read_number<std::uint32_t>(base);
    said.not_null = letters.find('n', 1) != std::string::npos;
    if (said.kind == 'b' && said.type < kFirstOwnOid) column.type = said.type;
  }
  if (types.size() == facts.columns.size()) facts.types = std::move(types);
}

}  // namespace

RelationName unnamed(std::uint32_t oid) {
  return {std::string(1, '\0'), std::to_string(oid)};
}

std::uint32_t unnamed_oid(const RelationName& name) {
  return name.schema == std::string_view("\0", 1) ? read_number<std::uint32_t>(name.table) : 0;
}

std::uint32_t unnamed_oid(const event::ChangeEvent& change) {
  return change.schema == std::string_view("\0", 1) ? read_number<std::uint32_t>(change.table) : 0;
}

std::string_view facts_query(FactsText text) {
  static const std::array<std::string, kFactsTexts> texts = {make_text(FactsText::plain), make_text(FactsText::updates),
                                                             make_text(FactsText::whole)};
  return texts.at(std::size_t(text));
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
  return ascii_quoted(table.schema) + "." + ascii_quoted(table.table);
}

std::optional<RelationFacts> read_facts(const wire::RowView& row, std::string_view encoding) {
  if (row.size() != kFactsColumns) return std::nullopt;
  AnswerReader answer(row, encoding);
  RelationFacts facts;
  facts.oid = read_number<std::uint32_t>(answer.plain(0));
  facts.name = {answer.text(1), answer.text(2)};
  facts.kind = answer.plain(3).front();
  facts.persistence = answer.plain(4).front();
  facts.has_rules = answer.is_true(5);
  facts.row_security = answer.is_true(6);
  facts.selectable = answer.is_true(7);
  facts.shows_text = answer.is_true(8);
  facts.key = answer.names(9);
  read_columns(answer, 10, facts);
  for (auto& [oid, schema, table] : answer.entries<3>(11))
    facts.leaves[read_number<std::uint32_t>(oid)] = {schema, table};
  facts.routing = answer.names(12);
  facts.routes_by_expression = answer.is_true(13);
  facts.logged = answer.is_true(14);
  facts.updates = read_update_facts(row[16] ? std::optional(answer.text(16)) : std::nullopt);
  facts.has_foreign = answer.is_true(17);
  facts.has_update_triggers = answer.is_true(19);
  read_types(answer, facts);
  facts.is_first_in_path = answer.is_true(21);
  facts.digest = answer.plain(22);
  if (!answer.good() || facts.oid == 0) return std::nullopt;
  return facts;
}

std::string read_run(const wire::RowView& row) {
  return row.size() == kFactsColumns ? std::string(row[kRunColumn].value_or("")) : std::string();
}

std::string read_creation_schema(const wire::RowView& row, std::string_view encoding) {
  if (row.size() != kFactsColumns || !row[kSchemaColumn]) return {};
  AnswerReader answer(row, encoding);
  std::string schema = answer.text(kSchemaColumn);
  return answer.good() ? schema : std::string();
}

}  // namespace weir::capture
