#include "proxy/server_settings.h"

#include <unistd.h>

#include <utility>

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

ForNewClients for_new_clients(const Settings& settings, std::shared_ptr<VerifierSource> verifiers) {
  ForNewClients rules;
  rules.proxies = settings.proxies;
  rules.application_name_host = settings.application_name_host;
  rules.auth = settings.auth_mode;
  rules.verifiers = std::move(verifiers);
  rules.log_sessions = settings.log_sessions;
  if (!settings.admin.users.empty()) rules.console_database = settings.admin.database;
  const auto& own = settings.credentials.database;
  rules.console_login_database = own.empty() || own == settings.admin.database ? "postgres" : own;
  return rules;
}

}  // namespace

ServerOptions server_options(const Settings& settings, unsigned workers, std::shared_ptr<VerifierSource> verifiers) {
  ServerOptions options;
  options.listen = settings.listen;
  options.socket_access = settings.socket_access;
  options.for_new_clients = for_new_clients(settings, std::move(verifiers));
  options.upstream = settings.upstream;
  options.client_tls = client_tls(settings);
  options.workers = workers;
  options.limits = settings.limits;
  options.login_timeout = settings.login_timeout;
  options.descriptors_kept = descriptors_of(settings);
  return options;
}

Server::Change server_change(const Settings& settings, std::shared_ptr<VerifierSource> verifiers) {
  return {for_new_clients(settings, std::move(verifiers)), client_tls(settings), settings.login_timeout,
          settings.limits, descriptors_of(settings)};
}

Result<std::shared_ptr<Verifiers>> start_verifiers(const Settings& settings, const Upstream& upstream,
                                                   const Credentials& credentials) {
  if (settings.auth_mode == AuthMode::relay || (settings.auth_query.empty() && settings.auth_users_file.empty()))
    return std::shared_ptr<Verifiers>();
  Credentials login = credentials;
  const Credentials& own = settings.auth_login;
  // Another user has another password, or none: that of upstream is not for it.
  if (!own.user.empty()) login.password.clear();
  if (!own.user.empty()) login.user = own.user;
  if (!own.password.empty()) login.password = own.password;
  if (!own.database.empty()) login.database = own.database;
  auto started = Verifiers::start({settings.auth_users_file, settings.auth_query, upstream, login});
  if (!started) return started.error();
  return std::shared_ptr<Verifiers>(std::move(*started));
}

log::Format log_format(const Settings& settings) {
  const bool json = settings.log_format == "json" || (settings.log_format == "auto" && ::isatty(STDERR_FILENO) == 0);
  return json ? log::Format::json : log::Format::text;
}

}  // namespace weir::proxy
