#include "proxy/settings/settings.h"

#include <algorithm>
#include <array>
#include <set>

#include "emitters/kinds.h"
#include "proxy/settings/upstream_uri.h"

namespace weir::proxy {

namespace {

constexpr std::uint64_t kLongestMs = 3'600'000;
constexpr std::uint64_t kMostClients = 1'000'000;

template <typename Number>
Complaint store_number(const std::string& text, std::uint64_t lowest, std::uint64_t highest, Number& target) {
  std::uint64_t value = 0;
  auto complaint = read_number(text, lowest, highest, value);
  if (!complaint) target = Number(value);
  return complaint;
}

Complaint store_text(const std::string& text, std::string& target) {
  if (text.empty()) return "must not be empty";
  target = text;
  return std::nullopt;
}

Complaint store_pattern(const std::string& text, int parts, std::string_view form, std::vector<std::string>& target) {
  auto complaint = read_pattern(text, parts, form);
  if (!complaint) target.push_back(text);
  return complaint;
}

/// Not in parts: a dot may stand in a database's name.
Complaint store_database(Settings& s, const std::string& text) {
  if (text.empty()) return "must be the name of a database, or a pattern";
  s.databases.push_back(text);
  return std::nullopt;
}

Complaint store_listen(Settings& s, const std::string& text) {
  HostPort address;
  auto complaint = read_listen_address(text, address);
  if (!complaint) s.listen.push_back(address);
  return complaint;
}

Complaint store_trusted(Settings& s, const std::string& text) {
  const auto range = AddressRange::parse(text);
  if (!range) return "must be an address, or a range such as 10.0.0.0/8 without bits behind its mask";
  s.proxies.push_back(*range);
  return std::nullopt;
}

Complaint store_upstream(Settings& s, const std::string& text) {
  auto uri = parse_upstream_uri(text);
  if (!uri) return uri.error().message;
  s.upstream = uri->upstream;
  s.credentials = uri->credentials;
  return std::nullopt;
}

Complaint store_emit(Settings& s, const std::string& text) {
  auto emitter = parse_emitter(text);
  if (!emitter) return emitter.error().message;
  s.emit.push_back(*emitter);
  return std::nullopt;
}

Complaint store_format(const std::string& text, std::optional<std::string>& target) {
  auto complaint = read_choice(text, emitters::format_names());
  if (!complaint) target = text;
  return complaint;
}

Complaint store_prefix(const std::string& text, std::string& target) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  std::string letters = text;
  if (const auto place = letters.find("{db}"); place != std::string::npos) letters.erase(place, 4);
  if (text.empty() || text.size() > 128 || !std::all_of(letters.begin(), letters.end(), allowed)) {
    return "must be 1 to 128 letters, digits, dots, hyphens or underscores, as in a Kafka topic, and {db} for the "
           "database";
  }
  target = text;
  return std::nullopt;
}

Complaint store_journal_bytes(Settings& s, const std::string& text) {
  constexpr std::uint64_t kLeast = 1 << 20;
  auto complaint = read_bytes(text, s.journal_max_bytes);
  if (!complaint && s.journal_max_bytes != 0 && s.journal_max_bytes < kLeast)
    return "must be 0 (no limit) or at least 1MB";
  return complaint;
}

Complaint store_durability(Settings& s, const std::string& text) {
  // What `commit` was called when it was the only one.
  if (text == "gate") return store_durability(s, "commit");
  auto complaint = read_choice(text, "answer|commit|process|memory");
  if (complaint) return complaint;
  using capture::Durability;
  s.journal_durability = text == "answer"    ? Durability::answer
                         : text == "commit"  ? Durability::commit
                         : text == "process" ? Durability::process
                                             : Durability::memory;
  return complaint;
}

Complaint store_client_certificate(Settings& s, const std::string& text) {
  auto complaint = read_choice(text, "optional|verify-ca|verify-full");
  s.tls.client_certificate = text == "optional"      ? ClientCertificate::optional
                             : text == "verify-full" ? ClientCertificate::verify_full
                                                     : ClientCertificate::verify_ca;
  return complaint;
}

Complaint store_log_level(Settings& s, const std::string& text) {
  std::string level = lower(text);
  if (level == "warning") level = "warn";
  auto complaint = read_choice(level, "debug|info|warn|error");
  if (!complaint) s.log_level = level;
  return complaint;
}

Complaint store_choice(const std::string& text, std::string_view allowed, std::string& target) {
  auto complaint = read_choice(text, allowed);
  if (!complaint) target = text;
  return complaint;
}

Complaint store_admin_listen(Settings& s, const std::string& text) {
  s.admin.named = true;
  s.admin.listen.reset();
  const auto word = lower(text);
  if (word == "off" || word == "false" || word == "no") return std::nullopt;
  HostPort address;
  auto complaint = read_listen_address(text, address);
  if (!complaint && address.is_unix()) return "must be HOST:PORT, or off";
  if (!complaint) s.admin.listen = address;
  return complaint;
}

Complaint store_admin_user(Settings& s, const std::string& text) {
  if (text.empty()) return "must be the name of a user of the database";
  s.admin.users.push_back(text);
  return std::nullopt;
}

/// What somebody could guess would open the listener to everybody who reaches it.
Complaint store_admin_token(Settings& s, const std::string& text) {
  constexpr std::size_t kLeast = 16;
  if (text.size() < kLeast) return "must have at least 16 characters; openssl rand -hex 16 makes some";
  s.admin.token = text;
  return std::nullopt;
}

Complaint store_otlp(Settings& s, const std::string& text) {
  const std::size_t scheme = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
  if (scheme == 0 || text.size() == scheme || text[scheme] == '/' || text.find_first_of(" \r\n\t") != text.npos)
    return "must be http://HOST[:PORT][/PATH] or https://...";
  const auto path = text.find('/', scheme);
  const bool has_none = path == text.npos || path + 1 == text.size();
  s.tracing.otlp = has_none ? text.substr(0, path) + "/v1/traces" : text;
  return std::nullopt;
}

Complaint store_otlp_header(Settings& s, const std::string& text) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == text.npos || text.find_first_of("\r\n") != text.npos || text.find_first_of(" \t") < colon)
    return "must be NAME: VALUE, as in HTTP";
  s.tracing.headers.push_back(text);
  return std::nullopt;
}

Complaint store_duration(const std::string& text, std::chrono::milliseconds& target) {
  return read_duration(text, 0, kLongestMs, target);
}

std::string_view emit_help() {
  static const std::string text = "where events go: " + emitters::destination_forms("or") + "; several are possible";
  return text;
}

std::string_view pace_help() {
  static const std::string text = [] {
    std::string paces;
    for (const auto* kind : emitters::destination_kinds()) {
      if (const auto pace = kind->usual_pace().count(); pace > 0)
        paces += std::to_string(pace) + " for " + std::string(kind->scheme()) + ", which pays for each request, and ";
    }
    return "what is written at once after something was sent is collected for so long and goes in one batch; what is "
           "written after a pause so long leaves at once; 0: nothing is collected; default: " +
           paces + "0 elsewhere";
  }();
  return text;
}

// The order is that of --help, of README.md's reference and of examples/weir.yaml.
const std::array kTable = std::to_array<Setting>({
    {"listen", "", "HOST:PORT", "127.0.0.1:6432",
     "where clients connect; several addresses are possible. unix:DIRECTORY[:PORT] is the Unix socket "
     "DIRECTORY/.s.PGSQL.PORT, as PostgreSQL's; without a PORT it has that of the first HOST:PORT, or 6432",
     true, store_listen},
    {"unix_socket.permissions", "", "MODE", "0777",
     "mode of the Unix sockets, octal: who may connect needs the right to write", false,
     [](Settings& s, const std::string& v) { return read_permissions(v, s.socket_access.permissions); }},
    {"unix_socket.group", "", "GROUP", "", "group of the Unix sockets; none given: that of Weir's process", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.socket_access.group); }},
    {"proxy_protocol.trusted", "", "ADDRESS[/BITS]", "",
     "load balancers (HAProxy: send-proxy-v2) whose connections begin with a PROXY header of version 2, which must be there: the client is whom it names, in "
     "the log, in events and in limits.connections_per_client. From any other address such a header is no login",
     true, store_trusted},
    {"application_name_add_host", "", "true|false", "false",
     "the database sees the client's address behind its application_name, as with PgBouncer: \"shop - 10.0.0.7:51234\"; the client sees it too", false,
     [](Settings& s, const std::string& v) { return read_boolean(v, s.application_name_host); }},
    {"upstream", "", "URI", "",
     "the database: postgresql://[user[:password]@]host[:port][,...][/database][?sslmode=MODE&...], with the "
     "parameters "
     "of libpq that README.md lists; ?host=/DIRECTORY is a Unix socket's. sslmode is disable, prefer (default), "
     "require, "
     "verify-ca or verify-full. User, password, passfile and database are only for Weir's own questions: about "
     "transactions in doubt, about what hosts are, and auth.query",
     false, store_upstream},
    {"workers", "", "0..1024", "0", "threads that relay sessions; 0: one for each core", false,
     [](Settings& s, const std::string& v) { return store_number(v, 0, 1024, s.workers); }},
    {"tls.cert", "", "PATH", "", "PEM file with the certificate, and its chain, that clients are shown", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.tls.certificate); }},
    {"tls.key", "", "PATH", "", "PEM file with the certificate's private key", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.tls.key); }},
    {"tls.required", "", "true|false", "false", "refuse clients that do not ask for TLS", false,
     [](Settings& s, const std::string& v) { return read_boolean(v, s.tls.required); }},
    {"tls.min_version", "", "TLSv1.2|TLSv1.3", "TLSv1.2", "the oldest version of TLS that clients may use", false,
     [](Settings& s, const std::string& v) {
       auto complaint = read_choice(v, "TLSv1.2|TLSv1.3");
       if (!complaint) s.tls.min_version = v;
       return complaint;
     }},
    {"tls.ciphers", "", "LIST", "", "ciphers up to TLS 1.2, as OpenSSL writes lists of them; none given: its default",
     false, [](Settings& s, const std::string& v) { return store_text(v, s.tls.ciphers); }},
    {"tls.ciphersuites", "", "LIST", "", "cipher suites of TLS 1.3, with colons in between; none given: OpenSSL's",
     false, [](Settings& s, const std::string& v) { return store_text(v, s.tls.ciphersuites); }},
    {"tls.client_ca", "", "PATH", "", "PEM file with the authorities that sign clients' certificates", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.tls.client_ca); }},
    {"tls.client_crl", "", "PATH", "", "PEM file with the certificates of clients that were revoked", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.tls.client_crl); }},
    {"tls.client_cert", "", "optional|verify-ca|verify-full", "verify-ca",
     "with tls.client_ca: whether a client may come without a certificate, needs one, or needs one with its user's "
     "name; as clientcert in pg_hba.conf",
     false, store_client_certificate},
    {"tls.client_name", "", "CN|DN", "CN",
     "which name of the certificate is the user's: the common name or the whole one, as RFC 2253 writes it; as "
     "clientname in pg_hba.conf",
     false,
     [](Settings& s, const std::string& v) {
       s.tls.client_name = v == "DN" ? CertificateName::distinguished_name : CertificateName::common_name;
       return read_choice(v, "CN|DN");
     }},
    {"auth.mode", "", "auto|relay|terminate", "auto",
     "whether logins by SCRAM end at Weir: auto relays them where they can succeed so, and ends them where TLS on both "
     "sides keeps channel binding from passing and verifiers can be had (auth.query, auth.users_file)",
     false,
     [](Settings& s, const std::string& v) {
       s.auth_mode = v == "relay" ? AuthMode::relay : v == "terminate" ? AuthMode::terminate : AuthMode::automatic;
       return read_choice(v, "auto|relay|terminate");
     }},
    {"auth.query", "", "SQL", "",
     "gives the verifier of the user $1, alone or behind the user's name, as PgBouncer's auth_query does; asked by a "
     "login of Weir's own, with an empty search_path",
     false, [](Settings& s, const std::string& v) { return store_text(v, s.auth_query); }},
    {"auth.user", "", "NAME", "", "the role that asks auth.query; none given: that of upstream", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.auth_login.user); }},
    {"auth.password", "", "PASSWORD", "", "its password; none given: that of upstream, or libpq's own rules", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.auth_login.password); }},
    {"auth.database", "", "NAME", "", "the database that auth.query is asked in; none given: that of upstream", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.auth_login.database); }},
    {"auth.users_file", "", "PATH", "",
     "verifiers in PgBouncer's form, a line \"user\" \"SCRAM-SHA-256$...\" for each; looked into before auth.query is asked", false,
     [](Settings& s, const std::string& v) { return store_text(v, s.auth_users_file); }},
    {"limits.connections", "", "0..1000000", "0",
     "clients at once; more are refused with SQLSTATE 53300. 0: as many as the limit of open files has room for", false,
     [](Settings& s, const std::string& v) { return store_number(v, 0, kMostClients, s.limits.connections); }},
    {"limits.logins", "", "0..1000000", "0",
     "clients at once that are not logged in yet; others wait, and the oldest that keeps silent is dropped. 0: a part "
     "of what the limit of open files has room for, 1000 at most",
     false, [](Settings& s, const std::string& v) { return store_number(v, 0, kMostClients, s.limits.logins); }},
    {"limits.login_timeout", "", "DURATION", "60s",
     "how long a login may take, from the connection on; such as 500ms, 60s or 2min, a number alone is milliseconds",
     false, [](Settings& s, const std::string& v) { return read_duration(v, 1, kLongestMs, s.login_timeout); }},
    {"limits.connections_per_client", "", "0..1000000", "0",
     "clients at once from one address; more are refused with SQLSTATE 53300. 0: no limit", false,
     [](Settings& s, const std::string& v) {
       return store_number(v, 0, kMostClients, s.limits.connections_per_client);
     }},
    {"capture.enabled", "", "true|false", "true", "false: only relay, capture nothing", false,
     [](Settings& s, const std::string& v) { return read_boolean(v, s.capture_enabled); }},
    {"capture.databases", "", "DATABASE", "",
     "databases to capture, as patterns (* and ?); none given: all. Sessions of other databases are only relayed", true,
     store_database},
    {"capture.include", "", "SCHEMA.TABLE", "",
     "tables to capture, as patterns (* and ?); none given: all but the system schemas", true,
     [](Settings& s, const std::string& v) { return store_pattern(v, 2, "schema.table", s.include); }},
    {"capture.exclude", "", "SCHEMA.TABLE", "", "tables not to capture, as patterns; wins over capture.include", true,
     [](Settings& s, const std::string& v) { return store_pattern(v, 2, "schema.table", s.exclude); }},
    {"capture.exclude_columns", "", "SCHEMA.TABLE.COLUMN", "", "columns that never leave the database, as patterns",
     true,
     [](Settings& s, const std::string& v) { return store_pattern(v, 3, "schema.table.column", s.exclude_columns); }},
    {"capture.statement_text", "", "true|false", "false",
     "put the client's SQL text into the events, with all values in it", false,
     [](Settings& s, const std::string& v) { return read_boolean(v, s.statement_text); }},
    {"capture.facts_max_age", "", "DURATION", "10s",
     "how old what the catalog said of a table (its key, rules, policies, partitions) may be when a write uses it",
     false, [](Settings& s, const std::string& v) { return read_duration(v, 0, 86'400'000, s.facts_max_age); }},
    {"capture.prepare_by_shape", "", "true|false", "true",
     "prepare single writes in the session by their text without its literals, when it comes again", false,
     [](Settings& s, const std::string& v) { return read_boolean(v, s.prepare_by_shape); }},
    {"capture.statement_cache_bytes", "", "BYTES", "16MB", "memory for parsed statements, for each worker", false,
     [](Settings& s, const std::string& v) { return read_bytes(v, s.statement_cache_bytes); }},
    {"capture.max_statement_bytes", "", "BYTES", "16MB",
     "longer statements are relayed without being parsed, and reported as not captured", false,
     [](Settings& s, const std::string& v) { return read_bytes(v, s.max_statement_bytes); }},
    {"capture.max_row_bytes", "", "BYTES", "64MB",
     "rows that are longer, with the images that Weir asks for, are reported as not captured, and not kept in memory; "
     "0: no limit",
     false, [](Settings& s, const std::string& v) { return read_bytes(v, s.max_row_bytes); }},
    {"journal.path", "--journal", "PATH", "",
     "the journal's folder; without it the journal is temporary, and what was not yet delivered is lost when Weir ends",
     false, [](Settings& s, const std::string& v) { return store_text(v, s.journal_path); }},
    {"journal.durability", "", "answer|commit|process|memory", "answer",
     "what is on disk before what: the events before the client hears of its commit (answer), or before the COMMIT is "
     "sent (commit); process: nothing waits for the disk, and a crash of the machine may lose events; memory: a "
     "temporary journal, and a crash of Weir loses them too",
     false, store_durability},
    {"journal.max_bytes", "", "BYTES", "10GB",
     "when the journal holds so much, commits wait (journal.hold_timeout_ms); 0: no limit", false, store_journal_bytes},
    {"journal.hold_timeout_ms", "", "DURATION", "30000",
     "how long a commit waits for room in the journal before it is refused with SQLSTATE 53100", false,
     [](Settings& s, const std::string& v) { return store_duration(v, s.hold_timeout); }},
    {"emit", "", "DESTINATION", "", emit_help(), true, store_emit},
    {"format", "", emitters::format_names(), "debezium",
     "format of the events; stdout on a terminal is readable where nothing is set", false,
     [](Settings& s, const std::string& v) { return store_format(v, s.format); }},
    {"prefix", "", "NAME", "weir",
     "first part of topic names and name of the source in the events; {db} in it is the database's name", false,
     [](Settings& s, const std::string& v) { return store_prefix(v, s.prefix); }},
    {"admin.listen", "", "HOST:PORT|off", "127.0.0.1:6433",
     "where /metrics, /healthz, /readyz, the live page and orders are; without a password, so for this machine only. "
     "Where the default's port is taken Weir says so and goes on without it",
     false, store_admin_listen},
    {"admin.token", "", "TEXT", "",
     "with it the page and orders are for others than loopback, too: Authorization: Bearer TEXT, or as a browser's "
     "password",
     false, store_admin_token},
    {"admin.events", "", "true|masked|false", "masked",
     "the last events on the page, while somebody looks: with their rows (true), only their tables and kinds (masked), "
     "or not at all (false, and then /tail, which has rows, is closed too)",
     false, [](Settings& s, const std::string& v) { return store_choice(v, "true|masked|false", s.admin.events); }},
    {"admin.users", "", "USER", "",
     "users of the database who may connect to the database name weir and give orders there (SHOW HELP), after a login "
     "that the database accepts; none given: there is no such database",
     true, store_admin_user},
    {"admin.database", "", "NAME", "weir",
     "the database name that the console answers to, where there are admin.users; a real database of that name cannot "
     "be reached through Weir then",
     false, [](Settings& s, const std::string& v) { return store_text(v, s.admin.database); }},
    {"log.level", "", "debug|info|warn|error", "info", "what is logged to stderr", false, store_log_level},
    {"log.format", "", "auto|text|json", "auto",
     "lines for people or JSON objects; auto: text on a terminal, else JSON", false,
     [](Settings& s, const std::string& v) { return store_choice(v, "auto|text|json", s.log_format); }},
    {"log.sessions", "", "true|false", "false",
     "log each session's end at info, with what it did: bytes, transactions, events, duration", false,
     [](Settings& s, const std::string& v) { return read_boolean(v, s.log_sessions); }},
    {"tracing.otlp", "", "URL", "",
     "a collector of OpenTelemetry's that takes OTLP over HTTP, http://127.0.0.1:4318; without a path, /v1/traces is its. It gets spans of transactions whose "
     "statements carry a sampled traceparent (SQLCommenter); none given: nobody does",
     false, store_otlp},
    {"tracing.headers", "", "NAME: VALUE", "", "headers that the collector asks for, such as Authorization: Bearer ...", true,
     store_otlp_header},
    {"takeover", "", "PATH", "",
     "a Unix socket over which a Weir that starts takes over from the one that runs: its listening sockets at once, its "
     "journal when that one has ended its sessions; none given: a second Weir is refused",
     false, [](Settings& s, const std::string& v) { return store_text(v, s.takeover); }},
    {"shutdown.timeout_ms", "", "DURATION", "10000",
     "how long SIGTERM waits for sessions to end and for destinations to take what is left", false,
     [](Settings& s, const std::string& v) { return store_duration(v, s.shutdown_timeout); }},
});

const std::array kEmitterTable = std::to_array<EmitterSetting>({
    {"format", emitters::format_names(), "", "format of this destination; default: format",
     [](EmitterSettings& e, const std::string& v) { return store_format(v, e.format); }},
    {"prefix", "NAME", "", "prefix of this destination; default: the URI's, else prefix",
     [](EmitterSettings& e, const std::string& v) {
       std::string prefix;
       auto complaint = store_prefix(v, prefix);
       if (!complaint) e.prefix = prefix;
       return complaint;
     }},
    {"tombstones", "true|false", "true", "a delete is followed by a record without value (debezium)",
     [](EmitterSettings& e, const std::string& v) { return read_boolean(v, e.tombstones); }},
    {"transaction_topic", "true|false", "false",
     "BEGIN and END records on PREFIX.transaction (debezium); the last event of each transaction says `last` anyway",
     [](EmitterSettings& e, const std::string& v) { return read_boolean(v, e.transaction_topic); }},
    {"statements", "gap|table|skip", "",
     "where TRUNCATE and what is known only by its statement go, which have no key: PREFIX.gap, the table's topic, or "
     "nowhere; default: gap, and table where there are no topics",
     [](EmitterSettings& e, const std::string& v) {
       auto complaint = read_choice(v, "gap|table|skip");
       if (!complaint) e.statements = v;
       return complaint;
     }},
    {"pace_ms", "0..1000", "", pace_help(),
     [](EmitterSettings& e, const std::string& v) {
       std::uint64_t pace = 0;
       auto complaint = store_number(v, 0, 1'000, pace);
       if (!complaint) e.pace_ms = pace;
       return complaint;
     }},
});

}  // namespace

std::span<const Setting> settings_table() {
  return kTable;
}
std::span<const EmitterSetting> emitter_settings_table() {
  return kEmitterTable;
}

std::vector<EmitterSettingLine> emitter_setting_lines() {
  std::vector<EmitterSettingLine> lines;
  for (const auto& row : kEmitterTable)
    lines.push_back({std::string(row.key), row.takes, row.fallback, std::string(row.help)});
  for (const auto* kind : emitters::destination_kinds()) {
    const auto section = std::string(kind->name()) + ".";
    for (const auto& row : kind->settings())
      lines.push_back({section + std::string(row.key), row.takes, row.fallback, std::string(row.help)});
    if (const auto others = kind->other_settings(); !others.empty())
      lines.push_back({section + "PROPERTY", "VALUE", "", std::string(others), true});
  }
  return lines;
}

Settings default_settings() {
  Settings settings;
  for (const auto& row : kTable) {
    // `format` has a default that depends on where the events go, so it stays unset.
    if (!row.fallback.empty() && row.key != "format") row.store(settings, std::string(row.fallback));
  }
  settings.admin.named = false;
  return settings;
}

Result<EmitterSettings> parse_emitter(const std::string& uri) {
  EmitterSettings emitter;
  emitter.uri = uri;
  emitter.kind = emitters::kind_of(uri);
  if (emitter.kind == nullptr) return Error{"must be " + emitters::destination_forms("or"), ""};
  const auto read = emitter.kind->read(uri);
  if (!read) return read.error();
  if (read->prefix.empty()) return emitter;
  std::string prefix;
  if (auto complaint = store_prefix(read->prefix, prefix)) return Error{"has a prefix that " + *complaint, ""};
  emitter.prefix = prefix;
  return emitter;
}

Complaint check(const Settings& settings) {
  if (settings.upstream.hosts.empty()) {
    return "upstream is not set: say where the database is, for example --upstream postgresql://127.0.0.1:5432";
  }
  if (settings.tls.certificate.empty() != settings.tls.key.empty())
    return "tls.cert and tls.key need each other: set both";
  if (settings.auth_mode == AuthMode::terminate && settings.auth_query.empty() && settings.auth_users_file.empty())
    return "auth.mode terminate needs verifiers of passwords: set auth.query or auth.users_file";
  if (settings.auth_query.empty() && !(settings.auth_login.user + settings.auth_login.password).empty())
    return "auth.user and auth.password are of auth.query, which is not set";
  if (settings.tls.required && settings.tls.certificate.empty()) return "tls.required needs tls.cert and tls.key";
  if (!settings.tls.client_ca.empty() && settings.tls.certificate.empty())
    return "tls.client_ca needs tls.cert and tls.key";
  if (!settings.tls.client_crl.empty() && settings.tls.client_ca.empty()) return "tls.client_crl needs tls.client_ca";
  if (settings.capture_enabled && settings.emit.empty()) {
    return "emit is not set: say where events go, for example --emit stdout, or set capture.enabled to false";
  }
  if (settings.admin.listen &&
      std::find(settings.listen.begin(), settings.listen.end(), *settings.admin.listen) != settings.listen.end())
    return "admin.listen and listen are the same address";
  std::set<std::string> names;
  for (const auto& emitter : settings.emit) {
    if (!names.insert(emitter.uri).second)
      return "emit has " + emitter.uri + " twice: each destination can be given once";
  }
  return std::nullopt;
}

}  // namespace weir::proxy
