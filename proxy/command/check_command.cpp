#include "proxy/command/check_command.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/text.h"
#include "capture/journal/folder.h"
#include "emitters/envelope.h"
#include "proxy/check/certificates.h"
#include "proxy/check/pattern_check.h"
#include "proxy/check/plan_preview.h"
#include "proxy/check/report.h"
#include "proxy/check/scope_of.h"
#include "proxy/command/database.h"
#include "proxy/command/ready.h"
#include "proxy/command/subcommand.h"
#include "proxy/delivery/destination_name.h"
#include "proxy/io/tls_context.h"
#include "proxy/process/clock.h"
#include "proxy/settings/secret.h"

namespace weir::proxy {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kDestinationPatience{5'000};

void check_file_dates(Report& report, const std::string& setting, const std::string& path, bool authorities) {
  if (path.empty() || path == "system") return;
  const auto dates = certificate_dates(path);
  if (!dates) return report.fail("certificate", setting + ": " + dates.error().message);
  judge_dates(report, setting, *dates, wall_us() / 1'000'000, authorities);
}

void check_tls(Report& report, const Settings& settings) {
  if (!settings.tls.certificate.empty()) {
    // As a start does it: the key must be there, be nobody else's, and fit.
    if (const auto context = TlsContext::for_clients(settings.tls); !context)
      report.fail("certificate", context.error().message);
    check_file_dates(report, "tls.cert", settings.tls.certificate, false);
  }
  check_file_dates(report, "tls.client_ca", settings.tls.client_ca, true);
  if (settings.upstream.shows_certificate())
    check_file_dates(report, "upstream (sslcert)", settings.upstream.sslcert, false);
  check_file_dates(report, "upstream (sslrootcert)", settings.upstream.sslrootcert, true);
}

void check_journal(Report& report, const Settings& settings) {
  if (!settings.capture_enabled) return;
  if (settings.journal_path.empty() || settings.journal_durability == capture::Durability::memory)
    return report.warn("journal", "a temporary one: what is not delivered when Weir ends is lost");
  const auto path = capture::absolute_path(settings.journal_path);
  if (!path) return report.fail("journal", path.error().message);
  std::error_code failed;
  const bool there = fs::exists(*path, failed);
  const auto folder = there ? *path : fs::path(*path).parent_path().string();
  if (!fs::is_directory(folder, failed)) return report.fail("journal", folder + " is no folder");
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return report.fail("journal", folder + " may not be written by this user");
  report.ok("journal", *path + (there ? "" : ", which will be made"));
}

/// Those to look into: `upstream`'s, or all that capture.databases names.
Result<std::vector<std::string>> databases(SideConnection& first, const Settings& settings,
                                           const DatabaseChoice& choice) {
  if (!choice.database.empty() || settings.databases.empty()) {
    const auto rows = first.query("SELECT pg_catalog.current_database()");
    if (!rows) return rows.error();
    return std::vector<std::string>{rows->front().front().value_or("")};
  }
  const auto rows = first.query(
      "SELECT d.datname FROM pg_catalog.pg_database d WHERE d.datallowconn AND NOT d.datistemplate"
      " ORDER BY d.datname::pg_catalog.text COLLATE pg_catalog.\"C\"");
  if (!rows) return rows.error();
  const auto scope = scope_of(settings);
  std::vector<std::string> names;
  for (const auto& row : *rows)
    if (scope.captures_database(row.front().value_or(""))) names.push_back(row.front().value_or(""));
  return names;
}

void check_patterns(Report& report, SideConnection& database, PatternCheck& patterns, const std::string& name) {
  auto question = patterns.take(name);
  if (!question) return;
  auto rows = database.query(question->sql, question->parameters);
  if (!rows) return report.fail("patterns", rows.error().message);
  question->answered(std::move(*rows));
}

Result<void> check_database(Report& report, SideConnection& database, const capture::Scope& scope,
                            PatternCheck& patterns, const std::string& name) {
  auto plans = PlanPreview::begin(database, scope);
  if (!plans) return plans.error();
  auto tables = check_tables(database, *plans, name);
  if (!tables) return tables.error();
  for (auto& table : *tables) report.tables.push_back(std::move(table));
  check_patterns(report, database, patterns, name);
  return {};
}

std::string server_of(SideConnection& database) {
  const auto rows = database.query(
      "SELECT pg_catalog.format('PostgreSQL %s, as %s, %s', pg_catalog.current_setting('server_version'),"
      " current_user, CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'a standby: nothing can be written' ELSE COALESCE("
      "(SELECT s.version FROM pg_catalog.pg_stat_ssl s WHERE s.ssl AND s.pid OPERATOR(pg_catalog.=)"
      " pg_catalog.pg_backend_pid()), 'without TLS') END)");
  return rows && !rows->empty() ? rows->front().front().value_or("") : std::string();
}

void check_all_databases(Report& report, SideConnection& first, const Settings& settings, DatabaseChoice choice) {
  const auto names = databases(first, settings, choice);
  if (!names) return report.fail("tables", names.error().message);
  if (names->empty()) return report.warn("tables", "capture.databases matches no database");
  const auto scope = scope_of(settings);
  std::size_t unmatched = 0;
  PatternCheck patterns(scope, [&](const Notice& notice) {
    ++unmatched;
    report.warn("patterns", notice.text);
  });
  for (const auto& name : *names) {
    choice.database = name;
    auto database = open_read_only(settings, choice);
    const auto done = database ? check_database(report, *database, scope, patterns, name) : database.error();
    if (!done) report.fail("tables", "database " + name + ": " + done.error().message);
  }
  judge_tables(report);
  const bool any =
      !scope.databases.empty() || !scope.include.empty() || !scope.exclude.empty() || !scope.exclude_columns.empty();
  if (any && unmatched == 0) report.ok("patterns", "each matches something");
}

/// Weir needs no login of its own to relay and capture; without one, nothing more can be said here.
void check_upstream(Report& report, const Settings& settings, const DatabaseChoice& choice) {
  const auto hosts = joined(settings.upstream.hosts, ", ", [](const auto& host) { return host.text(); });
  if (const auto reached = SideConnection::reach(settings.upstream); !reached)
    return report.fail("upstream", hosts + ": " + reached.error().message);
  auto database = open_read_only(settings, choice);
  report.ok("upstream", hosts + (database ? ": " + server_of(*database) : " answers"));
  if (!database) {
    return report.warn("login",
                       "Weir cannot log in itself, so no table was looked at, and transactions in doubt are "
                       "asked about in clients' sessions: " +
                           database.error().message);
  }
  report.ok("login", settings.credentials.user.empty() ? "as libpq would" : "as " + settings.credentials.user);
  if (settings.capture_enabled) check_all_databases(report, *database, settings, choice);
}

/// Those that the events of these tables go to, and that of what has no row.
std::vector<std::string> topics_of(const Report& report, const std::string& prefix) {
  std::vector<std::string> topics;
  for (const auto& table : report.tables)
    topics.push_back(emitters::prefix_of(prefix, table.database) + "." + table.name);
  if (!topics.empty()) topics.push_back(emitters::prefix_of(prefix, report.tables.front().database) + ".gap");
  return topics;
}

void check_destinations(Report& report, const Settings& settings) {
  if (!settings.capture_enabled) return;
  using Is = emitters::DestinationKind::Look::Is;
  for (const auto& emitter : settings.emit) {
    emitters::DestinationOptions options;
    options.uri = emitter.uri;
    options.name = destination_name(emitter);
    options.own = emitter.own;
    const auto name = without_secrets("emit", emitter.uri) + ": ";
    const auto topics = topics_of(report, emitter.prefix.value_or(settings.prefix));
    for (const auto& look : emitter.kind->look(options, topics, kDestinationPatience)) {
      const auto text = name + look.text;
      if (look.is == Is::good) report.ok("destination", text);
      if (look.is == Is::doubtful) report.warn("destination", text);
      if (look.is == Is::bad) report.fail("destination", text);
    }
  }
}

Report check(const ReadSources& read, const DatabaseChoice& choice) {
  Report report;
  const auto settings = settle(read.sources);
  if (!settings) {
    report.fail("configuration", settings.error().message);
    return report;
  }
  report.ok("configuration", read.config.empty() ? "right" : read.config);
  for (const auto& warning : read.warnings) report.warn("configuration", warning);
  check_tls(report, *settings);
  check_journal(report, *settings);
  check_upstream(report, *settings, choice);
  check_destinations(report, *settings);
  return report;
}

}  // namespace

int run_check(const std::vector<std::string>& given) {
  std::vector<std::string> arguments = given;
  const bool json = std::erase(arguments, "--json") > 0;
  const bool strict = std::erase(arguments, "--strict") > 0;
  const bool ready = std::erase(arguments, "--ready") > 0;
  const auto choice = take_database(arguments);
  if (!choice) return complain(kCommandUsage, choice.error().message);
  int code = 0;
  const auto read = read_command_sources("check", arguments, code);
  if (!read) return code;
  const auto report = ready ? check_ready(*read) : check(*read, *choice);
  const auto text = json ? report_json(report, strict) : report_text(report, ::isatty(STDOUT_FILENO) == 1);
  std::fputs(text.c_str(), stdout);
  const int finished = finish_output();
  return report.is_good(strict) ? finished : kCommandFailed;
}

}  // namespace weir::proxy
