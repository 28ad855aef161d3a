#include "proxy/admin/health.h"

#include <array>
#include <utility>

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

struct Advice {
  std::string_view cause;  ///< how it begins
  std::string_view what;
};

constexpr std::array kAdvice = std::to_array<Advice>({
    {"copy", "COPY FROM is not read row by row: load with INSERT, or read the table again behind the load"},
    {"merge", "which rows a MERGE changed is known from PostgreSQL 18 on; before it, use INSERT ... ON CONFLICT"},
    {"query cannot be split", "send the write in a Query of its own, or with parameters"},
    {"execute", "a statement prepared in SQL hides its text: prepare it with the protocol's Parse, as drivers do"},
    {"unknown statement", "a statement prepared in SQL hides its text: prepare it with the protocol's Parse"},
    {"commit could not be held", "the commit was in a Query with other statements: send COMMIT by itself"},
    {"rows of a portal were not fetched",
     "the client did not fetch all rows of its RETURNING: fetch them, or ask for none"},
    {"the machine crashed", "compare the tables with what consumers have for that time, or read them again"},
    {"in doubt", "nobody could say whether it committed: compare the table with what consumers have"},
    {"lost track of the session", "please report this with the log; the session's writes behind it are not captured"},
    {"row is longer than", "raise capture.max_row_bytes"},
    {"row-level security", "policies hide rows from this user: give it BYPASSRLS, or accept what the statement shows"},
    {"no SELECT privilege", "grant this user SELECT on the table: RETURNING needs it"},
    {"catalog could not be asked", "the database refused Weir's question in this session; the log has its words"},
    {"a table that the catalog does not know",
     "the table was made or renamed in the same moment: the next write is captured"},
    {"another table than the catalog", "the search_path or the table changed in between: the next write is captured"},
    {"another key than the catalog", "the table's key changed in between: the next write is captured"},
    {"a value that its encoding", "the row holds bytes that its encoding does not define: mend the value"},
    {"not in the journal any more", "the destination came too late for these: read the tables again for it"},
    {"statement was not planned", "the statement could not be read: see capture.max_statement_bytes"},
});

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

std::string advice_for(const std::string& cause) {
  for (const auto& one : kAdvice) {
    if (cause.starts_with(one.cause)) return std::string(one.what);
  }
  return "read the table again where consumers need these rows; README.md, \"Events\", says when rows are seen";
}

}  // namespace weir::proxy
