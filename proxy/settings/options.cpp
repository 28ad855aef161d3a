#include "proxy/settings/options.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::string_view kEmitPrefix = "emit.";

std::vector<std::string> flag_names() {
  std::vector<std::string> names = {"--config", "--help", "--version", "--reference"};
  for (const auto& row : settings_table()) {
    names.push_back("--" + std::string(row.key));
    if (!row.flag.empty()) names.emplace_back(row.flag);
  }
  for (const auto& line : emitter_setting_lines())
    names.push_back("--emit." + (line.any_key ? line.key.substr(0, line.key.find('.') + 1) : line.key));
  return names;
}

const Setting* find_flag(const std::string& flag) {
  for (const auto& row : settings_table()) {
    if (flag == row.flag || flag == "--" + std::string(row.key)) return &row;
  }
  return nullptr;
}

class Reader {
 public:
  explicit Reader(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  Result<CommandLine> read() {
    while (next_ < arguments_.size()) {
      if (auto done = read_flag(); !done) return done.error();
    }
    return std::move(line_);
  }

 private:
  Result<void> read_flag() {
    const std::string argument = arguments_[next_++];
    if (argument == "--help" || argument == "-h") {
      line_.help = true;
      return {};
    }
    if (argument == "--version" || argument == "-V") {
      line_.version = true;
      return {};
    }
    if (argument == "--reference") {
      line_.reference = true;
      return {};
    }
    if (argument.rfind("--", 0) != 0) {
      return Error{"\"" + argument + "\" is no flag: flags begin with --; weir --help lists them", ""};
    }
    const auto equals = argument.find('=');
    inline_value_.reset();
    if (equals != std::string::npos) inline_value_ = argument.substr(equals + 1);
    return store(argument.substr(0, equals));
  }

  Result<void> store(const std::string& flag) {
    if (flag == "--config") {
      auto path = value(flag, "PATH");
      if (path) line_.config = *path;
      return path ? Result<void>() : path.error();
    }
    if (const auto* row = find_flag(flag)) {
      auto text = value(flag, row->takes);
      if (text) line_.assignments.push_back({row, *text, flag, {}});
      return text ? Result<void>() : text.error();
    }
    const std::string key = flag.substr(2);
    if (key.rfind(kEmitPrefix, 0) == 0 && is_emitter_key(key.substr(kEmitPrefix.size()))) {
      return store_of_emit(flag, key.substr(kEmitPrefix.size()));
    }
    return Error{flag + " is no flag of Weir" + did_you_mean(flag, flag_names()) + "; weir --help lists them", ""};
  }

  Result<void> store_of_emit(const std::string& flag, const std::string& key) {
    auto& all = line_.assignments;
    const auto emit = std::find_if(all.rbegin(), all.rend(), [](const auto& one) { return one.row->key == "emit"; });
    if (emit == all.rend()) return Error{flag + " must stand behind the --emit it belongs to", ""};
    auto text = value(flag, key.rfind("t", 0) == 0 ? "true|false" : "VALUE");
    if (text) emit->of.push_back({key, *text, flag});
    return text ? Result<void>() : text.error();
  }

  Result<std::string> value(const std::string& flag, std::string_view takes) {
    if (inline_value_) return *inline_value_;
    const bool more = next_ < arguments_.size();
    const bool is_boolean = takes == "true|false";
    if (is_boolean && (!more || arguments_[next_].rfind("--", 0) == 0)) return std::string("true");
    if (!more) return Error{flag + " needs a value: " + flag + " " + std::string(takes), ""};
    return arguments_[next_++];
  }

  const std::vector<std::string>& arguments_;
  std::size_t next_ = 0;
  std::optional<std::string> inline_value_;
  CommandLine line_;
};

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  return Reader(arguments).read();
}

std::string help_text(const std::string& commands) {
  return "Weir relays PostgreSQL sessions and turns every committed write into a change event.\n\n"
         "  weir --listen 127.0.0.1:6432 --upstream postgresql://127.0.0.1:5432 --emit stdout\n"
         "  weir --config weir.yaml\n" +
         commands +
         "\n"
         "Every setting is a flag, a key in weir.yaml (key a.b is b: inside a:) and an environment variable (key a.b "
         "is\n"
         "WEIR_A_B). Flags win over the environment, the environment over the file.\n\n"
         "  --config PATH               read settings from this YAML file (also WEIR_CONFIG)\n"
         "  --help                      this text\n"
         "  --version                   which Weir this is\n"
         "  --reference                 the table of all settings, as in README.md\n" +
         settings_help();
}

}  // namespace weir::proxy
