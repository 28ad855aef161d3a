// Everything that can be set, and the one table that says how.
//
// Each row of the table is a setting: its key in weir.yaml, its flags, what it takes, its default, one line of help and
// the function that stores it. The command line (options.h), the YAML file (config.h), --help and the reference in
// README.md are all made from it, so a setting that is in the table is in all four. Plain values; no I/O.
// Values of settings are never put into messages by this file: one of them is a password.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/journal/journal.h"
#include "emitters/destination.h"
#include "proxy/io/address_range.h"
#include "proxy/io/admission.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/login_rules.h"
#include "proxy/settings/credentials.h"
#include "proxy/settings/values.h"

namespace weir::proxy {

/// One destination. What only its kind knows is kept as text, and was checked.
struct EmitterSettings {
  const emitters::DestinationKind* kind = nullptr;  ///< never null once it was parsed
  std::string uri;                                  ///< as given
  std::optional<std::string> prefix;
  std::optional<std::string> format;
  bool tombstones = true;
  bool transaction_topic = false;
  std::optional<std::string> statements;  ///< absent: its kind's
  std::optional<std::uint64_t> pace_ms;   ///< absent: its kind's
  emitters::OwnValues own = {};           ///< of its kind's own settings, those that were given

  bool operator==(const EmitterSettings&) const = default;
};

/// The admin listener, and who may use the console.
struct AdminSettings {
  std::optional<HostPort> listen;  ///< nothing: off
  bool named = false;              ///< the user gave the address: without it Weir does not start
  std::string token;
  std::string events;    ///< "true", "masked" or "false"
  std::string database;  ///< the name that the console answers to
  std::vector<std::string> users;
};

/// Spans for a collector of OpenTelemetry's.
struct TracingSettings {
  std::string otlp;                  ///< URL; empty: off
  std::vector<std::string> headers;  ///< "Name: value"
};

struct Settings {
  std::vector<HostPort> listen;
  SocketAccess socket_access;
  Upstream upstream;
  Credentials credentials;
  unsigned workers = 0;  ///< 0: one for each core
  ClientTls tls;
  AuthMode auth_mode = AuthMode::automatic;
  std::string auth_query;
  std::string auth_users_file;
  Credentials auth_login;  ///< of auth_query; what is empty is that of `credentials`
  ConnectionLimits limits;
  std::chrono::milliseconds login_timeout{0};
  bool capture_enabled = true;
  std::vector<std::string> databases;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::vector<std::string> exclude_columns;
  bool statement_text = false;
  std::chrono::milliseconds facts_max_age{0};
  bool prepare_by_shape = true;
  std::uint64_t statement_cache_bytes = 0;
  std::uint64_t max_statement_bytes = 0;
  std::uint64_t max_row_bytes = 0;
  std::vector<AddressRange> proxies;  ///< proxy_protocol.trusted
  bool application_name_host = false;
  std::string journal_path;  ///< empty: a temporary journal
  capture::Durability journal_durability = capture::Durability::answer;
  std::uint64_t journal_max_bytes = 0;
  std::chrono::milliseconds hold_timeout{0};
  std::vector<EmitterSettings> emit;
  std::optional<std::string> format;  ///< absent: debezium, and readable for stdout on a terminal
  std::string prefix;
  AdminSettings admin;
  std::string log_level;
  std::string log_format;  ///< "auto", "text" or "json"
  bool log_sessions = false;
  TracingSettings tracing;
  std::chrono::milliseconds shutdown_timeout{0};
  std::string takeover;  ///< a Unix socket's path; empty: none
};

struct Setting {
  std::string_view key;       ///< "journal.path"; also the flag --journal.path
  std::string_view flag;      ///< a shorter flag, "--journal", or empty
  std::string_view takes;     ///< "PATH", "true|false", "1..1024", …: for help and complaints
  std::string_view fallback;  ///< the default, as text; empty for none
  std::string_view help;
  bool repeats;  ///< a list: the flag can be given several times
  Complaint (*store)(Settings&, const std::string& value);
};

/// A setting that every destination has: key "emit.format", written inside an entry of `emit` and, as a flag, after its
/// --emit. Those that one kind has are its own (emitters/destination.h).
struct EmitterSetting {
  std::string_view key;  ///< "format"
  std::string_view takes;
  std::string_view fallback;
  std::string_view help;
  Complaint (*store)(EmitterSettings&, const std::string& value);
};

std::span<const Setting> settings_table();
std::span<const EmitterSetting> emitter_settings_table();

/// A line about a setting of a destination, for whoever lists them: those of the table, then those of each kind.
struct EmitterSettingLine {
  std::string key;  ///< "format", "file.rotate_bytes", "kafka.PROPERTY"
  std::string_view takes;
  std::string_view fallback;
  std::string help;
  bool any_key = false;  ///< the last part of the key stands for any
};
std::vector<EmitterSettingLine> emitter_setting_lines();

/// A Settings in which every default of the table is stored.
Settings default_settings();
/// In the form of one of the kinds: "file:PATH".
Result<EmitterSettings> parse_emitter(const std::string& uri);
/// What can only be judged once all is read: things that need each other.
Complaint check(const Settings& settings);

/// The name in `names` with the smallest edit distance to `name`, where it is small enough to be meant; else empty.
std::string nearest(std::string_view name, std::span<const std::string> names);
/// "; did you mean "x"?" or nothing.
std::string did_you_mean(std::string_view name, std::span<const std::string> names);

/// The reference of all settings in Markdown, as it stands in README.md.
std::string reference();
/// The same for a terminal, as --help prints it.
std::string settings_help();

}  // namespace weir::proxy
