#include "proxy/doubt/outcome_lookup.h"

#include <map>
#include <utility>

namespace weir::proxy {

namespace {

/// pg_xact_status fails for an id that was not given out yet, and with it all of the statement: such ids are asked
/// alone.
constexpr std::string_view kNotEnded = "not ended";
constexpr std::string_view kInTheFuture = "22023";

// Materialized: the server says once of itself what it says, not for each id.
const std::string& many_question() {
  static const std::string text = "WITH server AS MATERIALIZED (SELECT " +
                                  std::string(capture::server_run_expression()) +
                                  " AS run, CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL"
                                  " ELSE pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text END AS log_end)"
                                  " SELECT server.run, server.log_end, asked.xid::pg_catalog.text,"
                                  " CASE WHEN asked.xid OPERATOR(pg_catalog.>=)"
                                  " pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) THEN '" +
                                  std::string(kNotEnded) +
                                  "' ELSE pg_catalog.pg_xact_status(asked.xid) END"
                                  " FROM server, pg_catalog.unnest($1::pg_catalog.xid8[]) AS asked(xid)";
  return text;
}

constexpr std::string_view kOneQuestion = "SELECT pg_catalog.pg_xact_status($1::pg_catalog.xid8)";

XactStatus read_status(const std::optional<std::string>& text) {
  if (!text) return XactStatus::too_old;
  if (*text == "committed") return XactStatus::committed;
  if (*text == "aborted") return XactStatus::aborted;
  return XactStatus::in_progress;
}

std::string array_of(std::span<const event::Transaction* const> transactions) {
  std::string text = "{";
  for (const auto* transaction : transactions) {
    if (text.size() > 1) text += ',';
    text += std::to_string(transaction->xid);
  }
  return text + "}";
}

}  // namespace

std::vector<std::string> OutcomeLookup::statements() {
  return {many_question(), std::string(kOneQuestion)};
}

Result<std::vector<Verdict>> OutcomeLookup::ask(std::span<const event::Transaction* const> transactions) {
  const auto rows = database_.query(many_question(), {array_of(transactions)});
  if (!rows) return rows.error();
  std::optional<Evidence> evidence;
  std::map<std::string, XactStatus> statuses;
  for (const auto& row : *rows) {
    if (row.size() != 4 || !row[0] || !row[2]) return Error{"an answer that makes no sense", ""};
    if (!row[1]) return Error{"the server is a standby; only the primary can tell", ""};
    auto run = capture::read_server_run(*row[0]);
    if (!run) return Error{"an answer that makes no sense", ""};
    if (!evidence) {
      if (const auto seen = runs_.see(capture::note(*row[0], false, true)); !seen) return seen.error();
    }
    evidence = Evidence{std::move(*run), event::parse_lsn(*row[1]).value_or(0)};
    const bool alone = row[3] == kNotEnded && !statuses.contains(*row[2]);
    const auto status = alone ? ask_alone(std::stoull(*row[2])) : Result<XactStatus>(read_status(row[3]));
    if (!status) return status.error();
    statuses.emplace(*row[2], *status);
  }
  std::vector<Verdict> verdicts;
  for (const auto* transaction : transactions) {
    const auto status = statuses.find(std::to_string(transaction->xid));
    if (status == statuses.end()) return Error{"an answer that leaves out a transaction", ""};
    const auto written = capture::read_server_run(transaction->server_run);
    evidence->later = written ? runs_.after(*written) : std::vector<capture::ServerRun>();
    verdicts.push_back(judge(*transaction, status->second, *evidence));
  }
  return verdicts;
}

Result<XactStatus> OutcomeLookup::ask_alone(event::Xid xid) {
  const auto rows = database_.query(std::string(kOneQuestion), {std::to_string(xid)});
  if (!rows && rows.error().sqlstate == kInTheFuture) return XactStatus::not_given_out;
  if (!rows) return rows.error();
  if (rows->empty() || rows->front().empty()) return Error{"an answer that makes no sense", ""};
  return read_status(rows->front().front());
}

}  // namespace weir::proxy
