#include "capture/server_run.h"

#include <charconv>
#include <vector>

namespace weir::capture {

namespace {

// Times as numbers: as text they would follow DateStyle and TimeZone.
constexpr std::string_view kExpression =
    "pg_catalog.concat_ws(' ',"
    " (SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s),"
    " CASE WHEN pg_catalog.pg_is_in_recovery() THEN '0' ELSE"
    " pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END,"
    " EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()),"
    " COALESCE(pg_catalog.pg_last_wal_replay_lsn(), '0/0'),"
    " COALESCE(EXTRACT(epoch FROM pg_catalog.pg_stat_get_bgwriter_stat_reset_time()), 0),"
    " pg_catalog.pg_backend_pid())";

constexpr std::size_t kParts = 5;
constexpr std::string_view kPooled = "pooled";
constexpr std::string_view kUnlogged = "unlogged";

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto space = text.find(' ');
    parts.push_back(text.substr(0, space));
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return parts;
}

}  // namespace

std::string_view server_run_expression() {
  return kExpression;
}

std::optional<ServerRun> read_server_run(std::string_view text) {
  const auto parts = split(text);
  if (parts.size() < kParts) return std::nullopt;
  ServerRun run;
  run.system = parts[0];
  const auto timeline = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), run.timeline, 16);
  const auto recovered = event::parse_lsn(parts[3]);
  if (timeline.ec != std::errc() || !recovered) return std::nullopt;
  run.started = parts[2];
  run.recovered = *recovered;
  run.counts_since = parts[4];
  for (std::size_t i = kParts; i < parts.size(); ++i) {
    if (parts[i] == kPooled) {
      run.pooled = true;
    } else if (parts[i] == kUnlogged) {
      run.logged = false;
    } else {
      run.backend = parts[i];
    }
  }
  return run;
}

std::string note(std::string_view answer, bool pooled, bool logged) {
  std::string text(answer.substr(0, answer.rfind(' ')));
  if (pooled) (text += ' ') += kPooled;
  if (!logged) (text += ' ') += kUnlogged;
  return text;
}

bool same_run(const ServerRun& one, const ServerRun& other) {
  if (one.system != other.system || one.timeline != other.timeline || one.timeline == 0) return false;
  const bool same_start = one.started == other.started && one.recovered == other.recovered;
  return same_start || one.counts_since == other.counts_since;
}

}  // namespace weir::capture
