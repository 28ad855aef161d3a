// Another configuration for a Weir that runs: the file is read anew and checked whole, as a start does it. It is
// refused with the reason, and all stays as it was; or it is taken, and what needs a restart is named.
//
// The command line and the environment are those of the start. Whoever calls applies what was read, and says so with
// taken(): what could not be applied is then found again. One thread at a time.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/settings/change.h"
#include "proxy/settings/shown.h"
#include "proxy/settings/sources.h"

namespace weir::proxy {

class Reload {
 public:
  struct Read {
    Settings settings;
    SettingsChange change;
    std::vector<std::string> warnings;
    SettingValues values;
    std::vector<ShownSetting> shown;  ///< what needs a restart as it was
  };

  /// Before anything runs: everything is a change.
  explicit Reload(CommandLine line) : line_(std::move(line)) {}
  Reload(CommandLine line, const Read& running)
      : line_(std::move(line)), running_(running.values), shown_(running.shown) {}

  Result<Read> read() const;
  /// What may change of it counts now. What needs a restart differs still.
  void taken(const Read& read);

 private:
  CommandLine line_;
  SettingValues running_;
  std::vector<ShownSetting> shown_;
};

/// "taken: capture.exclude, log.level; these need a restart: listen".
std::string told(const SettingsChange& change);

}  // namespace weir::proxy
