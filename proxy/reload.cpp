#include "proxy/reload.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "proxy/settings/environment.h"

namespace weir::proxy {

namespace {

/// Rows of these keys are taken from `running`.
std::vector<ShownSetting> with_rows_of(const std::vector<std::string>& keys, std::vector<ShownSetting> rows,
                                       const std::vector<ShownSetting>& running) {
  if (running.empty()) return rows;
  const auto is_one = [&](const ShownSetting& row) {
    return std::find(keys.begin(), keys.end(), row.key.substr(0, row.key.find('['))) != keys.end();
  };
  std::erase_if(rows, is_one);
  std::copy_if(running.begin(), running.end(), std::back_inserter(rows), is_one);
  return rows;
}

/// All values of a setting, as they are shown: "file:/a (format flat), stdout".
std::string shown_value(const std::vector<ShownSetting>& rows, const std::string& key) {
  std::string text;
  for (const auto& row : rows) {
    if (row.key == key) text += (text.empty() ? "" : ", ") + row.value;
    if (row.key.starts_with(key + "[].")) text += " (" + row.key.substr(key.size() + 3) + " " + row.value + ")";
  }
  return text;
}

}  // namespace

Result<Reload::Read> Reload::read() const {
  auto sources = read_sources(line_, process_environment());
  if (!sources) return sources.error();
  auto settings = settle(sources->sources);
  if (!settings) return settings.error();
  auto values = setting_values(sources->sources);
  if (!values) return values.error();
  auto change = compare(running_, *values);
  const auto wanted = shown_settings(sources->sources);
  for (const auto* keys : {&change.taken, &change.left})
    for (const auto& key : *keys) change.rows.push_back({key, shown_value(shown_, key), shown_value(wanted, key)});
  std::sort(change.rows.begin(), change.rows.end(),
            [](const auto& one, const auto& other) { return one.key < other.key; });
  auto shown = with_rows_of(change.left, wanted, shown_);
  return Read{std::move(*settings), std::move(change), std::move(sources->warnings), std::move(*values),
              std::move(shown)};
}

void Reload::taken(const Read& read) {
  shown_ = read.shown;
  for (const auto& key : read.change.taken) {
    const auto found = read.values.find(key);
    if (found == read.values.end()) {
      running_.erase(key);
    } else {
      running_[key] = found->second;
    }
  }
}

std::string told(const SettingsChange& change) {
  if (change.empty()) return "the settings are as they were";
  std::string text;
  if (!change.taken.empty()) text = "taken: " + joined(change.taken);
  if (!change.left.empty())
    text += (text.empty() ? "" : "; ") + std::string("not before a restart: ") + joined(change.left);
  return text;
}

}  // namespace weir::proxy
