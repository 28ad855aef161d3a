// What a trigger function can do to the row that it is shown, read from its source: which columns of NEW it assigns,
// and whether it may have the row left as it was. Only PL/pgSQL is read, and a few functions of the server that are
// known by name; of all else nothing is known. In doubt more is said to be assigned than is. Pure; takes any text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::capture {

struct TriggerEffects {
  bool known = true;                   ///< false: any column may be assigned, and the row may be left out
  bool may_skip = false;               ///< RETURN NULL: no row is written
  std::vector<std::string> sets = {};  ///< columns of NEW that may be assigned

  /// What two triggers of one table do.
  void add(const TriggerEffects& other);
};

/// `language` is pg_language.lanname, `source` pg_proc.prosrc, `argument` the trigger's first one, or empty.
TriggerEffects trigger_effects(std::string_view language, std::string_view source, std::string_view argument);

}  // namespace weir::capture
