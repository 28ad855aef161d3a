#include "tests/integration/differential/two_doors.h"

#include <cstdlib>
#include <map>

#include "tests/support/pg_connection.h"

namespace weir::differential {
namespace {

using test_support::PassThrough;
using test_support::PgConnection;
using test_support::PgSettings;
using test_support::WeirOptions;
using test_support::WeirProcess;

PgSettings settings() {
  return {.lines = {"autovacuum = off", "fsync = off", "max_prepared_transactions = 10"},
          .hba = {"host all login_password 127.0.0.1/32 password", "host all login_md5 127.0.0.1/32 md5",
                  "host all login_scram 127.0.0.1/32 scram-sha-256", "host all login_reject 127.0.0.1/32 reject"}};
}

void make_roles(const std::string& conninfo) {
  PgConnection(conninfo).run(
      "CREATE ROLE app LOGIN; CREATE ROLE inserter LOGIN; CREATE ROLE limited LOGIN; CREATE ROLE other NOLOGIN; "
      "GRANT other TO app; CREATE ROLE weir SUPERUSER LOGIN PASSWORD 'weir'; "
      "CREATE ROLE login_password LOGIN PASSWORD 'open sesame'; CREATE ROLE login_scram LOGIN PASSWORD 'sch\303\266n'; "
      "CREATE ROLE login_reject LOGIN; SET password_encryption = 'md5'; CREATE ROLE login_md5 LOGIN PASSWORD 'five'; "
      "RESET password_encryption");
}

bool stand_in_wanted() {
  const char* chosen = std::getenv("WEIR_BINARY");
  return chosen != nullptr && std::string(chosen) == "direct";
}

}  // namespace

std::string Door::conninfo(const std::string& user, const std::string& database) const {
  return "host=127.0.0.1 port=" + std::to_string(port) + " dbname=" + database + " user=" + user;
}

TwoDoors::TwoDoors(int version) : direct_server_(version, settings()), proxied_server_(version, settings()) {
  make_roles(direct_server_.socket_conninfo());
  make_roles(proxied_server_.socket_conninfo());
  direct_ = {"direct", direct_server_.port(), &direct_server_};
  proxied_ = {"proxied", 0, &proxied_server_};
  if (stand_in_wanted()) {
    pass_through_ = std::make_unique<PassThrough>(proxied_server_.port());
    proxied_.port = pass_through_->port();
  } else {
    weir_ = std::make_unique<WeirProcess>(
        WeirOptions{.upstream = proxied_server_.uri("postgres", "weir", "weir"), .emit = {"file:events.ndjson"}});
    proxied_.port = weir_->port();
  }
}

const TwoDoors& TwoDoors::of(int version) {
  static std::map<int, TwoDoors> pairs;
  return pairs.try_emplace(version, version).first->second;
}

}  // namespace weir::differential
