#include "proxy/settings/change.h"

#include <algorithm>
#include <array>
#include <set>

#include "proxy/settings/expand.h"

namespace weir::proxy {

namespace {

// A section, all of it, ends with a dot.
constexpr std::array<std::string_view, 27> kChangeable = {
    "emit",
    "format",
    "prefix",
    "proxy_protocol.trusted",
    "application_name_add_host",
    "tls.",
    "auth.",
    "limits.connections",
    "limits.connections_per_client",
    "limits.login_timeout",
    "limits.logins",
    "capture.databases",
    "capture.include",
    "capture.exclude",
    "capture.exclude_columns",
    "capture.statement_text",
    "capture.facts_max_age",
    "capture.prepare_by_shape",
    "capture.max_row_bytes",
    "journal.max_bytes",
    "journal.hold_timeout_ms",
    "admin.database",
    "admin.token",
    "admin.events",
    "admin.users",
    "log.",
    "shutdown.timeout_ms",
};

}  // namespace

Result<SettingValues> setting_values(const Sources& sources) {
  constexpr char kSeparator = '\0';  // in no value
  SettingValues values;
  for (const auto& row : settings_table())
    if (!row.fallback.empty()) values[std::string(row.key)] = std::string(row.fallback) + kSeparator;
  for (const auto& one : effective(sources)) {
    auto& text = values[std::string(one.row->key)];
    text.clear();
    for (const auto* assignment : one.assignments) {
      auto value = expand(assignment->value, one.row->key == "upstream");
      if (!value) return Error{assignment->place + " " + value.error().message, ""};
      text += *value + kSeparator;
      for (const auto& of : assignment->of) {
        auto part = expand(of.value, false);
        if (!part) return Error{of.place + " " + part.error().message, ""};
        text += of.key + "=" + *part + kSeparator;
      }
    }
  }
  return values;
}

bool may_change(std::string_view key) {
  return std::any_of(kChangeable.begin(), kChangeable.end(),
                     [&](std::string_view one) { return one.ends_with('.') ? key.starts_with(one) : key == one; });
}

SettingsChange compare(const SettingValues& before, const SettingValues& after) {
  std::set<std::string> keys;
  for (const auto* values : {&before, &after})
    for (const auto& [key, value] : *values) keys.insert(key);
  const auto value_of = [](const SettingValues& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string() : found->second;
  };
  SettingsChange change;
  for (const auto& key : keys) {
    if (value_of(before, key) == value_of(after, key)) continue;
    (may_change(key) ? change.taken : change.left).push_back(key);
  }
  return change;
}

}  // namespace weir::proxy
