#include "proxy/admin/snapshot_json.h"

#include <algorithm>

#include "proxy/admin/health.h"
#include "proxy/admin/json_text.h"

namespace weir::proxy {

namespace {

/// So many sessions are named; the number is that of all.
constexpr std::size_t kSessionsShown = 100;

double seconds(std::int64_t us) {
  return static_cast<double>(us) / 1e6;
}

void counts(JsonText& json, std::string_view name, const event::Counts& counts) {
  json.key(name).open('{').member("inserted", counts.inserted).member("updated", counts.updated);
  json.member("deleted", counts.deleted).close('}');
}

void quantiles(JsonText& json, std::string_view name, const Histogram::Value& times) {
  json.key(name).open('{').member("count", times.count());
  json.member("p50", seconds(static_cast<std::int64_t>(times.quantile_us(0.5))));
  json.member("p99", seconds(static_cast<std::int64_t>(times.quantile_us(0.99)))).close('}');
}

void process(JsonText& json, const Snapshot& now) {
  json.member("version", now.version).member("instance", now.instance).member("time", seconds(now.now_us));
  json.member("started", now.process.started_at).member("cpu_seconds", now.process.cpu_seconds);
  json.member("memory", now.process.resident_bytes);
}

void connections(JsonText& json, const Snapshot& now) {
  const auto& all = now.connections;
  std::uint64_t refused = 0;
  for (const auto& [reason, count] : all.refused) refused += count;
  json.member("listening", all.listening).member("addresses", all.addresses).member("opened", all.opened);
  json.member("refused", refused).member("client_bytes", all.client_bytes).member("upstream_bytes", all.upstream_bytes);
  json.key("upstream").open('{').member("asked", now.upstream.asked).member("answers", now.upstream.answers);
  json.member("trouble", now.upstream.trouble).close('}');
  json.member("session_count", now.sessions.size());
  json.key("sessions").open('[');
  for (std::size_t i = 0; i < std::min(now.sessions.size(), kSessionsShown); ++i) {
    const auto& session = now.sessions[i];
    json.open('{').member("id", session.id).member("user", session.user).member("database", session.database);
    json.member("application", session.application_name).member("client", session.client);
    json.member("captured", session.captured).member("since", seconds(session.since_us));
    json.member("transactions", session.transactions).member("events", session.events).close('}');
  }
  json.close(']');
}

void commits(JsonText& json, const Snapshot& now) {
  json.key("transactions").open('{').member("committed", now.commits.committed);
  json.member("aborted", now.commits.aborted).member("in_doubt", now.commits.in_doubt);
  json.member("refused", now.commits.refused).member("released", now.stream.transactions);
  json.member("events", now.stream.events).close('}');
  quantiles(json, "gate", now.commits.gate);
  quantiles(json, "sync", now.commits.sync);
  json.key("doubts").open('{').member("transactions", now.doubts.transactions).member("waiting", now.doubts.waiting);
  json.member("since", seconds(now.doubts.oldest_us)).member("reason", now.doubts.reason).close('}');
  json.key("journal").open('{').member("name", now.journal.name).member("bytes", now.journal.bytes);
  json.member("max_bytes", now.journal.max_bytes).member("trouble", now.journal.trouble).close('}');
}

void destinations(JsonText& json, const Snapshot& now) {
  json.key("destinations").open('[');
  for (const auto& one : now.destinations) {
    json.open('{').member("name", one.name).member("state", one.state(now.now_us)).member("trouble", one.trouble);
    json.member("lag", now.lag(one)).member("lag_seconds", seconds(one.lag_us(now.now_us)));
    json.member("records", one.records).member("bytes", one.bytes).member("transactions", one.transactions);
    json.member("errors", one.errors).member("retries", one.retries).member("dead_letters", one.dead_letters);
    quantiles(json, "delivery", one.delivered);
    json.close('}');
  }
  json.close(']');
}

void tables(JsonText& json, const Snapshot& now) {
  json.key("tables").open('[');
  for (const auto& one : now.stream.tables) {
    json.open('{').member("database", one.database).member("table", one.table);
    json.member("captured", one.captured()).member("counted", one.counted()).member("gaps", one.gaps);
    json.member("missed", one.missed.inserted + one.missed.updated + one.missed.deleted);
    json.member("last", seconds(one.last_us)).close('}');
  }
  json.close(']').key("gaps").open('[');
  for (const auto& one : now.stream.gaps) {
    json.open('{').member("cause", one.cause).member("database", one.database).member("table", one.table);
    json.member("gaps", one.gaps).member("last", seconds(one.last_us)).member("advice", advice_for(one.cause));
    json.member("meaning", meaning_of(one.cause));
    counts(json, "missed", one.missed);
    json.close('}');
  }
  json.close(']');
}

void seen(JsonText& json, const Snapshot& now) {
  json.key("events").open('[');
  for (const auto& one : now.stream.seen) {
    json.open('{').member("time", seconds(one.committed_us)).member("position", one.position);
    json.member("database", one.database).member("table", one.table);
    json.member("op", std::string(1, static_cast<char>(one.op))).member("fidelity", event::to_text(one.fidelity));
    json.member("rows", one.rows.inserted + one.rows.updated + one.rows.deleted).member("cause", one.cause);
    if (!one.key.empty()) json.member("key", one.key);
    if (!one.row.empty()) json.member("row", one.row);
    json.close('}');
  }
  json.close(']');
}

}  // namespace

std::string snapshot_json(const Snapshot& now) {
  JsonText json;
  json.open('{');
  process(json, now);
  connections(json, now);
  json.member("capturing", now.capturing);
  if (now.capturing) {
    commits(json, now);
    destinations(json, now);
    tables(json, now);
    seen(json, now);
  }
  json.close('}');
  return json.text();
}

}  // namespace weir::proxy
