#include "proxy/settings/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

namespace weir::proxy {

namespace {

std::vector<std::string> known_keys() {
  std::vector<std::string> keys;
  for (const auto& row : settings_table()) keys.emplace_back(row.key);
  return keys;
}

std::vector<std::string> known_emitter_keys() {
  std::vector<std::string> keys = {"uri"};
  for (const auto& line : emitter_setting_lines())
    keys.push_back(line.any_key ? line.key.substr(0, line.key.find('.')) : line.key);
  return keys;
}

/// True for "journal", which is only the beginning of keys.
bool is_section(const std::string& key, const std::vector<std::string>& keys) {
  for (const auto& one : keys) {
    if (one.rfind(key + ".", 0) == 0) return true;
  }
  return false;
}

class Reader {
 public:
  explicit Reader(std::string name) : name_(std::move(name)) {}

  Result<std::vector<Assignment>> read(const YAML::Node& root) {
    if (root.IsNull() || !root.IsDefined()) return std::move(assignments_);
    if (!root.IsMap()) return Error{name_ + ":1: must be a map of settings, such as \"listen: 127.0.0.1:6432\"", ""};
    if (auto done = read_map(root, ""); !done) return done.error();
    return std::move(assignments_);
  }

 private:
  std::string at(const YAML::Node& node) const { return name_ + ":" + std::to_string(node.Mark().line + 1) + ": "; }

  Result<void> read_map(const YAML::Node& map, const std::string& above) {
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) return Error{at(entry.first) + "a key must be a name", ""};
      const auto key = above + entry.first.Scalar();
      if (!given_.insert(key).second) return Error{at(entry.first) + "\"" + key + "\" is given twice", ""};
      if (auto done = read_entry(key, entry.first, entry.second); !done) return done;
    }
    return {};
  }

  Result<void> read_entry(const std::string& key, const YAML::Node& name, const YAML::Node& value) {
    if (const auto* row = find_setting(key)) return row->repeats ? read_list(*row, value) : read_scalar(*row, value);
    if (is_section(key, known_keys())) {
      if (value.IsNull()) return {};
      if (!value.IsMap())
        return Error{at(value) + "\"" + key + "\" must be a map of settings; did you mean \"" + first_of(key) + "\"?",
                     ""};
      return read_map(value, key + ".");
    }
    return Error{at(name) + "\"" + key + "\" is no setting of Weir" + did_you_mean(key, names_near(key)), ""};
  }

  /// Keys, and sections where the wrong name has no dot: "captur" is nearer to "capture" than to any whole key.
  static std::vector<std::string> names_near(const std::string& key) {
    auto names = known_keys();
    if (key.find('.') != std::string::npos) return names;
    for (const auto& one : known_keys()) names.push_back(one.substr(0, one.find('.')));
    return names;
  }

  /// The first setting of a section: "journal.path" of "journal".
  static std::string first_of(const std::string& section) {
    const auto keys = known_keys();
    return *std::find_if(keys.begin(), keys.end(),
                         [&](const std::string& key) { return key.rfind(section + ".", 0) == 0; });
  }

  Result<void> read_scalar(const Setting& row, const YAML::Node& value) {
    if (!value.IsScalar()) {
      return Error{at(value) + "\"" + std::string(row.key) + "\" must be one value: " + std::string(row.takes), ""};
    }
    assignments_.push_back({&row, value.Scalar(), at(value) + std::string(row.key), {}});
    return {};
  }

  Result<void> read_list(const Setting& row, const YAML::Node& value) {
    const std::string key(row.key);
    if (value.IsScalar()) return read_scalar(row, value);
    if (!value.IsSequence())
      return Error{
          at(value) + "\"" + key + "\" must be a list of " + std::string(row.takes) + ": each entry begins with \"- \"",
          ""};
    for (const auto& item : value) {
      if (key == "emit" && item.IsMap()) {
        if (auto done = read_emitter(row, item); !done) return done;
      } else if (auto done = read_scalar(row, item); !done) {
        return done;
      }
    }
    return {};
  }

  Result<void> read_emitter(const Setting& row, const YAML::Node& map) {
    Assignment assignment{&row, "", at(map) + "emit", {}};
    if (auto done = read_emitter_map(map, "", assignment); !done) return done;
    if (assignment.value.empty()) return Error{at(map) + "an entry of \"emit\" needs \"uri\": where its events go", ""};
    assignments_.push_back(std::move(assignment));
    return {};
  }

  Result<void> read_emitter_map(const YAML::Node& map, const std::string& above, Assignment& assignment) {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) return Error{at(entry.first) + "a key must be a name", ""};
      const auto key = above + entry.first.Scalar();
      if (!seen.insert(key).second) return Error{at(entry.first) + "\"" + key + "\" is given twice", ""};
      if (auto done = read_emitter_entry(key, entry.first, entry.second, assignment); !done) return done;
    }
    return {};
  }

  Result<void> read_emitter_entry(const std::string& key, const YAML::Node& name, const YAML::Node& value,
                                  Assignment& assignment) {
    if (value.IsMap() && (takes_any_key(key) || is_section(key, known_emitter_keys()))) {
      return read_emitter_map(value, key + ".", assignment);
    }
    if (key != "uri" && !is_emitter_key(key)) {
      return Error{
          at(name) + "\"" + key + "\" is no setting of an entry of emit" + did_you_mean(key, known_emitter_keys()), ""};
    }
    if (!value.IsScalar()) return Error{at(value) + "\"" + key + "\" must be one value", ""};
    if (key == "uri") {
      assignment.value = value.Scalar();
      assignment.place = at(value) + "emit";
    } else {
      assignment.of.push_back({key, value.Scalar(), at(value) + "emit." + key});
    }
    return {};
  }

  std::string name_;
  std::vector<Assignment> assignments_;
  std::set<std::string> given_;
};

}  // namespace

Result<std::vector<Assignment>> parse_config(const std::string& text, const std::string& name) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      return Error{name + ":" + std::to_string(documents[1].Mark().line + 1) +
                       ": is a second YAML document; all settings must be in one",
                   ""};
    return Reader(name).read(documents.empty() ? YAML::Node() : documents[0]);
  } catch (const YAML::Exception& error) {
    return Error{name + ":" + std::to_string(error.mark.line + 1) + ": is no valid YAML: " + error.msg, ""};
  }
}

Result<std::vector<Assignment>> read_config(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file || (text.str().empty() && errno != 0)) {
    return Error{path + ": cannot be read (" + std::strerror(errno) + "); --config needs a YAML file", ""};
  }
  return parse_config(text.str(), path);
}

}  // namespace weir::proxy
