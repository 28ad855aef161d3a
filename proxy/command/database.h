// The database, for commands that ask it something: a read-only session of Weir's own.
//
// It logs in as `upstream` says, and becomes `role` where one is given, so that rights and policies are that role's.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/doubt/libpq.h"
#include "proxy/settings/settings.h"

namespace weir::proxy {

struct DatabaseChoice {
  std::string database;  ///< empty: upstream's
  std::string role;      ///< empty: upstream's user
};

/// Takes --database NAME and --role NAME out of `arguments`. The complaint is a usage's.
Result<DatabaseChoice> take_database(std::vector<std::string>& arguments);

Result<SideConnection> open_read_only(const Settings& settings, const DatabaseChoice& choice);

}  // namespace weir::proxy
