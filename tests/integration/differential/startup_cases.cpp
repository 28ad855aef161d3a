// Protocol traps that a server can show: startup in all its forms, authentication, cancel keys, messages nobody
// expects.
#include <libpq-fe.h>

#include "tests/integration/differential/script.h"

namespace weir::differential {
namespace {

constexpr std::uint32_t protocol_3_0 = 3U << 16;
constexpr std::uint32_t protocol_3_2 = protocol_3_0 + 2;

void start_with(Script& s, const std::string& label, const Script::Parameters& parameters,
                std::uint32_t protocol = protocol_3_0) {
  s.connect_silently();
  s.client().startup(parameters, protocol);
  s.step(label);
  if (!s.client().closed()) s.query("SELECT current_user, current_database(), current_setting('application_name')");
}

void startup_parameters(Script& s) {
  start_with(s, "user only", {{"user", "postgres"}});
  start_with(s, "options and settings",
             {{"user", "app"},
              {"database", "postgres"},
              {"options", "-c geqo=off -c work_mem=5MB"},
              {"application_name", "an \"odd\" n\303\244me"},
              {"search_path", "a, b"},
              {"DateStyle", "german"},
              {"client_encoding", "utf-8"},
              {"extra_float_digits", "3"}});
  s.query(
      "SELECT current_setting('geqo'), current_setting('work_mem'), current_setting('search_path'), "
      "current_setting('extra_float_digits')");
  start_with(s, "no such database", {{"user", "postgres"}, {"database", "nosuch"}});
  start_with(s, "no such role", {{"user", "nosuch"}, {"database", "postgres"}});
  start_with(s, "no such setting", {{"user", "postgres"}, {"database", "postgres"}, {"nosuch_setting", "1"}});
  start_with(s, "a wrong value", {{"user", "postgres"}, {"database", "postgres"}, {"work_mem", "much"}});
  start_with(s, "no user", {{"database", "postgres"}});
  start_with(s, "protocol option", {{"user", "postgres"}, {"database", "postgres"}, {"_pq_.nosuch", "1"}});
  start_with(s, "refused by pg_hba.conf", {{"user", "login_reject"}, {"database", "postgres"}});
}

void protocol_versions(Script& s) {
  start_with(s, "3.2", {{"user", "postgres"}, {"database", "postgres"}}, protocol_3_2);
  start_with(s, "3.9999", {{"user", "postgres"}, {"database", "postgres"}, {"_pq_.test_protocol_negotiation", ""}},
             protocol_3_0 + 9999);
  start_with(s, "4.0", {{"user", "postgres"}, {"database", "postgres"}}, 4U << 16);
}

void protocol_2(Script& s) {
  start_with(s, "2.0", {{"user", "postgres"}, {"database", "postgres"}}, 2U << 16);
}

void startup_packets_that_cannot_be(Script& s) {
  const std::string cancel("\4\322\26\56", 4);
  const std::pair<std::string, std::string> packets[] = {
      {"length 0", std::string(4, '\0')},
      {"length 7", std::string("\0\0\0\7", 4)},
      {"length 10,005", std::string("\0\0\x27\x15\0\3\0\0", 8)},
      {"length -1", "\xff\xff\xff\xff"},
      {"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
      {"cancel without a key", std::string("\0\0\0\14", 4) + cancel + std::string(4, '\1')},
      {"cancel without anything", std::string("\0\0\0\10", 4) + cancel},
      {"version 0", std::string("\0\0\0\10\0\0\0\0", 8)},
      {"version 1.7", std::string("\0\0\0\11\0\1\0\7x", 9)},
      {"no end", std::string("\0\0\0\15\0\3\0\0user\0", 13)},
      {"nothing", std::string("\0\0\0\10\0\3\0\0", 8)},
      {"trailing", std::string("\0\0\0\13\0\3\0\0\0xx", 11)}};
  for (const auto& [label, packet] : packets) {
    s.connect_silently();
    s.client().raw(packet);
    s.step_until_closed(label);
  }
}

/// The server's one-byte answer to SSLRequest or GSSENCRequest; '-' for none.
char answer_to(Script& s, const std::string& request) {
  char answer = '-';
  s.client().raw(request).send_all();
  return s.client().read_byte(answer) ? answer : '-';
}

void ssl_request(Script& s) {
  s.connect_silently();
  s.note("SSLRequest", std::string(1, answer_to(s, std::string("\0\0\0\10\4\322\26\57", 8))));
  s.client().startup({{"user", "postgres"}, {"database", "postgres"}});
  s.step("start behind it");
  s.query("INSERT INTO " + s.schema() + ".nokey VALUES (1, 'plain text')");
}

// Only where the server is built without GSSAPI: Weir always says 'N', and Debian's server says 'G'.
void gssenc_request(Script& s) {
  s.connect_silently();
  s.note("GSSENCRequest", std::string(1, answer_to(s, std::string("\0\0\0\10\4\322\26\60", 8))));
  s.note("SSLRequest", std::string(1, answer_to(s, std::string("\0\0\0\10\4\322\26\57", 8))));
  s.client().startup({{"user", "postgres"}, {"database", "postgres"}});
  s.step("start behind both");
}

void replication(Script& s) {
  s.connect_silently();
  s.client().startup({{"user", "postgres"}, {"database", "postgres"}, {"replication", "database"}});
  s.step("a walsender");
  s.query("SHOW wal_level");
  s.query("IDENTIFY_SYSTEM nosuch");
  s.query("INSERT INTO " + s.schema() + ".nokey VALUES (1, 'by a walsender')");
  s.query("START_REPLICATION SLOT nosuch LOGICAL 0/0");
  s.direct("SELECT a, b FROM nokey ORDER BY a, b");
}

void backend_keys(Script& s) {
  s.connect();
  s.client().query("SELECT pg_backend_pid()").read_until_ready();
  std::string pid;
  for (const auto& message : s.client().messages()) {
    if (message.type == 'D') pid = message.body.substr(6);
  }
  s.client().take_transcript();
  s.note("pg_backend_pid() is that of BackendKeyData", pid == std::to_string(s.client().backend_pid()) ? "yes" : "no");
  s.query("LISTEN ch");
  s.query("NOTIFY ch, 'x'");
  s.direct("SELECT pg_terminate_backend(" + pid + ")");
  s.step_until_closed("the server's last words");
  s.connect();
  s.query("SELECT pg_terminate_backend(pg_backend_pid())");
}

void cancel_requests(Script& s) {
  s.connect();
  s.client().query("SELECT pg_sleep(30)").send_all();
  s.wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  for (const auto& key : {std::string("\1\2\3\4"), std::string()}) {
    test_support::RawClient cancel(s.door().port, std::chrono::seconds(8));
    for (const auto& message : s.client().messages()) {
      if (message.type == 'K')
        cancel.raw(std::string("\0\0\0\20\4\322\26\56", 8) + message.body.substr(0, 4) +
                   (key.empty() ? message.body.substr(4) : key));
    }
    cancel.read_until_closed();
    s.note(key.empty() ? "the right key" : "a wrong key", cancel.take_transcript().back());
  }
  s.step("57014");
}

void unexpected_messages(Script& s) {
  s.connect();
  s.client().request('F', std::string("\0\0\5\56\0\0\0\0\0\0", 10)).read_until('Z');
  s.step("FunctionCall with a bad argument count");
  s.client().request('p', "a password nobody asked for");
  s.step_until_closed("PasswordMessage in the middle");
  s.connect();
  s.client().request('y', "what is this");
  s.step_until_closed("an unknown message");
  s.connect();
  s.client().request('D', std::string("X\0", 2)).sync();
  s.step_until("Describe of neither", 'Z');
  s.client().request('B', std::string("\0\0\0\1", 4)).sync();
  s.step_until("a truncated Bind", 'Z');
  s.client().request('Q', "no end");
  s.step_until("a Query without its end", 'Z');
}

std::string without_port(std::string message, const Script& s) {
  for (const auto& number : {std::to_string(s.door().port), std::to_string(s.door().server->port())}) {
    for (std::size_t at = 0; (at = message.find(number, at)) != std::string::npos;)
      message.replace(at, number.size(), "PORT");
  }
  return message;
}

void authentication(Script& s) {
  struct Login {
    const char* user;
    const char* password;
  };
  for (const Login& login :
       {Login{"login_password", "open sesame"}, Login{"login_password", "wrong"}, Login{"login_md5", "five"},
        Login{"login_md5", "six"}, Login{"login_scram", "sch\303\266n"}, Login{"login_scram", "ugly"}}) {
    const auto conninfo = s.door().conninfo(login.user) + " password='" + login.password + "'";
    PGconn* connection = PQconnectdb(conninfo.c_str());
    s.note(std::string(login.user) + " " + login.password,
           without_port(PQerrorMessage(connection), s) + " status " + std::to_string(PQstatus(connection)));
    if (PQstatus(connection) == CONNECTION_OK) {
      PGresult* result = PQexec(connection, "SELECT current_user, session_user");
      s.note("session", PQgetvalue(result, 0, 0));
      PQclear(result);
    }
    PQfinish(connection);
  }
}

}  // namespace

std::vector<WireCase> startup_cases() {
  return {{"startup_parameters", startup_parameters},
          {"protocol_versions", protocol_versions},
          {"protocol_2", protocol_2},
          {"startup_packets_that_cannot_be", startup_packets_that_cannot_be},
          {"ssl_request", ssl_request},
          {"gssenc_request", gssenc_request, 18},
          {"replication_mode", replication},
          {"backend_key_data", backend_keys},
          {"cancel_requests", cancel_requests},
          {"unexpected_messages", unexpected_messages},
          {"password_md5_scram", authentication}};
}

}  // namespace weir::differential
