#include "proxy/libpq.h"

#include <libpq-fe.h>

#include <algorithm>
#include <map>

namespace weir::proxy {

namespace {

constexpr const char* kUriForm =
    "must be a URI of the form postgresql://[user[:password]@]host[:port][,...][/database]"
    "[?sslmode=disable|prefer|require|verify-ca|verify-full&sslrootcert=PATH&connect_timeout=SECONDS&passfile=PATH]";
constexpr std::string_view kStatementTimeout = "10s";
/// libpq 15 knows no sslrootcert=system; this is where Debian keeps that store.
const std::string kSystemStore = "/etc/ssl/certs/ca-certificates.crt";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

constexpr std::string_view kAllowed = "sslmode, sslrootcert, connect_timeout and passfile are allowed";

/// What is wrong with a URI that libpq does not take. Its words may repeat the URI, so no more is shown than the name
/// of a parameter.
std::string complaint_of(std::string_view message) {
  constexpr std::string_view kUnknown = "invalid URI query parameter: \"";
  const auto begin = message.find(kUnknown);
  if (begin == std::string_view::npos) return kUriForm;
  const auto name = message.substr(begin + kUnknown.size());
  return "has the parameter \"" + std::string(name.substr(0, name.find('"'))) + "\", which is none; " +
         std::string(kAllowed);
}

/// libpq's reading of the URI: only what is written in it, no defaults and no environment.
Result<std::map<std::string, std::string>> read_uri(const std::string& uri) {
  if (uri.rfind("postgresql://", 0) != 0 && uri.rfind("postgres://", 0) != 0) return Error{kUriForm, ""};
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(uri.c_str(), &message);
  const std::string words = message == nullptr ? "" : message;
  if (message != nullptr) PQfreemem(message);
  if (options == nullptr) return Error{complaint_of(words), ""};
  std::map<std::string, std::string> given;
  for (const auto* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  return given;
}

Complaint read_hosts(const std::map<std::string, std::string>& given, std::vector<HostPort>& hosts) {
  const auto text = [&](const char* key) { return given.count(key) != 0 ? given.at(key) : std::string(); };
  const auto names = split(text("host"));
  const auto ports = split(text("port"));
  if (ports.size() != 1 && ports.size() != names.size()) return kUriForm;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& port = ports.size() == 1 ? ports[0] : ports[i];
    std::uint64_t number = 5432;
    if (!port.empty() && read_number(port, 1, 65535, number)) return "has a port that is none: 1 to 65535 is allowed";
    hosts.push_back({names[i].empty() ? "127.0.0.1" : names[i], static_cast<std::uint16_t>(number)});
  }
  return std::nullopt;
}

Complaint read_option(const std::string& key, const std::string& value, UpstreamUri& result) {
  if (key == "host" || key == "port") return std::nullopt;
  if (key == "user") {
    result.credentials.user = value;
  } else if (key == "password") {
    result.credentials.password = value;
  } else if (key == "dbname") {
    result.credentials.database = value;
  } else if (key == "passfile") {
    result.credentials.passfile = value;
  } else if (key == "sslrootcert") {
    result.upstream.sslrootcert = value;
  } else if (key == "sslmode") {
    const auto mode = parse_sslmode(value);
    if (!mode) return "has an sslmode that is none: disable, prefer, require, verify-ca and verify-full are allowed";
    result.upstream.sslmode = *mode;
  } else if (key == "connect_timeout") {
    std::uint64_t seconds = 0;
    if (read_number(value, 1, 3600, seconds)) return "has a connect_timeout that is none: 1 to 3600 is allowed";
    result.upstream.connect_timeout = std::chrono::seconds(seconds);
  } else {
    return "has the parameter \"" + key + "\", which Weir does not use; " + std::string(kAllowed);
  }
  return std::nullopt;
}

std::string trimmed(const char* text) {
  std::string result = text == nullptr ? "" : text;
  std::replace(result.begin(), result.end(), '\n', ' ');
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

/// Keywords and values as PQconnectdbParams wants them; empty values stay libpq's own business.
std::vector<std::pair<std::string, std::string>> connection_options(const Upstream& upstream,
                                                                    const Credentials& credentials) {
  std::string hosts;
  std::string ports;
  for (const auto& [host, port] : upstream.hosts) {
    hosts += (hosts.empty() ? "" : ",") + host;
    ports += (ports.empty() ? "" : ",") + std::to_string(port);
  }
  const auto seconds = std::max<std::int64_t>(2, upstream.connect_timeout.count() / 1000);
  return {{"host", hosts},
          {"port", ports},
          {"user", credentials.user},
          {"password", credentials.password},
          {"passfile", credentials.passfile},
          {"dbname", credentials.database},
          {"sslmode", std::string(to_text(upstream.sslmode))},
          {"sslrootcert", upstream.sslrootcert == "system" ? kSystemStore : upstream.sslrootcert},
          {"connect_timeout", std::to_string(seconds)},
          {"application_name", "weir"},
          {"options", "-c statement_timeout=" + std::string(kStatementTimeout) + " -c search_path="},
          {"client_encoding", "UTF8"},
          {"keepalives_idle", "10"},
          {"tcp_user_timeout", "20000"}};
}

}  // namespace

Result<UpstreamUri> parse_upstream_uri(const std::string& uri) {
  const auto given = read_uri(uri);
  if (!given) return given.error();
  UpstreamUri result;
  if (auto complaint = read_hosts(*given, result.upstream.hosts)) return Error{*complaint, ""};
  for (const auto& [key, value] : *given) {
    if (auto complaint = read_option(key, value, result)) return Error{*complaint, ""};
  }
  const bool verifies =
      result.upstream.sslmode == SslMode::verify_ca || result.upstream.sslmode == SslMode::verify_full;
  if (verifies && result.upstream.sslrootcert.empty()) {
    return Error{"has sslmode=" + std::string(to_text(result.upstream.sslmode)) +
                     ", which needs sslrootcert=PATH (a PEM file, or \"system\")",
                 ""};
  }
  return result;
}

void SideConnection::Close::operator()(void* connection) const {
  PQfinish(static_cast<PGconn*>(connection));
}

Result<SideConnection> SideConnection::open(const Upstream& upstream, const Credentials& credentials) {
  const auto options = connection_options(upstream, credentials);
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : options) {
    if (value.empty()) continue;
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  SideConnection result(PQconnectdbParams(keywords.data(), values.data(), 0));
  auto* connection = static_cast<PGconn*>(result.connection_.get());
  if (PQstatus(connection) != CONNECTION_OK) return Error{trimmed(PQerrorMessage(connection)), ""};
  return result;
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
