#include "proxy/admin/health.h"

#include <array>
#include <utility>

#include "capture/event/gap_cause.h"
#include "proxy/admin/json_text.h"

namespace weir::proxy {

namespace {

void check(JsonText& json, std::string_view name, bool well, const std::string& trouble) {
  json.key(name).open('{').member("ok", well);
  if (!trouble.empty()) json.member("trouble", trouble);
  json.close('}');
}

void destinations(JsonText& json, const Snapshot& now) {
  json.key("destinations").open('[');
  for (const auto& one : now.destinations) {
    json.open('{').member("name", one.name).member("state", one.state(now.now_us));
    json.member("lag_transactions", now.lag(one));
    json.member("lag_seconds", static_cast<double>(one.lag_us(now.now_us)) / 1e6);
    if (!one.trouble.empty()) json.member("trouble", one.trouble);
    json.close('}');
  }
  json.close(']');
}

}  // namespace

Readiness judge(const Snapshot& now) {
  const auto& connections = now.connections;
  const bool journal_well = !now.capturing || now.journal.trouble.empty();
  const bool upstream_well = now.upstream.asked && now.upstream.answers;
  Readiness result;
  result.ready = connections.listening && upstream_well && journal_well;
  JsonText json;
  json.open('{').member("ready", result.ready).key("checks").open('{');
  check(json, "listening", connections.listening, connections.listening ? "" : "no new clients are taken: draining");
  check(json, "upstream", upstream_well,
        now.upstream.asked ? now.upstream.trouble : "the database has not answered yet");
  if (now.capturing) check(json, "journal", journal_well, now.journal.trouble);
  json.close('}');
  if (now.capturing) destinations(json, now);
  json.close('}');
  result.json = json.text() + "\n";
  return result;
}

bool ReadinessPace::may_ask(Clock::time_point now) {
  if (asked_at_ && now - *asked_at_ < kInterval) return false;
  asked_at_ = now;
  return true;
}

std::string meaning_of(const std::string& cause) {
  const auto known = event::gap_cause_of(cause);
  return known ? event::row_of(*known).when : "";
}

std::string advice_for(const std::string& cause) {
  const auto known = event::gap_cause_of(cause);
  if (const char* advice = known ? event::row_of(*known).advice : ""; *advice != '\0') return advice;
  return "read the table again where consumers need these rows; README.md, \"Events\", says when rows are seen";
}

}  // namespace weir::proxy
