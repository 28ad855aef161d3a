#include "tests/integration/differential/script.h"

#include "tests/support/pg_connection.h"

namespace weir::differential {
namespace {

using test_support::PgConnection;
using test_support::RawClient;

constexpr auto patience = std::chrono::seconds(8);

std::vector<std::string> answer_of(const std::string& conninfo, const std::string& schema, const std::string& sql) {
  const PgConnection connection(conninfo + " options='-c search_path=" + schema + "'");
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.raw(), sql.c_str()), &PQclear);
  return test_support::render(result.get());
}

}  // namespace

Script::Script(const Door& door, std::string schema, Recording& recording)
    : door_(door), schema_(std::move(schema)), recording_(recording) {}

void Script::connect_silently() {
  client_ = std::make_unique<RawClient>(door_.port, patience);
}

void Script::connect(const std::string& user, const Parameters& more) {
  connect_silently();
  Parameters parameters{{"user", user}, {"database", "postgres"}, {"options", "-c search_path=" + schema_}};
  parameters.insert(parameters.end(), more.begin(), more.end());
  client_->startup(parameters);
  step("start as " + user);
}

void Script::step(const std::string& label) {
  client_->read_until_ready();
  recording_.add(label, client_->take_transcript());
}

void Script::step_until(const std::string& label, char type, int count) {
  client_->read_until(type, count);
  recording_.add(label, client_->take_transcript());
}

void Script::step_until_closed(const std::string& label) {
  client_->read_until_closed();
  recording_.add(label, client_->take_transcript());
}

void Script::query(const std::string& sql) {
  client_->query(sql);
  step(sql);
}

void Script::other_session(const std::string& sql) {
  recording_.add("another session: " + sql, answer_of(door_.conninfo(), schema_, sql));
}

void Script::direct(const std::string& sql) {
  recording_.add("past the door: " + sql, answer_of(door_.server->socket_conninfo(), schema_, sql));
}

bool Script::wait_for(const std::string& condition) {
  const PgConnection connection(door_.server->socket_conninfo());
  const bool met = test_support::eventually(patience, [&] { return connection.value(condition) == "t"; });
  recording_.add("wait for " + condition, {met ? "met" : "never met"});
  return met;
}

}  // namespace weir::differential
