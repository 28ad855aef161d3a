#include "tests/integration/differential/modes.h"

#include <memory>

#include "tests/support/pg_connection.h"
#include "tests/support/raw_client.h"

namespace weir::differential {
namespace {

using test_support::PgConnection;
using test_support::printable;
using test_support::RawClient;
using Lines = std::vector<std::string>;

constexpr auto patience = std::chrono::seconds(8);

// What libpq keeps of ParameterStatus messages.
const char* const reported[] = {"application_name",
                                "client_encoding",
                                "DateStyle",
                                "default_transaction_read_only",
                                "in_hot_standby",
                                "integer_datetimes",
                                "IntervalStyle",
                                "is_superuser",
                                "search_path",
                                "server_encoding",
                                "server_version",
                                "session_authorization",
                                "standard_conforming_strings",
                                "TimeZone"};

/// A libpq session. Notices are kept in their own order: libpq hands them out when their bytes arrive, which may be
/// before the results that precede them. The sessions by hand show where they stand.
class LibpqSession {
 public:
  LibpqSession(const Door& door, const std::string& schema, const std::string& user)
      : connection_(door.conninfo(user) + " options='-c search_path=" + schema + "'") {
    PQsetNoticeReceiver(raw(), &LibpqSession::on_notice, this);
  }
  LibpqSession(const LibpqSession&) = delete;
  LibpqSession& operator=(const LibpqSession&) = delete;

  PGconn* raw() const { return connection_.raw(); }

  /// All results up to the NULL that ends them; one call for each command of a pipeline.
  void collect(const Step& step) {
    while (PGresult* result = PQgetResult(raw())) {
      const auto status = PQresultStatus(result);
      append(test_support::render(result));
      PQclear(result);
      if (status == PGRES_COPY_IN) put_copy(step);
      if (status == PGRES_COPY_OUT) get_copy();
      if (status == PGRES_PIPELINE_SYNC || PQstatus(raw()) == CONNECTION_BAD) break;
    }
  }

  Lines take() {
    for (const auto& notice : std::exchange(notices_, {})) lines_.push_back("notice" + notice);
    lines_.push_back("transaction status " + std::to_string(PQtransactionStatus(raw())));
    for (const char* name : reported) {
      const char* value = PQparameterStatus(raw(), name);
      lines_.push_back(std::string(name) + " = " + (value == nullptr ? "(unknown)" : printable(value)));
    }
    return std::exchange(lines_, {});
  }

 private:
  static void on_notice(void* self, const PGresult* result) {
    static_cast<LibpqSession*>(self)->notices_.push_back(test_support::render_error(result));
  }

  void append(const Lines& more) { lines_.insert(lines_.end(), more.begin(), more.end()); }

  void put_copy(const Step& step) {
    const auto data = step.copy.value_or("");
    if (!data.empty()) PQputCopyData(raw(), data.data(), static_cast<int>(data.size()));
    PQputCopyEnd(raw(), nullptr);
  }

  void get_copy() {
    char* buffer = nullptr;
    int size = 0;
    while ((size = PQgetCopyData(raw(), &buffer, 0)) > 0) {
      lines_.push_back("copy " + printable({buffer, static_cast<std::size_t>(size)}));
      PQfreemem(buffer);
    }
  }

  PgConnection connection_;
  Lines lines_;
  Lines notices_;
};

void play_libpq_simple(const Door& door, const std::string& schema, const Group& group, Recording& recording) {
  LibpqSession session(door, schema, group.user);
  for (const auto& step : group.steps) {
    PQsendQuery(session.raw(), step.sql.c_str());
    session.collect(step);
    recording.add(step.sql, session.take());
  }
}

/// A write whose text, or one that differs in its literals alone, comes again is prepared by Weir.
void play_repeated(const Door& door, const std::string& schema, const Group& group, Recording& recording) {
  LibpqSession session(door, schema, group.user);
  for (const auto& step : group.steps) {
    const bool writes = step.sql.starts_with("INSERT") || step.sql.starts_with("UPDATE") || step.sql.starts_with("DEL");
    for (int times = writes ? 3 : 1; times > 0; --times) {
      PQsendQuery(session.raw(), step.sql.c_str());
      session.collect(step);
      recording.add(step.sql, session.take());
    }
  }
}

void play_libpq_extended(const Door& door, const std::string& schema, const Group& group, Recording& recording,
                         int format) {
  LibpqSession session(door, schema, group.user);
  for (const auto& step : group.steps) {
    PQsendQueryParams(session.raw(), step.sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, format);
    session.collect(step);
    recording.add(step.sql, session.take());
  }
}

// Each statement is prepared under a name of its own, described, and run twice, so that the second run meets what
// the first one left behind.
void play_libpq_prepared(const Door& door, const std::string& schema, const Group& group, Recording& recording) {
  LibpqSession session(door, schema, group.user);
  int number = 0;
  for (const auto& step : group.steps) {
    const auto name = "s" + std::to_string(++number);
    PQsendPrepare(session.raw(), name.c_str(), step.sql.c_str(), 0, nullptr);
    session.collect(step);
    PQsendDescribePrepared(session.raw(), name.c_str());
    session.collect(step);
    for (int run = 0; run < 2; ++run) {
      PQsendQueryPrepared(session.raw(), name.c_str(), 0, nullptr, nullptr, nullptr, 0);
      session.collect(step);
    }
    recording.add(step.sql, session.take());
  }
}

bool is_copy(const Step& step) {
  return step.sql.compare(0, 4, "COPY") == 0;
}

/// Steps in runs of `size`, without those that copy: a pipeline cannot hold them.
std::vector<std::vector<Step>> runs_of(const Group& group, std::size_t size) {
  std::vector<std::vector<Step>> runs;
  for (const auto& step : group.steps) {
    if (is_copy(step)) continue;
    if (runs.empty() || runs.back().size() == size) runs.emplace_back();
    runs.back().push_back(step);
  }
  return runs;
}

std::string label_of(const std::vector<Step>& run) {
  std::string label;
  for (const auto& step : run) label += (label.empty() ? "" : " | ") + step.sql;
  return label;
}

void play_libpq_pipeline(const Door& door, const std::string& schema, const Group& group, Recording& recording) {
  LibpqSession session(door, schema, group.user);
  PQenterPipelineMode(session.raw());
  for (const auto& run : runs_of(group, 5)) {
    for (const auto& step : run) {
      PQsendQueryParams(session.raw(), step.sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0);
    }
    PQpipelineSync(session.raw());
    for (const auto& step : run) session.collect(step);
    session.collect(run.back());
    recording.add(label_of(run), session.take());
  }
}

/// Starts a session by hand; what the server says at its start is the first step.
std::unique_ptr<RawClient> start(const Door& door, const std::string& schema, const Group& group,
                                 Recording& recording) {
  auto client = std::make_unique<RawClient>(door.port, patience);
  client->startup({{"user", group.user}, {"database", "postgres"}, {"options", "-c search_path=" + schema}});
  client->read_until_ready();
  recording.add("start", client->take_transcript());
  return client;
}

void read_answer(RawClient& client, const std::vector<Step>& run) {
  client.read_until_ready();
  while (!client.closed() && !client.messages().empty() && client.messages().back().type == 'G') {
    client.copy_data(run.back().copy.value_or("")).copy_done();
    client.read_until('Z');
  }
}

/// Ends the session; messages that nobody asked for show up here.
void finish(RawClient& client, Recording& recording) {
  client.terminate().read_until_closed();
  recording.add("terminate", client.take_transcript());
}

using Send = std::function<void(RawClient&, const std::vector<Step>&)>;

void play_by_hand(const Door& door, const std::string& schema, const Group& group, Recording& recording,
                  std::size_t size, const Send& send) {
  const auto client = start(door, schema, group, recording);
  for (const auto& run : runs_of(group, size)) {
    send(*client, run);
    read_answer(*client, run);
    recording.add(label_of(run), client->take_transcript());
  }
  finish(*client, recording);
}

void send_in_one_query(RawClient& client, const std::vector<Step>& run) {
  std::string text;
  for (const auto& step : run) text += (text.empty() ? "" : "\n; ") + step.sql;
  client.query(text);
}

void send_with_syncs(RawClient& client, const std::vector<Step>& run) {
  for (const auto& step : run) client.parse("", step.sql).bind("", "").describe_portal("").execute("").sync();
}

void send_with_one_sync(RawClient& client, const std::vector<Step>& run) {
  for (const auto& step : run) client.parse("", step.sql).bind("", "").execute("");
  client.sync();
}

void send_described(RawClient& client, const std::vector<Step>& run) {
  const auto& sql = run.front().sql;
  client.parse("again", sql).describe_statement("again").sync();
  client.bind("p", "again", {.result_formats = {1}}).describe_portal("p").execute("p").close_portal("p").sync();
  client.bind("", "again").execute("").close_statement("again").sync();
}

void send_with_limits(RawClient& client, const std::vector<Step>& run) {
  for (const auto& step : run) {
    client.parse("", step.sql).bind("p", "").describe_portal("p").execute("p", 1).execute("p", 2).execute("p").sync();
  }
}

Mode by_hand(const std::string& name, std::size_t size, const Send& send) {
  return {name, [=](const Door& door, const std::string& schema, const Group& group, Recording& recording) {
            play_by_hand(door, schema, group, recording, size, send);
          }};
}

Mode extended(const std::string& name, int format) {
  return {name, [=](const Door& door, const std::string& schema, const Group& group, Recording& recording) {
            play_libpq_extended(door, schema, group, recording, format);
          }};
}

}  // namespace

const std::vector<Mode>& modes() {
  static const std::vector<Mode> all{{"libpq_simple", play_libpq_simple},
                                     {"libpq_repeated", play_repeated},
                                     extended("libpq_extended", 0),
                                     extended("libpq_binary", 1),
                                     {"libpq_prepared", play_libpq_prepared},
                                     {"libpq_pipeline", play_libpq_pipeline},
                                     by_hand("many_in_one_query", 3, send_in_one_query),
                                     by_hand("pipeline_of_syncs", 4, send_with_syncs),
                                     by_hand("one_sync_for_four", 4, send_with_one_sync),
                                     by_hand("described_statements", 1, send_described),
                                     by_hand("row_limits", 1, send_with_limits)};
  return all;
}

void make_schema(const Door& door, const std::string& schema, const std::string& more) {
  std::string sql = common_tables() + more;
  for (std::size_t at = 0; (at = sql.find(":schema", at)) != std::string::npos;) sql.replace(at, 7, schema);
  PgConnection(door.conninfo()).run("CREATE SCHEMA " + schema + "; SET search_path = " + schema + ";" + sql);
}

void record_contents(const Door& door, const std::string& schema, Recording& recording) {
  const PgConnection connection(door.server->socket_conninfo());
  const auto tables = connection.rows("SELECT c.oid::regclass::text, c.relkind FROM pg_class c WHERE relnamespace = '" +
                                      schema + "'::regnamespace AND relkind IN ('r', 'p', 'S') ORDER BY 1");
  for (const auto& table : tables) {
    const auto& name = *table[0];
    const auto text = *table[1] == "S" ? "last_value || ' ' || is_called" : "t::text";
    Lines lines;
    for (const auto& row : connection.rows("SELECT " + std::string(text) + " FROM " + name + " t ORDER BY 1")) {
      lines.push_back(printable(row[0].value_or("NULL")));
    }
    recording.add("contents of " + name, lines);
  }
}

}  // namespace weir::differential
