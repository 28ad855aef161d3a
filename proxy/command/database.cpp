#include "proxy/command/database.h"

#include "proxy/command/arguments.h"

namespace weir::proxy {

Result<DatabaseChoice> take_database(std::vector<std::string>& arguments) {
  auto database = take_flag(arguments, "--database");
  if (!database) return database.error();
  auto role = take_flag(arguments, "--role");
  if (!role) return role.error();
  return DatabaseChoice{std::move(*database), std::move(*role)};
}

Result<SideConnection> open_read_only(const Settings& settings, const DatabaseChoice& choice) {
  Credentials credentials = settings.credentials;
  if (!choice.database.empty()) credentials.database = choice.database;
  // In place of those that a side connection has else: names are looked up as a client's are, by its search_path.
  credentials.parameters["options"] = "-c statement_timeout=30s -c default_transaction_read_only=on";
  auto connection = SideConnection::open(settings.upstream, credentials);
  if (!connection || choice.role.empty()) return connection;
  const auto became =
      connection->query("SELECT pg_catalog.set_config('role', $1::pg_catalog.text, false)", {choice.role});
  if (!became) return Error{"as role \"" + choice.role + "\": " + became.error().message, became.error().sqlstate};
  return connection;
}

}  // namespace weir::proxy
