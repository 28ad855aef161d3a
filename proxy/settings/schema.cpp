#include "proxy/settings/schema.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "proxy/settings/settings.h"

namespace weir::proxy {

namespace {

namespace json = boost::json;

constexpr const char* kReference = R"(\$\{[^}]+\})";

json::object any_of(std::initializer_list<json::value_ref> choices) {
  return {{"anyOf", json::array(choices)}};
}

/// A string in which something stands for an environment variable or a file.
json::object reference() {
  return {{"type", "string"}, {"pattern", kReference}};
}

json::object text_of_form(const std::string& pattern) {
  return {{"type", "string"}, {"pattern", pattern}};
}

json::object boolean() {
  return any_of({json::object{{"type", "boolean"}},
                 json::object{{"enum", {"true", "false", "yes", "no", "on", "off", "1", "0", 1, 0}}}, reference()});
}

json::object value_schema(std::string_view takes);

/// Words, and what stands for more than itself, as in "HOST:PORT|off".
json::object choice(std::string_view takes) {
  json::array names;
  json::array choices;
  for (std::string_view rest = takes; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('|'));
    if (name == "HOST:PORT" || name == "PATH" || name == "BYTES" || name == "DURATION") {
      choices.emplace_back(value_schema(name));
    } else {
      names.emplace_back(name);
    }
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
  }
  choices.insert(choices.begin(), json::object{{"enum", std::move(names)}});
  choices.emplace_back(reference());
  return {{"anyOf", std::move(choices)}};
}

json::object number(std::string_view takes) {
  const auto dots = takes.find("..");
  const auto bound = [](std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  return any_of(
      {json::object{
           {"type", "integer"}, {"minimum", bound(takes.substr(0, dots))}, {"maximum", bound(takes.substr(dots + 2))}},
       text_of_form("^[0-9]+$"), reference()});
}

/// A number alone, or with a unit behind it.
json::object amount(const std::string& units) {
  return any_of(
      {json::object{{"type", "integer"}, {"minimum", 0}}, text_of_form("^[0-9]+ *(" + units + ")?$"), reference()});
}

json::object text() {
  return {{"type", "string"}, {"minLength", 1}};
}

json::object scalar() {
  return {{"type", {"string", "number", "boolean"}}};
}

/// From what --help says that a setting takes.
json::object value_schema(std::string_view takes) {
  if (takes == "true|false") return boolean();
  if (takes.find('|') != takes.npos) return choice(takes);
  if (takes.find("..") != takes.npos) return number(takes);
  if (takes == "BYTES") return amount("[bB]|[kKmMgGtT](i?[bB])?");
  if (takes == "DURATION") return amount("ms|s|min|h|d");
  if (takes == "HOST:PORT" || takes == "MODE" || takes == "VALUE")
    return any_of({text(), json::object{{"type", "integer"}, {"minimum", 0}}});
  return text();
}

json::object described(json::object schema, std::string_view help, std::string_view fallback) {
  json::object result{{"description", help}};
  if (!fallback.empty()) result["default"] = fallback;
  for (auto& [key, value] : schema) result[key] = std::move(value);
  return result;
}

/// `properties` of the object at the end of the path "file.rotate_bytes" from there, the last name apart.
json::object& section(json::object& properties, std::string_view& key) {
  json::object* here = &properties;
  for (auto dot = key.find('.'); dot != key.npos; dot = key.find('.')) {
    auto& inner = (*here)[key.substr(0, dot)];
    if (!inner.is_object()) {
      inner =
          json::object{{"type", {"object", "null"}}, {"additionalProperties", false}, {"properties", json::object{}}};
    }
    here = &inner.as_object()["properties"].as_object();
    key.remove_prefix(dot + 1);
  }
  return *here;
}

/// A key may also be written with its dots. As a pattern, so that editors do not offer every key twice.
void allow_dotted(json::object& schema, std::string_view key, const std::string& root) {
  if (key.find('.') == key.npos) return;
  std::string pattern = "^";
  std::string pointer = root;
  for (const char c : key) pattern += c == '.' ? "\\." : std::string(1, c);
  for (const char c : key) pointer += c == '.' ? std::string("/properties/") : std::string(1, c);
  schema["patternProperties"].as_object()[pattern + "$"] = json::object{{"$ref", pointer}};
}

/// An entry of `emit` that has keys of its own.
json::object destination() {
  json::object properties;
  json::object schema{{"type", "object"},
                      {"required", {"uri"}},
                      {"additionalProperties", false},
                      {"patternProperties", json::object{}}};
  properties["uri"] = described(text(), "the destination, where an entry has keys of its own", "");
  for (const auto& line : emitter_setting_lines()) {
    const auto kind = line.key.substr(0, line.key.find('.'));
    if (line.any_key) {
      properties[kind] = described(any_of({json::object{{"$ref", "#/definitions/properties"}}}), line.help, "");
      schema["patternProperties"].as_object()["^" + kind + "\\.."] = scalar();
      continue;
    }
    std::string_view key = line.key;
    auto& place = section(properties, key);
    place[key] = described(value_schema(line.takes), line.help, line.fallback);
    allow_dotted(schema, line.key, "#/definitions/destination/properties/");
  }
  schema["properties"] = std::move(properties);
  return schema;
}

json::object property_schema(const Setting& row) {
  json::object one = value_schema(row.takes);
  if (row.key == "emit") one = any_of({one, json::object{{"$ref", "#/definitions/destination"}}});
  if (!row.repeats) return one;
  json::object list{{"type", "array"}, {"items", one}};
  // A list of one may be written as that one, but a destination with keys of its own only inside of a list.
  return any_of({row.key == "emit" ? text() : std::move(one), std::move(list)});
}

json::object whole_schema() {
  json::object schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
                      {"title", "weir.yaml"},
                      {"description", "The settings of Weir, a proxy that turns PostgreSQL writes into change events"},
                      {"type", {"object", "null"}},
                      {"additionalProperties", false},
                      {"patternProperties", json::object{}}};
  json::object properties;
  for (const auto& row : settings_table()) {
    std::string_view key = row.key;
    auto& place = section(properties, key);
    place[key] = described(property_schema(row), row.help, row.fallback);
    allow_dotted(schema, row.key, "#/properties/");
  }
  schema["properties"] = std::move(properties);
  // A property that is handed through (kafka.PROPERTY) may be nested at each of its dots.
  json::object handed{{"type", "object"},
                      {"additionalProperties", any_of({scalar(), json::object{{"$ref", "#/definitions/properties"}}})}};
  schema["definitions"] = json::object{{"destination", destination()}, {"properties", std::move(handed)}};
  return schema;
}

void print(std::string& out, const json::value& value, const std::string& indent) {
  const auto* object = value.if_object();
  if (object == nullptr || object->empty()) {
    out += json::serialize(value);
    return;
  }
  const char* between = "{\n";
  for (const auto& [key, inner] : *object) {
    out += between + indent + "  " + json::serialize(json::string(key)) + ": ";
    print(out, inner, indent + "  ");
    between = ",\n";
  }
  out += "\n" + indent + "}";
}

}  // namespace

std::string json_schema() {
  std::string out;
  print(out, whole_schema(), "");
  return out + "\n";
}

}  // namespace weir::proxy
