// What was set, and where: the common form of the command line and of weir.yaml before they become Settings.
//
// Reading (options.h, environment.h, config.h) only finds the table's row for each name; settle() stores the values,
// command line over environment over file over defaults; ${NAME} and ${file:PATH} in them are replaced first
// (expand.h). A list of a stronger source replaces the whole list of a weaker one. Complaints name the place, and show
// the value as it was written where it can be no password.
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
  std::string place;  ///< how a complaint begins: "weir.yaml:12: journal.path", "WEIR_JOURNAL" or "--journal"
  std::vector<EmitterAssignment> of;  ///< only where the row is `emit`
};

/// Where settings come from, the weakest first.
struct Sources {
  std::vector<Assignment> file = {};
  std::vector<Assignment> environment = {};
  std::vector<Assignment> command_line = {};
};

/// A setting that somebody set, and the assignments of it that count: more than one only of a list.
struct Effective {
  const Setting* row = nullptr;
  std::vector<const Assignment*> assignments;
};
/// In the table's order; what nobody set is not among them. They point into `sources`.
std::vector<Effective> effective(const Sources& sources);

/// The row with this key, or nullptr.
const Setting* find_setting(std::string_view key);
/// True for a key that an entry of `emit` can have.
bool is_emitter_key(std::string_view key);
/// True for "kafka" and "kafka.topic": what is below is handed through, so any key may stand there.
bool takes_any_key(std::string_view section);

/// Whether a password itself stands in one of these, and not only where it is to be found.
bool hold_password(const std::vector<Assignment>& assignments);

Result<Settings> settle(const Sources& sources);
/// The same without a judgment of what only a start needs, such as where events go: for a command that asks the
/// database something.
Result<Settings> settle_for_upstream(const Sources& sources);

}  // namespace weir::proxy
