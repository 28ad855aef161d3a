#include "proxy/settings/shown.h"

#include <algorithm>

#include "proxy/settings/secret.h"

namespace weir::proxy {

std::vector<ShownSetting> shown_settings(const Sources& sources) {
  const auto all = effective(sources);
  std::vector<ShownSetting> rows;
  const auto add = [&](const std::string& key, std::string_view secret_by, const std::string& value,
                       const std::string& place) {
    rows.push_back({key, without_secrets(secret_by, value), place});
  };
  for (const auto& row : settings_table()) {
    const std::string key(row.key);
    const auto set = std::find_if(all.begin(), all.end(), [&](const Effective& one) { return one.row == &row; });
    if (set == all.end()) {
      add(key, key, std::string(row.fallback), "default");
      continue;
    }
    for (const auto* one : set->assignments) {
      add(key, key, one->value, one->place);
      for (const auto& of : one->of) add("emit[]." + of.key, of.key, of.value, of.place);
    }
  }
  return rows;
}

}  // namespace weir::proxy
