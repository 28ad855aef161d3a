// Which settings differ from those that Weir runs with, and which of them may change while it runs. Pure.
//
// Values are compared as they count: with what ${NAME} and ${file:PATH} stand for, so a secret that was renewed is a
// change. They are secrets themselves then, and only keys come out of here.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proxy/settings/assignment.h"

namespace weir::proxy {

/// By key; lists and the settings of destinations in one text. Holds secrets.
using SettingValues = std::map<std::string, std::string>;
Result<SettingValues> setting_values(const Sources& sources);

/// False: it needs a restart.
bool may_change(std::string_view key);

struct SettingsChange {
  std::vector<std::string> taken;  ///< keys that differ and may change
  std::vector<std::string> left;   ///< and that need a restart
  /// The same in words, without secrets; filled in by reload.h.
  struct Row {
    std::string key;
    std::string before;
    std::string after;
  };
  std::vector<Row> rows = {};

  bool takes(const std::string& key) const { return std::find(taken.begin(), taken.end(), key) != taken.end(); }
  bool empty() const { return taken.empty() && left.empty(); }
};
SettingsChange compare(const SettingValues& before, const SettingValues& after);

}  // namespace weir::proxy
