// How Weir logs in where it asks something itself: what `upstream` says beside the database's address. A plain value;
// it holds a password, so it is never logged and never put into a message.
#pragma once

#include <map>
#include <string>

namespace weir::proxy {

/// How Weir itself logs in to the database, for side connections. Clients log in for themselves.
struct Credentials {
  std::string user;
  std::string password;
  std::string database;
  std::string passfile = {};  ///< libpq's file of passwords; empty: its own rules hold (PGPASSFILE, ~/.pgpass)
  std::map<std::string, std::string> parameters = {};  ///< of libpq: channel_binding, application_name, krbsrvname, …
};

}  // namespace weir::proxy
