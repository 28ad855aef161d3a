#include "capture/session/input_events.h"

#include <algorithm>
#include <boost/json.hpp>

#include "capture/encoding.h"
#include "capture/event/json_members.h"

namespace weir::capture {
namespace {

/// Text of a value as JSON, by the column's type: numbers and booleans stay bare where they are that in JSON too.
std::string json_value(std::string_view text, char category) {
  boost::system::error_code error;
  if (category == 'N') {
    const auto parsed = boost::json::parse({text.data(), text.size()}, error);
    if (!error && parsed.is_number()) return std::string(text);
  }
  if (category == 'B') {
    if (text == "t" || text == "true" || text == "TRUE") return "true";
    if (text == "f" || text == "false" || text == "FALSE") return "false";
  }
  std::string out;
  event::append_json_string(out, text);
  return out;
}

/// What the values of one INSERT are read with.
struct Reader {
  const RelationFacts& relation;
  const Scope& scope;
  const Portal* portal;
  const std::string& encoding;  ///< of the client's texts
  /// The parser makes UTF-8 or bytes of the database of an escape, and leaves the rest in the client's encoding.
  bool escapes;
};

/// Nothing where only the server knows the value, or where it is binary.
std::optional<std::string> json_of(const InputValue& value, const Reader& reader, char category) {
  using Kind = InputValue::Kind;
  if (value.kind == Kind::null) return "null";
  if (value.kind == Kind::unknown) return std::nullopt;
  if (value.kind != Kind::parameter) {
    if (reader.escapes && !is_ascii(value.text)) return std::nullopt;
    const auto text = to_utf8(value.text, reader.encoding);
    return text ? std::optional(json_value(*text, category)) : std::nullopt;
  }
  const Portal* portal = reader.portal;
  const auto index = std::size_t(value.parameter) - 1;
  if (portal == nullptr || index >= portal->values.size()) return std::nullopt;
  const auto& formats = portal->formats;
  const std::int16_t format = formats.empty() ? std::int16_t(0) : formats.size() == 1 ? formats[0] : formats[index];
  if (!portal->values[index]) return "null";
  if (format != 0) return std::nullopt;
  const auto text = to_utf8(*portal->values[index], reader.encoding);
  return text ? std::optional(json_value(*text, category)) : std::nullopt;
}

std::optional<std::string> row_of(const std::vector<InputValue>& values, const std::vector<std::string>& names,
                                  const Reader& reader) {
  if (values.size() > names.size()) return std::nullopt;
  std::string out = "{";
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& columns = reader.relation.columns;
    const auto column = std::find_if(columns.begin(), columns.end(),
                                     [&](const Column& candidate) { return candidate.name == names[i]; });
    // A column that the facts do not know may be one that is excluded.
    if (column == columns.end()) return std::nullopt;
    if (excludes_column(reader.scope, reader.relation, names[i])) continue;
    const auto value = json_of(values[i], reader, column->category);
    if (!value) return std::nullopt;
    if (out.size() > 1) out += ",";
    event::append_json_string(out, names[i]);
    out += ":" + *value;
  }
  return out + "}";
}

bool has_escapes(std::string_view text) {
  return text.find('\\') != std::string_view::npos || text.find("U&") != std::string_view::npos ||
         text.find("u&") != std::string_view::npos;
}

}  // namespace

std::optional<std::vector<event::ChangeEvent>> input_events(const InputOf& input) {
  const auto& [execution, statement, plan, rows, scope, server] = input;
  // Of the statement alone: a Query may have thousands.
  const std::string_view text = std::string_view(execution.text->text).substr(0, statement.end).substr(statement.begin);
  const auto values = insert_values(text, 0, execution.text->lexer);
  if (std::int64_t(values.size()) != rows) return std::nullopt;
  const bool converts = server.text_encoding() != "UTF8" || server.server_encoding != "UTF8";
  const Reader reader{*plan.relation, scope, execution.portal.get(), server.text_encoding(),
                      converts && has_escapes(execution.text->text)};
  std::vector<std::string> names = utf8_names(statement.write->columns, server);
  if (names.empty())
    for (const Column& column : plan.relation->columns) names.push_back(column.name);
  std::vector<event::ChangeEvent> changes;
  for (const auto& row : values) {
    auto after = row_of(row, names, reader);
    if (!after) return std::nullopt;
    event::ChangeEvent change;
    change.op = event::Op::create;
    change.fidelity = event::Fidelity::input;
    change.schema = plan.relation->name.schema;
    change.table = plan.relation->name.table;
    if (!plan.relation->key.empty()) change.key = event::select_members(*after, plan.relation->key);
    change.after = std::move(after);
    change.shape = plan.relation->shape;
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace weir::capture
