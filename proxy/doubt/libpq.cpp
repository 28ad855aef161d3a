#include "proxy/doubt/libpq.h"

#include <libpq-fe.h>

#include <algorithm>
#include <map>

namespace weir::proxy {

namespace {

constexpr std::string_view kStatementTimeout = "10s";
/// libpq 15 knows no sslrootcert=system; this is where Debian keeps that store.
const std::string kSystemStore = "/etc/ssl/certs/ca-certificates.crt";

std::string trimmed(const char* text) {
  std::string result = text == nullptr ? "" : text;
  std::replace(result.begin(), result.end(), '\n', ' ');
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

/// What the URI says of the sockets; a zero is the system's own.
void add_tcp_options(const TcpOptions& tcp, std::map<std::string, std::string>& options) {
  options["keepalives"] = tcp.keepalives ? "1" : "0";
  if (tcp.keepalives_idle > 0) options["keepalives_idle"] = std::to_string(tcp.keepalives_idle);
  if (tcp.keepalives_interval > 0) options["keepalives_interval"] = std::to_string(tcp.keepalives_interval);
  if (tcp.keepalives_count > 0) options["keepalives_count"] = std::to_string(tcp.keepalives_count);
  if (tcp.user_timeout_ms > 0) options["tcp_user_timeout"] = std::to_string(tcp.user_timeout_ms);
}

/// Keywords and values as PQconnectdbParams wants them; empty values stay libpq's own business.
std::map<std::string, std::string> connection_options(const Upstream& upstream, const Credentials& credentials) {
  std::string hosts;
  std::string addresses;
  std::string ports;
  for (const auto& [host, port, address] : upstream.hosts) {
    const char* comma = ports.empty() ? "" : ",";
    hosts += comma + host;
    addresses += comma + address;
    ports += comma + std::to_string(port);
  }
  const auto seconds = std::max<std::int64_t>(2, upstream.connect_timeout.count() / 1000);
  std::map<std::string, std::string> options = {
      {"host", hosts},
      {"hostaddr", addresses.find_first_not_of(',') == std::string::npos ? "" : addresses},
      {"port", ports},
      {"user", credentials.user},
      {"password", credentials.password},
      {"passfile", credentials.passfile},
      {"dbname", credentials.database},
      {"sslmode", std::string(to_text(upstream.sslmode))},
      {"sslrootcert", upstream.sslrootcert == "system" ? kSystemStore : upstream.sslrootcert},
      {"sslcert", upstream.shows_certificate() ? upstream.sslcert : ""},
      {"sslkey", upstream.shows_certificate() ? upstream.sslkey : ""},
      {"sslpassword", upstream.sslpassword},
      {"sslcrl", upstream.sslcrl},
      {"sslcrldir", upstream.sslcrldir},
      {"sslsni", upstream.sslsni ? "1" : "0"},
      {"ssl_min_protocol_version", upstream.ssl_min_protocol_version},
      {"ssl_max_protocol_version", upstream.ssl_max_protocol_version},
      {"requirepeer", upstream.requirepeer},
      {"connect_timeout", std::to_string(seconds)},
      {"fallback_application_name", "weir"},
      {"options", "-c statement_timeout=" + std::string(kStatementTimeout) + " -c search_path="},
      {"client_encoding", "UTF8"},
      {"keepalives_idle", "10"},
      {"tcp_user_timeout", "20000"}};
  add_tcp_options(upstream.tcp, options);
  // Of several hosts, the one that knows the outcome of transactions.
  if (upstream.target == TargetSession::primary || upstream.target == TargetSession::read_write)
    options["target_session_attrs"] = "primary";
  for (const auto& [name, value] : credentials.parameters) options[name] = value;
  return options;
}

/// As libpq's functions take them. The values are its own.
struct Parameters {
  explicit Parameters(std::map<std::string, std::string> all) : options(std::move(all)) {
    for (const auto& [keyword, value] : options) {
      if (value.empty()) continue;
      keywords.push_back(keyword.c_str());
      values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
  }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  const std::map<std::string, std::string> options;
  std::vector<const char*> keywords;
  std::vector<const char*> values;
};

}  // namespace

void SideConnection::Close::operator()(void* connection) const {
  PQfinish(static_cast<PGconn*>(connection));
}

Result<SideConnection> SideConnection::open(const Upstream& upstream, const Credentials& credentials) {
  const Parameters parameters(connection_options(upstream, credentials));
  SideConnection result(PQconnectdbParams(parameters.keywords.data(), parameters.values.data(), 0));
  auto* connection = static_cast<PGconn*>(result.connection_.get());
  if (PQstatus(connection) != CONNECTION_OK) return Error{trimmed(PQerrorMessage(connection)), ""};
  return result;
}

Result<void> SideConnection::reach(const Upstream& upstream) {
  const Parameters parameters(connection_options(upstream, {}));
  switch (PQpingParams(parameters.keywords.data(), parameters.values.data(), 0)) {
    case PQPING_OK:
      return {};
    case PQPING_REJECT:
      return Error{"the server takes no clients now (it starts, ends, or recovers)", ""};
    case PQPING_NO_RESPONSE:
      return Error{"nobody answers", ""};
    default:
      return Error{"could not be asked: check the parameters of upstream", ""};
  }
}

Result<std::vector<SideConnection::Row>> SideConnection::query(const std::string& sql,
                                                               const std::vector<std::string>& parameters) {
  auto* connection = static_cast<PGconn*>(connection_.get());
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexecParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr,
                   0),
      &PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    return Error{trimmed(PQerrorMessage(connection)), sqlstate == nullptr ? "" : sqlstate};
  }
  std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      auto& fields = rows[static_cast<std::size_t>(row)];
      if (PQgetisnull(result.get(), row, column) != 0) {
        fields.emplace_back(std::nullopt);
      } else {
        fields.emplace_back(std::string(PQgetvalue(result.get(), row, column),
                                        static_cast<std::size_t>(PQgetlength(result.get(), row, column))));
      }
    }
  }
  return rows;
}

bool SideConnection::alive() const {
  return PQstatus(static_cast<PGconn*>(connection_.get())) == CONNECTION_OK;
}

}  // namespace weir::proxy
