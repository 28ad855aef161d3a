#include "proxy/settings/config_text.h"

#include <algorithm>

#include "proxy/settings/secret.h"

namespace weir::proxy {

namespace {

/// As it may stand in YAML: quoted where it could be read as something else than this text.
std::string scalar(const std::string& value) {
  constexpr std::string_view kPlain = "_./:@-+=%";
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool plain =
      !value.empty() && (is_letter(value.front()) || value.front() == '/') && value.back() != ':' &&
      std::all_of(value.begin(), value.end(), [&](char c) { return is_letter(c) || kPlain.find(c) != kPlain.npos; });
  if (plain) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '\n') {
      quoted += "\\n";
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

/// "weir.yaml:12" of "weir.yaml:12: journal.path"; flags and variables are their own names.
std::string origin(const std::string& place) {
  return place.substr(0, place.rfind(": "));
}

std::string shown(std::string_view key, const std::string& value) {
  return scalar(without_secrets(key, value));
}

class Writer {
 public:
  void write(const Setting& row, const Effective* set) {
    const std::string key(row.key);
    const auto dot = key.find('.');
    enter(dot == key.npos ? "" : key.substr(0, dot));
    const std::string name = indent_ + (dot == key.npos ? key : key.substr(dot + 1)) + ":";
    if (set == nullptr) {
      text_ += name + " " + scalar(std::string(row.fallback)) + "  # default\n";
    } else if (!row.repeats) {
      text_ += name + " " + value_of(key, *set->assignments.front()) + "\n";
    } else {
      text_ += name + "\n";
      for (const auto* one : set->assignments) write_entry(key, *one);
    }
  }

  std::string text() { return std::move(text_); }

 private:
  void enter(const std::string& section) {
    if (section != section_ && !section.empty()) text_ += section + ":\n";
    section_ = section;
    indent_ = section.empty() ? "" : "  ";
  }

  static std::string value_of(const std::string& key, const Assignment& one) {
    return shown(key, one.value) + "  # " + origin(one.place);
  }

  void write_entry(const std::string& key, const Assignment& entry) {
    const std::string dash = indent_ + "  - ";
    if (entry.of.empty()) {
      text_ += dash + value_of(key, entry) + "\n";
      return;
    }
    text_ += dash + "uri: " + value_of(key, entry) + "\n";
    for (const auto& of : entry.of)
      text_ += indent_ + "    " + of.key + ": " + shown(of.key, of.value) + "  # " + origin(of.place) + "\n";
  }

  std::string text_;
  std::string section_;
  std::string indent_;
};

}  // namespace

std::string config_text(const Sources& sources) {
  const auto all = effective(sources);
  Writer writer;
  for (const auto& row : settings_table()) {
    const auto set = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.row == &row; });
    if (set != all.end() || !row.fallback.empty()) writer.write(row, set == all.end() ? nullptr : &*set);
  }
  return writer.text();
}

}  // namespace weir::proxy
