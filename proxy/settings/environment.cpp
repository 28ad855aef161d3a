#include "proxy/settings/environment.h"

#include <unistd.h>

#include <algorithm>

#include "proxy/settings/config.h"

namespace weir::proxy {

namespace {

constexpr std::string_view kPrefix = "WEIR_";

struct Variable {
  std::string name;
  std::string value;
};

/// Those of Weir's that hold something.
std::vector<Variable> of_weir(const std::vector<std::string>& variables) {
  std::vector<Variable> own;
  for (const auto& one : variables) {
    const auto equals = one.find('=');
    if (!one.starts_with(kPrefix) || equals == one.npos || equals + 1 == one.size()) continue;
    own.push_back({one.substr(0, equals), one.substr(equals + 1)});
  }
  std::sort(own.begin(), own.end(), [](const auto& one, const auto& other) { return one.name < other.name; });
  return own;
}

const Setting* find_variable(const std::string& name) {
  for (const auto& row : settings_table()) {
    if (name == variable_of(row.key) || (!row.flag.empty() && name == variable_of(row.flag.substr(2)))) return &row;
  }
  return nullptr;
}

/// "format" of WEIR_EMIT_FORMAT, "kafka.sasl.password" of WEIR_EMIT_KAFKA_SASL_PASSWORD; empty where it is none.
std::string emitter_key(const std::string& name) {
  const auto lines = emitter_setting_lines();
  for (const auto& line : lines)
    if (!line.any_key && name == variable_of("emit." + line.key)) return line.key;
  for (const auto& line : lines) {
    if (!line.any_key) continue;
    const auto section = line.key.substr(0, line.key.find('.') + 1);
    const auto prefix = variable_of("emit." + section);
    if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
    std::string property = lower(name.substr(prefix.size()));
    std::replace(property.begin(), property.end(), '_', '.');
    return section + property;
  }
  return "";
}

std::vector<std::string> known_names() {
  std::vector<std::string> names = {"WEIR_CONFIG"};
  for (const auto& row : settings_table()) names.push_back(variable_of(row.key));
  for (const auto& line : emitter_setting_lines())
    if (!line.any_key) names.push_back(variable_of("emit." + line.key));
  return names;
}

/// Measured without the prefix, which all of them have.
std::string near_name(const std::string& name) {
  auto names = known_names();
  for (auto& one : names) one.erase(0, kPrefix.size());
  return nearest(name.substr(kPrefix.size()), names);
}

bool is_list(const std::string& value) {
  return value.front() == '[' && value.back() == ']';
}

/// As weir.yaml would have it behind its key.
Result<std::vector<Assignment>> read_list(const Setting& row, const Variable& variable) {
  auto read = parse_config(std::string(row.key) + ": " + variable.value, variable.name);
  if (!read) return read;
  for (auto& assignment : *read) {
    assignment.place = variable.name;
    for (auto& of : assignment.of) of.place = variable.name + " (" + of.key + ")";
  }
  return read;
}

class Reader {
 public:
  Result<Environment> read(const std::vector<Variable>& variables) {
    for (const auto& variable : variables)
      if (auto done = take(variable); !done) return done.error();
    for (auto& [key, variable] : of_emit_)
      if (auto done = take_of_emit(key, variable); !done) return done.error();
    return std::move(environment_);
  }

 private:
  Result<void> take(const Variable& variable) {
    if (variable.name == "WEIR_CONFIG") {
      environment_.config = variable.value;
    } else if (const auto* row = find_variable(variable.name)) {
      return take(*row, variable);
    } else if (auto key = emitter_key(variable.name); !key.empty()) {
      of_emit_.emplace_back(std::move(key), variable);
    } else if (const auto near = near_name(variable.name); !near.empty()) {
      environment_.unknown.push_back(variable.name + ", which is no setting of Weir; did you mean \"" +
                                     std::string(kPrefix) + near + "\"?");
    }
    return {};
  }

  Result<void> take(const Setting& row, const Variable& variable) {
    auto& all = environment_.assignments;
    const auto before = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.row == &row; });
    if (before != all.end())
      return Error{variable.name + " and " + before->place + " are the same setting: leave one out", ""};
    if (!row.repeats || !is_list(variable.value)) {
      all.push_back({&row, variable.value, variable.name, {}});
      return {};
    }
    auto list = read_list(row, variable);
    if (!list) return list.error();
    for (auto& assignment : *list) all.push_back(std::move(assignment));
    return {};
  }

  Result<void> take_of_emit(const std::string& key, const Variable& variable) {
    std::vector<Assignment*> emit;
    for (auto& assignment : environment_.assignments)
      if (assignment.row->key == "emit") emit.push_back(&assignment);
    if (emit.empty()) return Error{variable.name + " needs the destination that it belongs to in WEIR_EMIT", ""};
    if (emit.size() > 1) {
      return Error{variable.name +
                       " does not say which destination of WEIR_EMIT it belongs to: write it inside of that, as in "
                       "[stdout, {uri: file:/a, format: flat}]",
                   ""};
    }
    emit.front()->of.push_back({key, variable.value, variable.name});
    return {};
  }

  Environment environment_;
  std::vector<std::pair<std::string, Variable>> of_emit_;
};

}  // namespace

std::string variable_of(std::string_view key) {
  std::string name(kPrefix);
  for (const char c : key) name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  return name;
}

Result<Environment> read_environment(const std::vector<std::string>& variables) {
  return Reader().read(of_weir(variables));
}

std::vector<std::string> process_environment() {
  std::vector<std::string> variables;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) variables.emplace_back(*one);
  return variables;
}

}  // namespace weir::proxy
