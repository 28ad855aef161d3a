#include "proxy/admin/metrics.h"

#include <array>
#include <cstdlib>

namespace weir::proxy {

namespace {

using Type = MetricFamily::Type;

constexpr std::array kFamilies = std::to_array<MetricFamily>({
    {"weir_build_info", Type::info, "", "which Weir this is; always 1 (version, instance)"},
    {"weir_up_listening", Type::gauge, "", "1: new clients are taken; 0: draining"},
    {"weir_connections_opened_total", Type::counter, "", "connections that clients made, cancel requests among them"},
    {"weir_connections_closed_total", Type::counter, "", "connections of clients that have ended"},
    {"weir_cancel_requests_total", Type::counter, "", "cancel requests that were relayed"},
    {"weir_sessions", Type::gauge, "", "clients that are logged in now (captured: true or false)"},
    {"weir_logins_refused_total", Type::counter, "", "logins that did not succeed (reason)"},
    {"weir_client_received_bytes_total", Type::counter, "bytes", "received from clients, without TLS"},
    {"weir_upstream_received_bytes_total", Type::counter, "bytes", "received from the database, without TLS"},
    {"weir_upstream_up", Type::gauge, "",
     "1: the database answered when it was last asked (by /readyz or the page, at most once a second); absent: nobody "
     "asked yet"},
    {"weir_transactions_total", Type::counter, "",
     "transactions with captured writes (outcome: committed, aborted, in_doubt: the answer to COMMIT was not seen)"},
    {"weir_commits_refused_total", Type::counter, "",
     "commits that the journal could not take; such a transaction counts as aborted"},
    {"weir_transactions_in_doubt", Type::gauge, "",
     "transactions of which only the database knows whether they "
     "committed; it is being asked"},
    {"weir_transactions_in_doubt_age_seconds", Type::gauge, "seconds",
     "how long the oldest of those has been in doubt"},
    {"weir_transactions_waiting", Type::gauge, "", "transactions that committed and wait for others before them"},
    {"weir_transactions_released_total", Type::counter, "", "transactions that went into the stream"},
    {"weir_events_released_total", Type::counter, "", "events of those"},
    {"weir_rows_total", Type::counter, "",
     "rows in the stream (database, table, op, fidelity: row and input are events of rows, statement is rows that an "
     "event only counts); beyond 200 tables the others are `other`"},
    {"weir_missed_rows_total", Type::counter, "",
     "rows that were written and that no event shows: those that gaps "
     "count (database, table, op)"},
    {"weir_gaps_total", Type::counter, "", "gap events: what could not be captured (cause)"},
    {"weir_commit_gate_seconds", Type::histogram, "seconds",
     "what Weir adds between a transaction's last row and its COMMIT: writing to the journal, and waiting for room"},
    {"weir_commit_sync_wait_seconds", Type::histogram, "seconds",
     "how long the database's answer to a commit waited for the journal's sync; those that did not wait are not in it"},
    {"weir_journal_sync_seconds", Type::histogram, "seconds", "how long the journal's syncs took"},
    {"weir_journal_bytes", Type::gauge, "bytes", "size of the journal"},
    {"weir_journal_max_bytes", Type::gauge, "bytes", "journal.max_bytes: there commits wait; absent: no limit"},
    {"weir_journal_writable", Type::gauge, "", "1: the journal takes what is committed"},
    {"weir_journal_oldest_undelivered_age_seconds", Type::gauge, "seconds",
     "how long ago the oldest transaction committed that some destination does not have"},
    {"weir_stream_position", Type::gauge, "", "place of the last transaction in the stream"},
    {"weir_destination_up", Type::gauge, "", "1: the destination takes events; 0: it fails or is paused (destination)"},
    {"weir_destination_position", Type::gauge, "", "the destination has everything up to here (destination)"},
    {"weir_destination_lag_transactions", Type::gauge, "", "transactions that it does not have yet (destination)"},
    {"weir_destination_lag_seconds", Type::gauge, "seconds",
     "how long ago the oldest of those committed (destination)"},
    {"weir_destination_transactions_total", Type::counter, "", "transactions that it took (destination)"},
    {"weir_destination_records_total", Type::counter, "", "records that were handed to it (destination)"},
    {"weir_destination_sent_bytes_total", Type::counter, "bytes", "size of those (destination)"},
    {"weir_destination_errors_total", Type::counter, "", "failures to deliver (destination)"},
    {"weir_destination_retries_total", Type::counter, "", "attempts behind a failure (destination)"},
    {"weir_destination_dead_letters_total", Type::counter, "", "records that it refused for ever (destination)"},
    {"weir_delivery_seconds", Type::histogram, "seconds", "from the commit until the destination had it (destination)"},
    {"weir_notices_total", Type::counter, "", "what whoever runs Weir was told of in the log (level, kind)"},
    {"weir_spans_sent_total", Type::counter, "", "spans that the collector took; only with tracing.otlp"},
    {"weir_spans_dropped_total", Type::counter, "",
     "spans that it did not take in time, and transactions that nobody had time to look at"},
    {"process_cpu_seconds_total", Type::counter, "seconds", "processor time of this process"},
    {"process_resident_memory_bytes", Type::gauge, "bytes", "memory of this process"},
    {"process_virtual_memory_bytes", Type::gauge, "bytes", "address space of this process"},
    {"process_open_fds", Type::gauge, "", "open files and sockets"},
    {"process_max_fds", Type::gauge, "", "how many there may be"},
    {"process_threads", Type::gauge, "", "threads of this process"},
    {"process_start_time_seconds", Type::gauge, "seconds", "when it started, since the epoch"},
});

const MetricFamily& family(std::string_view name) {
  for (const auto& one : kFamilies) {
    if (one.name == name) return one;
  }
  std::abort();
}

template <typename Number>
double number(Number value) {
  return static_cast<double>(value);
}

double age(std::int64_t now_us, std::int64_t since_us) {
  return since_us == 0 || now_us < since_us ? 0 : number(now_us - since_us) / 1e6;
}

std::string_view word(event::Op op) {
  switch (op) {
    case event::Op::create:
      return "create";
    case event::Op::update:
      return "update";
    case event::Op::remove:
      return "delete";
    case event::Op::truncate:
      return "truncate";
    case event::Op::gap:
      break;
  }
  return "gap";
}

class Page {
 public:
  Page(const Snapshot& snapshot, MetricsText::Format format) : now_(snapshot), text_(format) {}

  std::string write() {
    text_.begin(family("weir_build_info"));
    text_.sample({{"version", now_.version}, {"instance", now_.instance}}, 1);
    connections();
    if (now_.capturing) {
      transactions();
      tables();
      times();
      journal();
      destinations();
      tracing();
    }
    for (const auto& one : now_.more) text_.all_of(one);
    process();
    return text_.finish();
  }

 private:
  void one(std::string_view name, double value) {
    text_.begin(family(name));
    text_.sample(value);
  }

  void connections() {
    const auto& all = now_.connections;
    one("weir_up_listening", all.listening ? 1 : 0);
    one("weir_connections_opened_total", number(all.opened));
    one("weir_connections_closed_total", number(all.closed));
    one("weir_cancel_requests_total", number(all.cancel_requests));
    std::size_t captured = 0;
    for (const auto& session : now_.sessions) captured += session.captured ? 1 : 0;
    text_.begin(family("weir_sessions"));
    text_.sample({{"captured", "true"}}, number(captured));
    text_.sample({{"captured", "false"}}, number(now_.sessions.size() - captured));
    text_.begin(family("weir_logins_refused_total"));
    for (const auto& [reason, count] : all.refused) text_.sample({{"reason", reason}}, number(count));
    one("weir_client_received_bytes_total", number(all.client_bytes));
    one("weir_upstream_received_bytes_total", number(all.upstream_bytes));
    if (now_.upstream.asked) one("weir_upstream_up", now_.upstream.answers ? 1 : 0);
  }

  void transactions() {
    text_.begin(family("weir_transactions_total"));
    text_.sample({{"outcome", "committed"}}, number(now_.commits.committed));
    text_.sample({{"outcome", "aborted"}}, number(now_.commits.aborted));
    text_.sample({{"outcome", "in_doubt"}}, number(now_.commits.in_doubt));
    one("weir_commits_refused_total", number(now_.commits.refused));
    one("weir_transactions_in_doubt", number(now_.doubts.transactions));
    one("weir_transactions_in_doubt_age_seconds", age(now_.now_us, now_.doubts.oldest_us));
    one("weir_transactions_waiting", number(now_.doubts.waiting));
    one("weir_transactions_released_total", number(now_.stream.transactions));
    one("weir_events_released_total", number(now_.stream.events));
  }

  void tables() {
    text_.begin(family("weir_rows_total"));
    for (const auto& table : now_.stream.tables) {
      for (const auto& [kind, count] : table.rows) {
        text_.sample({{"database", table.database},
                      {"table", table.table},
                      {"op", word(kind.first)},
                      {"fidelity", event::to_text(kind.second)}},
                     number(count));
      }
    }
    text_.begin(family("weir_missed_rows_total"));
    for (const auto& table : now_.stream.tables) {
      missed(table, "create", table.missed.inserted);
      missed(table, "update", table.missed.updated);
      missed(table, "delete", table.missed.deleted);
    }
    text_.begin(family("weir_gaps_total"));
    for (const auto& [cause, count] : now_.stream.gaps_by_cause) text_.sample({{"cause", cause}}, number(count));
  }

  void missed(const TableCounts& table, std::string_view op, std::int64_t rows) {
    if (rows > 0) text_.sample({{"database", table.database}, {"table", table.table}, {"op", op}}, number(rows));
  }

  void times() {
    text_.begin(family("weir_commit_gate_seconds"));
    text_.histogram({}, now_.commits.gate);
    text_.begin(family("weir_commit_sync_wait_seconds"));
    text_.histogram({}, now_.commits.sync_wait);
    text_.begin(family("weir_journal_sync_seconds"));
    text_.histogram({}, now_.commits.sync);
  }

  void journal() {
    one("weir_journal_bytes", number(now_.journal.bytes));
    if (now_.journal.max_bytes != 0) one("weir_journal_max_bytes", number(now_.journal.max_bytes));
    one("weir_journal_writable", now_.journal.trouble.empty() ? 1 : 0);
    one("weir_journal_oldest_undelivered_age_seconds", age(now_.now_us, now_.oldest_undelivered_us()));
    one("weir_stream_position", number(now_.last_position));
  }

  template <typename Value>
  void of_each(std::string_view name, Value value) {
    text_.begin(family(name));
    for (const auto& each : now_.destinations) text_.sample({{"destination", each.name}}, number(value(each)));
  }

  void destinations() {
    using Destination = DestinationCounts::Value;
    of_each("weir_destination_up", [](const Destination& d) { return d.paused || !d.trouble.empty() ? 0 : 1; });
    of_each("weir_destination_position", [](const Destination& d) { return d.durable; });
    of_each("weir_destination_lag_transactions", [this](const Destination& d) { return now_.lag(d); });
    of_each("weir_destination_lag_seconds", [this](const Destination& d) { return age(now_.now_us, d.oldest_us); });
    of_each("weir_destination_transactions_total", [](const Destination& d) { return d.transactions; });
    of_each("weir_destination_records_total", [](const Destination& d) { return d.records; });
    of_each("weir_destination_sent_bytes_total", [](const Destination& d) { return d.bytes; });
    of_each("weir_destination_errors_total", [](const Destination& d) { return d.errors; });
    of_each("weir_destination_retries_total", [](const Destination& d) { return d.retries; });
    of_each("weir_destination_dead_letters_total", [](const Destination& d) { return d.dead_letters; });
    text_.begin(family("weir_delivery_seconds"));
    for (const auto& each : now_.destinations) text_.histogram({{"destination", each.name}}, each.delivered);
  }

  void tracing() {
    if (!now_.tracing.on) return;
    one("weir_spans_sent_total", number(now_.tracing.sent));
    one("weir_spans_dropped_total", number(now_.tracing.dropped));
  }

  void process() {
    one("process_cpu_seconds_total", now_.process.cpu_seconds);
    one("process_resident_memory_bytes", number(now_.process.resident_bytes));
    one("process_virtual_memory_bytes", number(now_.process.virtual_bytes));
    one("process_open_fds", number(now_.process.open_descriptors));
    one("process_max_fds", number(now_.process.max_descriptors));
    one("process_threads", number(now_.process.threads));
    one("process_start_time_seconds", now_.process.started_at);
  }

  const Snapshot& now_;
  MetricsText text_;
};

std::string_view word(Type type) {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::histogram:
      return "histogram";
    case Type::info:
    case Type::gauge:
      break;
  }
  return "gauge";
}

}  // namespace

std::span<const MetricFamily> metric_families() {
  return kFamilies;
}

std::string metrics_page(const Snapshot& snapshot, MetricsText::Format format) {
  return Page(snapshot, format).write();
}

std::string metrics_reference() {
  std::string text = "| metric | type | meaning |\n|---|---|---|\n";
  for (const auto& one : kFamilies) {
    text +=
        "| `" + std::string(one.name) + "` | " + std::string(word(one.type)) + " | " + std::string(one.help) + " |\n";
  }
  return text;
}

}  // namespace weir::proxy
