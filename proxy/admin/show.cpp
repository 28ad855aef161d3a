#include "proxy/admin/show.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

#include "proxy/admin/health.h"

namespace weir::proxy {

namespace {

using Kind = ConsoleStatement::Kind;
using Row = std::vector<std::string>;

constexpr const char* kSyntaxError = "42601";

struct Topic {
  std::string_view name;
  Kind kind;
  std::string_view help;
};
constexpr std::array kTopics = std::to_array<Topic>({
    {"SESSIONS", Kind::sessions, "who is logged in"},
    {"DESTINATIONS", Kind::destinations, "where events go, and how far they are behind"},
    {"TABLES", Kind::tables, "rows by table: captured, only counted, missed"},
    {"GAPS", Kind::gaps, "what no event shows, why, and what to do"},
    {"STATS", Kind::stats, "numbers since the start"},
    {"CONFIG", Kind::config, "the settings, without secrets"},
    {"VERSION", Kind::version, "which Weir this is"},
    {"HELP", Kind::help, "this list"},
});
constexpr std::array<std::array<std::string_view, 2>, 6> kOrders = {{
    {"RELOAD", "read the configuration again; what changed, and what needs a restart"},
    {"PAUSE DESTINATION name", "offer it nothing until it is resumed; its events wait in the journal"},
    {"RESUME DESTINATION name", "go on where it was paused"},
    {"FORGET DESTINATION name", "keep nothing more for one that was left out of the configuration"},
    {"DRAIN", "take no new clients; sessions that are there go on"},
    {"SET log.level = level", "debug, info, warn or error, until Weir ends"},
}};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

/// Words, and what stands in quotes as one.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const char first = text[at];
    if (is_blank(first) || first == ';' || first == '=') {
      ++at;
    } else if (first == '\'' || first == '"') {
      const auto end = std::min(text.find(first, at + 1), text.size());
      words.emplace_back(text.substr(at + 1, end - at - 1));
      at = end + 1;
    } else {
      auto end = at;
      while (end < text.size() && !is_blank(text[end]) && text[end] != ';' && text[end] != '=') ++end;
      words.emplace_back(text.substr(at, end - at));
      at = end;
    }
  }
  return words;
}

Error no_statement(const std::string& text) {
  constexpr std::size_t kMostShown = 60;
  return {"the console of Weir does not know \"" + text.substr(0, kMostShown) + "\"; SHOW HELP lists what it knows",
          kSyntaxError};
}

std::string time_text(std::int64_t us) {
  if (us == 0) return "";
  const std::time_t seconds = us / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S+00", &parts);
  return text.data();
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", seconds);
  return text.data();
}

std::string us_text(std::uint64_t us) {
  return seconds_text(static_cast<double>(us) / 1e6);
}

template <typename Number>
std::string text_of(Number number) {
  return std::to_string(number);
}

std::vector<Row> sessions(const Snapshot& now) {
  std::vector<Row> rows;
  for (const auto& one : now.sessions)
    rows.push_back({text_of(one.id), one.user, one.database, one.application_name, one.client,
                    one.captured ? "true" : "false", time_text(one.since_us), text_of(one.transactions),
                    text_of(one.events), text_of(one.client_bytes), text_of(one.upstream_bytes)});
  return rows;
}

std::vector<Row> destinations(const Snapshot& now) {
  std::vector<Row> rows;
  for (const auto& one : now.destinations)
    rows.push_back({one.name, one.state(now.now_us), text_of(one.durable), text_of(now.lag(one)),
                    us_text(static_cast<std::uint64_t>(one.lag_us(now.now_us))), text_of(one.transactions),
                    text_of(one.records), text_of(one.bytes), text_of(one.errors), text_of(one.retries),
                    text_of(one.dead_letters), one.trouble});
  return rows;
}

std::vector<Row> tables(const Snapshot& now) {
  std::vector<Row> rows;
  for (const auto& one : now.stream.tables)
    rows.push_back({one.database, one.table, text_of(one.captured()), text_of(one.counted()),
                    text_of(one.missed.inserted + one.missed.updated + one.missed.deleted), text_of(one.gaps),
                    time_text(one.last_us)});
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<Row> gaps(const Snapshot& now) {
  std::vector<Row> rows;
  for (const auto& one : now.stream.gaps)
    rows.push_back({one.cause, one.database, one.table, text_of(one.gaps), text_of(one.missed.inserted),
                    text_of(one.missed.updated), text_of(one.missed.deleted), time_text(one.last_us),
                    advice_for(one.cause)});
  return rows;
}

std::vector<Row> stats(const Snapshot& now) {
  std::vector<Row> rows = {
      {"ready", judge(now).ready ? "true" : "false"},
      {"listening", now.connections.addresses},
      {"started", time_text(static_cast<std::int64_t>(now.process.started_at * 1e6))},
      {"sessions", text_of(now.sessions.size())},
      {"connections", text_of(now.connections.opened)},
      {"bytes from clients", text_of(now.connections.client_bytes)},
      {"bytes from the database", text_of(now.connections.upstream_bytes)},
      {"memory", text_of(now.process.resident_bytes)},
  };
  for (const auto& [reason, count] : now.connections.refused)
    if (count > 0) rows.push_back({"logins refused: " + reason, text_of(count)});
  if (!now.capturing) return rows;
  const std::vector<Row> captured = {
      {"transactions committed", text_of(now.commits.committed)},
      {"transactions aborted", text_of(now.commits.aborted)},
      {"commits refused", text_of(now.commits.refused)},
      {"transactions in doubt", text_of(now.doubts.transactions)},
      {"events", text_of(now.stream.events)},
      {"stream position", text_of(now.last_position)},
      {"journal", now.journal.name},
      {"journal bytes", text_of(now.journal.bytes)},
      {"journal trouble", now.journal.trouble},
      {"commit gate, median seconds", us_text(now.commits.gate.quantile_us(0.5))},
      {"commit gate, 99 % seconds", us_text(now.commits.gate.quantile_us(0.99))},
      {"journal sync, median seconds", us_text(now.commits.sync.quantile_us(0.5))},
      {"journal sync, 99 % seconds", us_text(now.commits.sync.quantile_us(0.99))},
  };
  rows.insert(rows.end(), captured.begin(), captured.end());
  return rows;
}

std::vector<Row> config(const Snapshot& now) {
  std::vector<Row> rows;
  for (const auto& one : now.config) rows.push_back({one.key, one.value, one.source});
  return rows;
}

std::vector<Row> help() {
  std::vector<Row> rows;
  for (const auto& topic : kTopics) rows.push_back({"SHOW " + std::string(topic.name), std::string(topic.help)});
  for (const auto& order : kOrders) rows.push_back({std::string(order[0]), std::string(order[1])});
  return rows;
}

/// SET, BEGIN and the like, which drivers send on their own.
bool is_ignored(const std::string& word) {
  constexpr std::array<std::string_view, 8> kWords = {"SET",    "RESET", "BEGIN",    "START",
                                                      "COMMIT", "END",   "ROLLBACK", "DISCARD"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

/// ORDER DESTINATION name.
std::optional<Kind> of_destination(const std::string& word) {
  if (word == "PAUSE") return Kind::pause;
  if (word == "RESUME") return Kind::resume;
  if (word == "FORGET") return Kind::forget;
  return std::nullopt;
}

Result<void> carry_out(Kind kind, const std::string& argument, const ConsoleOrders& orders) {
  switch (kind) {
    case Kind::drain:
      return orders.drain();
    case Kind::pause:
    case Kind::resume:
      return orders.pause(argument, kind == Kind::pause);
    case Kind::log_level:
      return orders.set_log_level(argument);
    default:
      return {};
  }
}

}  // namespace

Result<ConsoleStatement> ConsoleStatement::parse(std::string_view text) {
  const auto words = words_of(text);
  ConsoleStatement made;
  if (words.empty()) return made;
  const auto first = upper(words[0]);
  const auto second = words.size() > 1 ? upper(words[1]) : "";
  if (first == "SHOW" && words.size() == 2) {
    for (const auto& topic : kTopics)
      if (topic.name == second) made.kind_ = topic.kind;
    if (made.kind_ != Kind::nothing) return made;
  }
  const bool of_log = first == "SET" && (second == "LOG.LEVEL" || second == "LOG_LEVEL");
  if (of_log && words.size() >= 3) {
    made.kind_ = Kind::log_level;
    made.argument_ = words.back();
  } else if (const auto order = of_destination(first); order && second == "DESTINATION" && words.size() == 3) {
    made.kind_ = *order;
    made.argument_ = words[2];
  } else if (first == "RELOAD" && words.size() == 1) {
    made.kind_ = Kind::reload;
  } else if (first == "DRAIN" && words.size() == 1) {
    made.kind_ = Kind::drain;
  } else if (is_ignored(first) && !of_log) {
    made.kind_ = Kind::ignored;
    made.argument_ = first == "START" ? "START TRANSACTION" : first;
  } else {
    return no_statement(std::string(text));
  }
  return made;
}

std::vector<std::string> ConsoleStatement::columns() const {
  switch (kind_) {
    case Kind::help:
      return {"statement", "meaning"};
    case Kind::sessions:
      return {"id",    "user",         "database", "application_name", "client",        "captured",
              "since", "transactions", "events",   "client_bytes",     "upstream_bytes"};
    case Kind::destinations:
      return {"destination", "state", "position", "lag_transactions", "lag_seconds",  "transactions",
              "records",     "bytes", "errors",   "retries",          "dead_letters", "trouble"};
    case Kind::tables:
      return {"database", "table", "captured", "counted", "missed", "gaps", "last_write"};
    case Kind::gaps:
      return {"cause", "database", "table", "gaps", "inserted", "updated", "deleted", "last", "what_to_do"};
    case Kind::stats:
      return {"name", "value"};
    case Kind::config:
      return {"key", "value", "source"};
    case Kind::version:
      return {"version", "instance"};
    case Kind::reload:
      return {"setting", "old", "new", "result"};
    default:
      return {};
  }
}

Result<ConsoleTable> ConsoleStatement::run(const std::function<Snapshot()>& look, const ConsoleOrders& orders) const {
  ConsoleTable table{columns(), {}};
  if (table.columns.empty()) {
    if (const auto done = carry_out(kind_, argument_, orders); !done) return done.error();
    return table;
  }
  const auto now = look();
  if (kind_ == Kind::help) table.rows = help();
  if (kind_ == Kind::sessions) table.rows = sessions(now);
  if (kind_ == Kind::destinations) table.rows = destinations(now);
  if (kind_ == Kind::tables) table.rows = tables(now);
  if (kind_ == Kind::gaps) table.rows = gaps(now);
  if (kind_ == Kind::stats) table.rows = stats(now);
  if (kind_ == Kind::config) table.rows = config(now);
  if (kind_ == Kind::version) table.rows = {{"weir " + now.version, now.instance}};
  return table;
}

void ConsoleStatement::begin(const ConsoleOrders& orders, ConsoleOrders::Done done) const {
  kind_ == Kind::reload ? orders.reload(std::move(done)) : orders.forget(argument_, std::move(done));
}

std::string ConsoleStatement::tag() const {
  switch (kind_) {
    case Kind::nothing:
      return "";
    case Kind::reload:
      return "RELOAD";
    case Kind::forget:
      return "FORGET";
    case Kind::pause:
      return "PAUSE";
    case Kind::resume:
      return "RESUME";
    case Kind::drain:
      return "DRAIN";
    case Kind::log_level:
      return "SET";
    case Kind::ignored:
      return argument_ == "END" ? "COMMIT" : argument_;
    default:
      return "SHOW";
  }
}

std::vector<std::string> split_statements(std::string_view text) {
  std::vector<std::string> statements;
  std::string statement;
  char quote = 0;
  for (const char c : text) {
    if (quote == 0 && c == ';') {
      statements.push_back(std::exchange(statement, {}));
      continue;
    }
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    }
    statement += c;
  }
  statements.push_back(std::move(statement));
  std::erase_if(statements, [](const std::string& one) { return words_of(one).empty(); });
  return statements;
}

}  // namespace weir::proxy
