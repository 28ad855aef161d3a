// What was set, and where: the common form of the command line and of weir.yaml before they become Settings.
//
// Reading (options.h, config.h) only finds the table's row for each name; settle() stores the values, command line over
// file over defaults; ${NAME} and ${file:PATH} in them are replaced first (expand.h). A list on the command line
// replaces the file's list. Complaints name the place, and show the value as it was written where it can be no
// password.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

/// "format" or "kafka.compression.type" of one entry of `emit`.
struct EmitterAssignment {
  std::string key;
  std::string value;
  std::string place;
};

struct Assignment {
  const Setting* row = nullptr;
  std::string value;
  std::string place;                  ///< how a complaint begins: "weir.yaml:12: journal.path" or "--journal"
  std::vector<EmitterAssignment> of;  ///< only where the row is `emit`
};

/// The row with this key, or nullptr.
const Setting* find_setting(std::string_view key);
/// True for a key that an entry of `emit` can have.
bool is_emitter_key(std::string_view key);

/// Whether a password itself stands in one of these, and not only where it is to be found.
bool hold_password(const std::vector<Assignment>& assignments);

Result<Settings> settle(const std::vector<Assignment>& file, const std::vector<Assignment>& command_line);

}  // namespace weir::proxy
