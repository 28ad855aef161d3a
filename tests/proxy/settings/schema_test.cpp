// weir.yaml's JSON Schema against a validator of its own (valijson): the shipped file, every example, README.md's
// snippets, and that schema and Weir agree on what is right.
#include "proxy/settings/schema.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "proxy/settings/config.h"

namespace weir::proxy {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const fs::path kSource = WEIR_SOURCE_FOLDER;

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// As YAML 1.2's core schema types it, which is what editors do.
json::value scalar_value(const YAML::Node& node) {
  const std::string text = node.Scalar();
  if (node.Tag() == "!") return json::string(text);  // quoted
  static const std::regex whole("[-+]?[0-9]+");
  static const std::regex real("[-+]?([0-9]+\\.[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?");
  if (text == "true" || text == "false") return text == "true";
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  if (std::regex_match(text, whole)) return std::stoll(text);
  if (std::regex_match(text, real)) return std::stod(text);
  return json::string(text);
}

json::value to_json(const YAML::Node& node) {
  if (node.IsScalar()) return scalar_value(node);
  if (node.IsSequence()) {
    json::array list;
    for (const auto& one : node) list.push_back(to_json(one));
    return list;
  }
  if (!node.IsMap()) return nullptr;
  json::object map;
  for (const auto& entry : node) map[entry.first.Scalar()] = to_json(entry.second);
  return map;
}

const valijson::Schema& schema() {
  static const auto parsed = [] {
    auto one = std::make_unique<valijson::Schema>();
    const json::value text = json::parse(json_schema());
    valijson::adapters::BoostJsonAdapter adapter(text);
    valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(adapter, *one);
    return one;
  }();
  return *parsed;
}

/// Empty where the schema takes it.
std::string schema_complaint(const std::string& yaml) {
  const json::value value = to_json(YAML::Load(yaml));
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(schema(), valijson::adapters::BoostJsonAdapter(value), &results)) return "";
  std::string text;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    for (const auto& part : error.context) text += part;
    text += ": " + error.description + "\n";
  }
  return text;
}

std::string weir_complaint(const std::string& yaml) {
  auto read = parse_config(yaml, "weir.yaml");
  if (!read) return read.error().message;
  auto settings = settle({.file = *read});
  return settings ? "" : settings.error().message;
}

TEST(Schema, TheShippedFileIsWhatWeirPrints) {
  EXPECT_TRUE(read_file(kSource / "examples/weir.schema.json") == json_schema())
      << "write it anew: build/weir config --schema > examples/weir.schema.json";
}

TEST(Schema, NamesEverySettingOnce) {
  const auto parsed = json::parse(json_schema());
  const auto& properties = parsed.at("properties").as_object();
  for (const auto& row : settings_table()) {
    const json::value* here = &parsed;
    std::stringstream parts{std::string(row.key)};
    for (std::string part; std::getline(parts, part, '.');) here = &here->at("properties").at(part);
    EXPECT_EQ(here->at("description").as_string(), row.help);
  }
  EXPECT_EQ(properties.if_contains("capture.include"), nullptr) << "editors would offer it twice";
}

std::vector<fs::path> examples() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "examples")) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("weir") && name.ends_with(".yaml")) found.push_back(entry.path());
  }
  return found;
}

/// With what is switched off in it ("#key: value") switched on; the second way to write a key stays off.
std::string with_all_on(const std::string& text) {
  std::stringstream lines(text);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    const bool off = line.size() > 1 && line[0] == '#' && (line[1] != ' ' || line.starts_with("#  "));
    const bool stays = line.starts_with("#   build/") || line.starts_with("#upstream");
    all += (off && !stays ? line.substr(1) : line) + "\n";
  }
  return all;
}

TEST(Schema, TakesEveryExample) {
  ASSERT_FALSE(examples().empty());
  for (const auto& path : examples()) {
    EXPECT_EQ(schema_complaint(read_file(path)), "") << path;
    EXPECT_EQ(schema_complaint(with_all_on(read_file(path))), "") << path;
  }
}

TEST(Schema, EveryExampleTellsEditorsWhereItIs) {
  for (const auto& path : examples()) {
    std::stringstream text(read_file(path));
    std::string first;
    std::getline(text, first);
    const std::string line = "# yaml-language-server: $schema=";
    ASSERT_TRUE(first.starts_with(line)) << path << " must begin with " << line << "…";
    EXPECT_TRUE(fs::equivalent(path.parent_path() / first.substr(line.size()), kSource / "examples/weir.schema.json"))
        << path;
  }
}

/// Blocks of code that begin with a key of weir.yaml.
std::vector<std::string> snippets(const std::string& markdown) {
  std::vector<std::string> found;
  std::stringstream lines(markdown);
  std::string block;
  const auto finish = [&] {
    static const std::regex key("^[a-z_]+:( .*)?\n[^]*");
    if (std::regex_match(block, key)) found.push_back(block);
    block.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    ")) {
      block += line.substr(4) + "\n";
    } else {
      finish();
    }
  }
  finish();
  return found;
}

TEST(Schema, TakesTheReadmesSnippets) {
  const auto found = snippets(read_file(kSource / "README.md"));
  ASSERT_GE(found.size(), 2u);
  for (const auto& text : found) EXPECT_EQ(schema_complaint(text), "") << text;
}

TEST(Schema, AndWeirAgreeOnWhatIsRight) {
  const std::string least = "upstream: postgresql://db\n";
  for (const char* text : {
           "emit: stdout",
           "emit: [stdout, file:/a]",
           "emit: [{uri: stdout, format: flat}]",
           "emit: [{uri: file:/a, file: {rotate_bytes: 1MB}}]",
           "emit: [{uri: file:/a, file.rotate_bytes: 1 MB}]",
           "emit: [{uri: 'kafka://k/p', kafka: {compression.type: lz4, security: {protocol: ssl}, x: 1}}]",
           "emit: [{uri: 'kafka://k/p', kafka.compression.type: lz4}]",
           "emit: stdout\nlisten: 6432",
           "emit: stdout\nlisten: [6432, '*:1', unix:/run]",
           "emit: stdout\nworkers: '3'",
           "emit: stdout\nworkers: 3",
           "emit: stdout\nunix_socket: {permissions: 0770}",
           "emit: stdout\nunix_socket.permissions: '0770'",
           "emit: stdout\ncapture: {statement_text: off, facts_max_age: 5s}",
           "emit: stdout\njournal:",
           "emit: stdout\ncapture.statement_text: yes",
           "emit: stdout\njournal: {durability: commit, max_bytes: 10GiB}",
           "emit: stdout\njournal: {max_bytes: 0, hold_timeout_ms: 30s}",
           "emit: stdout\nshutdown: {timeout_ms: 5min}",
           "emit: stdout\nlog: {level: \"${PATH:}\"}",
       }) {
    const std::string yaml = least + text + "\n";
    // An environment variable's value is not the schema's business.
    if (yaml.find("${") == yaml.npos) {
      EXPECT_EQ(weir_complaint(yaml), "") << yaml;
    }
    EXPECT_EQ(schema_complaint(yaml), "") << yaml;
  }
}

TEST(Schema, AndWeirAgreeOnWhatIsWrong) {
  for (const char* text : {
           "nonsense: 1",
           "journal: {pth: x}",
           "journal: yes",
           "journal.pth: x",
           "workers: many",
           "workers: -1",
           "workers: 1025",
           "workers: [1]",
           "listen: {a: b}",
           "capture: {enabled: maybe}",
           "capture: {facts_max_age: 5 minutes}",
           "journal: {max_bytes: a lot}",
           "journal: {durability: never}",
           "emit: [{format: flat}]",
           "emit: [{uri: stdout, formt: flat}]",
           "emit: [{uri: stdout, tombstones: 2}]",
           "emit: [{uri: file:x, file: {rotate_byte: 1}}]",
           "emit: {uri: stdout}",
           "format: xml",
           "upstream: ''",
           "log: {level: loud}",
           "- a",
       }) {
    const std::string yaml = std::string(text) + "\n";
    EXPECT_NE(weir_complaint(yaml), "") << yaml;
    EXPECT_NE(schema_complaint(yaml), "") << yaml;
  }
}

}  // namespace
}  // namespace weir::proxy
