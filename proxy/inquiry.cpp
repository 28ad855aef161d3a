#include "proxy/inquiry.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <tuple>

#include "capture/facts.h"

namespace weir::proxy {

namespace {

/// The database's clock and Weir's may differ by so much.
constexpr std::int64_t kClockMarginUs = 60'000'000;
/// Rows that are looked at, at most.
constexpr std::size_t kWitnesses = 16;
/// Events among which they are chosen.
constexpr std::size_t kWitnessEvents = 1'024;

/// What a 32-bit xid column shows of it.
std::string low_half(event::Xid xid) {
  return std::to_string(static_cast<std::uint32_t>(xid));
}

/// Since 1970, as SQL.
std::string microseconds(const std::string& time) {
  return " (extract(epoch FROM " + time + ") OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8";
}

std::int64_t to_number(const std::optional<std::string>& text) {
  return text ? std::strtoll(text->c_str(), nullptr, 10) : 0;
}

/// "t."id" = k."id" AND …" for the names in the key, or nothing where it has none.
std::string key_condition(const std::string& key) {
  boost::json::error_code error;
  const auto parsed = boost::json::parse(key, error);
  if (error || !parsed.is_object()) return {};
  std::string condition;
  for (const auto& column : parsed.get_object()) {
    const auto name = capture::quoted({column.key().data(), column.key().size()});
    condition += (condition.empty() ? "t." : " AND t.") + name + " = k." + name;
  }
  return condition;
}

}  // namespace

Result<Inquiry::Facts> Inquiry::facts(event::Xid xid) {
  auto rows = questions_.query(
      "SELECT pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8)," +
          microseconds("pg_catalog.pg_postmaster_start_time()") +
          ", CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL"
          " ELSE pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text END,"
          " c.redo_lsn::pg_catalog.text, " +
          microseconds("c.checkpoint_time") +
          ","
          " pg_catalog.current_setting('track_commit_timestamp') FROM pg_catalog.pg_control_checkpoint() AS c",
      {std::to_string(xid)});
  if (!rows) return rows.error();
  const auto& fields = rows->at(0);
  Facts facts;
  facts.in_recovery = !fields[2];
  facts.status = fields[0].value_or("");
  facts.started_us = to_number(fields[1]);
  facts.insert_lsn = event::parse_lsn(fields[2].value_or("")).value_or(0);
  facts.redo_lsn = event::parse_lsn(fields[3].value_or("")).value_or(0);
  facts.checkpoint_us = to_number(fields[4]);
  facts.has_commit_timestamps = fields[5] == "on";
  return facts;
}

Result<Verdict> Inquiry::ask(const event::Transaction& transaction) {
  using Kind = Verdict::Kind;
  const auto known = facts(transaction.xid);
  if (!known) {
    // "transaction ID … is in the future": the server lost the end of its log, and this transaction with it.
    if (known.error().sqlstate == "22023") return Verdict{Kind::aborted, "the server never heard of its id"};
    return known.error();
  }
  if (known->in_recovery) return Error{"the server is a standby; only the primary can tell", ""};
  if (known->status == "in progress") return Verdict{Kind::in_progress, ""};
  if (known->status == "aborted") return Verdict{Kind::aborted, ""};
  if (known->status == "committed") return judge_committed(transaction, *known);
  return judge_by_rows(transaction, {Kind::unknowable, "the server has forgotten it, and no row can confirm it"});
}

Result<Verdict> Inquiry::judge_committed(const event::Transaction& transaction, const Facts& facts) {
  using Kind = Verdict::Kind;
  if (facts.insert_lsn != 0 && facts.insert_lsn < transaction.last_lsn) {
    return Verdict{Kind::aborted, "the server's log ends before it: a crash or a failover lost it"};
  }
  if (facts.started_us < transaction.prepared_us - kClockMarginUs) return Verdict{Kind::committed, ""};
  const bool restarted_since = facts.started_us > transaction.prepared_us + kClockMarginUs;
  if (facts.has_commit_timestamps) {
    const auto at = committed_at_us(transaction.xid);
    if (!at) return at.error();
    if (*at != 0 && *at < facts.started_us) return Verdict{Kind::committed, "committed before the server's restart"};
    if (*at != 0 && restarted_since) return Verdict{Kind::aborted, "its id was given out again after a crash"};
  }
  if (facts.checkpoint_us > transaction.prepared_us + kClockMarginUs && facts.redo_lsn <= transaction.last_lsn) {
    return Verdict{Kind::aborted, "the server's log was cut off before it, by a crash or a failover"};
  }
  return judge_by_rows(
      transaction,
      {Kind::committed, "the server says so; it may have been restarted since, and no row can confirm it"});
}

Result<Verdict> Inquiry::judge_by_rows(const event::Transaction& transaction, const Verdict& otherwise) {
  const auto found = left_a_row(transaction);
  if (!found) return found.error();
  return *found ? Verdict{Verdict::Kind::committed, ""} : otherwise;
}

Result<std::int64_t> Inquiry::committed_at_us(event::Xid xid) {
  auto rows = questions_.query(
      "SELECT " + microseconds("pg_catalog.pg_xact_commit_timestamp($1::pg_catalog.text::pg_catalog.xid)"),
      {low_half(xid)});
  if (!rows) return rows.error();
  return to_number(rows->at(0)[0]);
}

/// One row that has this transaction's mark and content proves that it committed. That there is none proves nothing: a
/// later transaction, even one with a lower id, may have changed or deleted it.
Result<bool> Inquiry::left_a_row(const event::Transaction& transaction) {
  auto events = reader_.events(transaction.id, 0, kWitnessEvents);
  if (!events) return events.error();
  std::map<std::tuple<std::string, std::string, std::string>, const event::ChangeEvent*> last_of_row;
  for (const auto& event : *events) {
    if (event.key && event.fidelity == event::Fidelity::row)
      last_of_row[{event.schema, event.table, *event.key}] = &event;
  }
  std::size_t asked = 0;
  for (const auto& [row, event] : last_of_row) {
    if (!event->after) continue;
    if (++asked > kWitnesses) break;
    const auto found = left(transaction, *event);
    if (!found && !questions_.alive()) return found.error();
    if (found && *found) return true;  // an error: the table is gone, or may not be read
  }
  return false;
}

Result<bool> Inquiry::left(const event::Transaction& transaction, const event::ChangeEvent& event) {
  const auto condition = key_condition(*event.key);
  if (condition.empty()) return false;
  const auto table = capture::quoted_name(capture::RelationName{event.schema, event.table});
  auto rows = questions_.query(
      "SELECT t.xmin::pg_catalog.text OPERATOR(pg_catalog.=) $2"
      " AND pg_catalog.to_jsonb(t.*) OPERATOR(pg_catalog.@>) $3::pg_catalog.jsonb FROM " +
          table + " AS t, pg_catalog.jsonb_populate_record(NULL::" + table + ", $1::pg_catalog.jsonb) AS k WHERE " +
          condition,
      {*event.key, low_half(transaction.xid), *event.after});
  if (!rows) return rows.error();
  return !rows->empty() && rows->at(0)[0] == "t";
}

}  // namespace weir::proxy
