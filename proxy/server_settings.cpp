#include "proxy/server_settings.h"

#include "proxy/admin_room.h"

namespace weir::proxy {

namespace {

/// Of the process's limit, what is no client's.
std::uint64_t descriptors_of(const Settings& settings) {
  std::uint64_t kept = ServerOptions().descriptors_kept;
  for (const auto& emitter : settings.emit) kept += emitter.kind->descriptors();
  return kept;
}

std::optional<ClientTls> client_tls(const Settings& settings) {
  return settings.tls.certificate.empty() ? std::nullopt : std::optional(settings.tls);
}

}  // namespace

ServerOptions server_options(const Settings& settings, unsigned workers) {
  ServerOptions options;
  options.listen = settings.listen;
  options.socket_access = settings.socket_access;
  options.proxies = settings.proxies;
  options.application_name_host = settings.application_name_host;
  options.upstream = settings.upstream;
  options.client_tls = client_tls(settings);
  options.auth = settings.auth_mode;
  options.workers = workers;
  options.limits = settings.limits;
  options.login_timeout = settings.login_timeout;
  options.log_sessions = settings.log_sessions;
  options.descriptors_kept = descriptors_of(settings);
  if (!settings.admin.users.empty()) options.console_database = kConsoleDatabase;
  const auto& own = settings.credentials.database;
  options.console_login_database = own.empty() || own == kConsoleDatabase ? "postgres" : own;
  return options;
}

Server::Change server_change(const Settings& settings) {
  return {client_tls(settings), settings.login_timeout, settings.limits, descriptors_of(settings)};
}

}  // namespace weir::proxy
