#include "proxy/settings/upstream_uri.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "proxy/settings/settings.h"

namespace weir::proxy {

const char* const kUriForm =
    "must be a URI of the form postgresql://[user[:password]@]host[:port][,...][/database][?sslmode=MODE&...], where "
    "?host=/DIRECTORY is a Unix socket's; README.md lists the parameters";

namespace {

constexpr std::uint64_t kMostSeconds = 32'767;  // Linux takes no more in TCP_KEEPIDLE and TCP_KEEPINTVL
constexpr std::uint64_t kMostProbes = 127;
constexpr std::uint64_t kMostMilliseconds = 2'147'483'647;

/// Of the parameter's value: nothing, or what is allowed.
using Store = Complaint (*)(const std::string& value, UpstreamUri& uri);

struct Parameter {
  std::string_view name;
  Store store;           ///< null: refused
  std::string_view why;  ///< why it is refused, and what to do
};

/// A text as a template's parameter.
template <std::size_t size>
struct Text {
  constexpr Text(const char (&characters)[size]) { std::copy_n(characters, size, this->text); }
  char text[size] = {};
};

template <std::string Credentials::*target>
Complaint store_credential(const std::string& value, UpstreamUri& uri) {
  uri.credentials.*target = value;
  return std::nullopt;
}

/// What only Weir's own logins use goes to libpq as it is.
template <Text name>
Complaint store_for_own_logins(const std::string& value, UpstreamUri& uri) {
  uri.credentials.parameters[name.text] = value;
  return std::nullopt;
}

template <std::string Upstream::*target>
Complaint store_text(const std::string& value, UpstreamUri& uri) {
  if (value.empty()) return "must not be empty";
  uri.upstream.*target = value;
  return std::nullopt;
}

template <std::string Upstream::*target>
Complaint store_tls_version(const std::string& value, UpstreamUri& uri) {
  auto complaint = read_choice(value, "TLSv1.2|TLSv1.3");
  if (!complaint) uri.upstream.*target = value;
  return complaint;
}

template <int TcpOptions::*target, std::uint64_t highest>
Complaint store_number(const std::string& value, UpstreamUri& uri) {
  std::uint64_t number = 0;
  if (auto complaint = read_number(value, 0, highest, number)) return complaint;
  uri.upstream.tcp.*target = static_cast<int>(number);
  return std::nullopt;
}

/// Values that ask for what Weir does anyway.
template <Text allowed>
Complaint accept_only(const std::string& value, UpstreamUri&) {
  return read_choice(value, allowed.text);
}

/// Read together, by read_hosts.
Complaint accept_any(const std::string&, UpstreamUri&) {
  return std::nullopt;
}

Complaint store_keepalives(const std::string& value, UpstreamUri& uri) {
  uri.upstream.tcp.keepalives = value == "1";
  return read_choice(value, "0|1");
}

Complaint store_sslsni(const std::string& value, UpstreamUri& uri) {
  uri.upstream.sslsni = value == "1";
  return read_choice(value, "0|1");
}

/// Of one of the names, which stand in the order of the enumeration.
template <typename Choice>
Complaint store_choice(const std::string& value, std::string_view names, Choice& target) {
  if (auto complaint = read_choice(value, names)) return complaint;
  int place = 0;
  for (std::string_view rest = names; rest.substr(0, rest.find('|')) != value; ++place)
    rest.remove_prefix(rest.find('|') + 1);
  target = static_cast<Choice>(place);
  return std::nullopt;
}

Complaint store_channel_binding(const std::string& value, UpstreamUri& uri) {
  store_for_own_logins<"channel_binding">(value, uri);
  return store_choice(value, "disable|prefer|require", uri.upstream.channel_binding);
}

Complaint store_sslcertmode(const std::string& value, UpstreamUri& uri) {
  return store_choice(value, "disable|allow|require", uri.upstream.sslcertmode);
}

Complaint store_sslnegotiation(const std::string& value, UpstreamUri& uri) {
  uri.upstream.direct_tls = value == "direct";
  return read_choice(value, "postgres|direct");
}

Complaint store_target_session(const std::string& value, UpstreamUri& uri) {
  return store_choice(value, "any|read-write|read-only|primary|standby|prefer-standby", uri.upstream.target);
}

Complaint store_load_balance(const std::string& value, UpstreamUri& uri) {
  uri.upstream.load_balance = value == "random";
  return read_choice(value, "disable|random");
}

Complaint store_sslmode(const std::string& value, UpstreamUri& uri) {
  const auto mode = parse_sslmode(value);
  if (!mode) return "must be disable, prefer, require, verify-ca or verify-full";
  uri.upstream.sslmode = *mode;
  return std::nullopt;
}

Complaint store_connect_timeout(const std::string& value, UpstreamUri& uri) {
  std::uint64_t seconds = 0;
  if (auto complaint = read_number(value, 1, 3600, seconds)) return complaint;
  uri.upstream.connect_timeout = std::chrono::seconds(seconds);
  return std::nullopt;
}

constexpr std::string_view kClientsLogIn = "clients log in for themselves: write it in their connection strings";
constexpr std::string_view kClientsSay = "it belongs to a session: write it in the clients' connection strings";
constexpr std::string_view kNoService = "write into the URI what the service stands for";

/// In the order of libpq's own table.
const std::array kParameters = std::to_array<Parameter>({
    {"service", nullptr, kNoService},
    {"servicefile", nullptr, kNoService},
    {"user", store_credential<&Credentials::user>, {}},
    {"password", store_credential<&Credentials::password>, {}},
    {"passfile", store_credential<&Credentials::passfile>, {}},
    {"channel_binding", store_channel_binding, {}},
    {"connect_timeout", store_connect_timeout, {}},
    {"dbname", store_credential<&Credentials::database>, {}},
    {"host", accept_any, {}},
    {"hostaddr", accept_any, {}},
    {"port", accept_any, {}},
    {"client_encoding", nullptr, kClientsSay},
    {"options", nullptr, kClientsSay},
    {"application_name", store_for_own_logins<"application_name">, {}},
    {"fallback_application_name", store_for_own_logins<"fallback_application_name">, {}},
    {"keepalives", store_keepalives, {}},
    {"keepalives_idle", store_number<&TcpOptions::keepalives_idle, kMostSeconds>, {}},
    {"keepalives_interval", store_number<&TcpOptions::keepalives_interval, kMostSeconds>, {}},
    {"keepalives_count", store_number<&TcpOptions::keepalives_count, kMostProbes>, {}},
    {"tcp_user_timeout", store_number<&TcpOptions::user_timeout_ms, kMostMilliseconds>, {}},
    {"sslmode", store_sslmode, {}},
    {"sslnegotiation", store_sslnegotiation, {}},
    {"sslcompression", accept_only<"0">, {}},
    {"sslcert", store_text<&Upstream::sslcert>, {}},
    {"sslkey", store_text<&Upstream::sslkey>, {}},
    {"sslcertmode", store_sslcertmode, {}},
    {"sslpassword", store_text<&Upstream::sslpassword>, {}},
    {"sslrootcert", store_text<&Upstream::sslrootcert>, {}},
    {"sslcrl", store_text<&Upstream::sslcrl>, {}},
    {"sslcrldir", store_text<&Upstream::sslcrldir>, {}},
    {"sslsni", store_sslsni, {}},
    {"requirepeer", store_text<&Upstream::requirepeer>, {}},
    {"require_auth", nullptr, kClientsLogIn},
    {"min_protocol_version", nullptr, kClientsSay},
    {"max_protocol_version", nullptr, kClientsSay},
    {"ssl_min_protocol_version", store_tls_version<&Upstream::ssl_min_protocol_version>, {}},
    {"ssl_max_protocol_version", store_tls_version<&Upstream::ssl_max_protocol_version>, {}},
    {"gssencmode", accept_only<"disable|prefer">, {}},
    {"krbsrvname", store_for_own_logins<"krbsrvname">, {}},
    {"gsslib", store_for_own_logins<"gsslib">, {}},
    {"gssdelegation", nullptr, kClientsLogIn},
    {"replication", nullptr, kClientsSay},
    {"target_session_attrs", store_target_session, {}},
    {"load_balance_hosts", store_load_balance, {}},
    {"scram_client_key", nullptr, kClientsLogIn},
    {"scram_server_key", nullptr, kClientsLogIn},
    {"oauth_issuer", nullptr, kClientsLogIn},
    {"oauth_client_id", nullptr, kClientsLogIn},
    {"oauth_client_secret", nullptr, kClientsLogIn},
    {"oauth_scope", nullptr, kClientsLogIn},
    {"sslkeylogfile", nullptr, "it would write down the keys of every session"},
});

const Parameter* find_parameter(std::string_view name) {
  const auto found =
      std::find_if(kParameters.begin(), kParameters.end(), [&](const auto& p) { return p.name == name; });
  return found == kParameters.end() ? nullptr : &*found;
}

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

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

/// As libpq: lists of hosts, of addresses or nothing in their place, and of ports, or one port for all.
Complaint read_hosts(const std::map<std::string, std::string>& given, std::vector<HostPort>& hosts) {
  const auto text = [&](const char* key) { return given.count(key) != 0 ? given.at(key) : std::string(); };
  const bool has_addresses = !text("hostaddr").empty();
  const auto addresses = split(text("hostaddr"));
  const auto names = has_addresses && text("host").empty() ? addresses : split(text("host"));
  const auto ports = split(text("port"));
  if (ports.size() != 1 && ports.size() != names.size()) return kUriForm;
  if (has_addresses && addresses.size() != names.size())
    return "has a wrong value of the parameter \"hostaddr\": it must have an address, or nothing, for each host";
  for (std::size_t i = 0; i < names.size(); ++i) {
    HostPort host{names[i].empty() ? "127.0.0.1" : names[i], 5432, has_addresses ? addresses[i] : ""};
    if (!host.hostaddr.empty() && (host.is_unix() || !is_address(host.hostaddr)))
      return "has a wrong value of the parameter \"hostaddr\": it must be an IPv4 or IPv6 address, of a host that is "
             "no "
             "Unix socket";
    const auto& port = ports.size() == 1 ? ports[0] : ports[i];
    std::uint64_t number = 5432;
    if (!port.empty() && read_number(port, 1, 65535, number)) return "has a port that is none: 1 to 65535 is allowed";
    host.port = static_cast<std::uint16_t>(number);
    hosts.push_back(std::move(host));
  }
  return std::nullopt;
}

Complaint read_parameter(const std::string& name, const std::string& value, UpstreamUri& uri) {
  const Parameter* parameter = find_parameter(name);
  if (parameter == nullptr || parameter->store == nullptr) return complaint_of_unknown(name);
  const Complaint complaint = parameter->store(value, uri);
  if (complaint) return "has a wrong value of the parameter \"" + name + "\": it " + *complaint;
  return std::nullopt;
}

/// libpq would look for files of its own names; here nothing is shown that was not written.
Complaint check_certificate(const Upstream& upstream) {
  if (upstream.sslcert.empty() != upstream.sslkey.empty())
    return "has one of sslcert and sslkey, which need each other";
  if (upstream.sslcert.empty() && !upstream.sslpassword.empty()) return "has sslpassword without sslkey";
  if (upstream.sslcert.empty() && upstream.sslcertmode == SslCertMode::require)
    return "has sslcertmode=require, which needs sslcert and sslkey";
  if (!upstream.sslcert.empty() && upstream.sslmode == SslMode::disable)
    return "has sslcert, which sslmode=disable never shows";
  return std::nullopt;
}

/// What TLS would need, or would not use; Unix sockets have none, as with libpq.
Complaint check_tls(const std::map<std::string, std::string>& given, Upstream& upstream) {
  const bool system = upstream.sslrootcert == "system";
  if (system && given.count("sslmode") == 0) upstream.sslmode = SslMode::verify_full;  // as libpq from 16 on
  const std::string mode = "sslmode=" + std::string(to_text(upstream.sslmode));
  const bool verifies = upstream.sslmode == SslMode::verify_ca || upstream.sslmode == SslMode::verify_full;
  const bool has_crl = !upstream.sslcrl.empty() || !upstream.sslcrldir.empty();
  if (verifies && upstream.sslrootcert.empty())
    return "has " + mode + ", which needs sslrootcert=PATH (a PEM file, or \"system\")";
  if (system && upstream.sslmode != SslMode::verify_full)
    return "has " + mode + " with sslrootcert=system, whose certificates anybody can get: it needs sslmode=verify-full";
  if (!upstream.sslrootcert.empty() && !verifies && upstream.sslmode != SslMode::require)
    return "has sslrootcert, with which " + mode + " verifies nothing: say sslmode=verify-full or verify-ca";
  if (has_crl && upstream.sslrootcert.empty())
    return "has sslcrl or sslcrldir, which need sslrootcert=PATH and sslmode=verify-full or verify-ca";
  if (upstream.direct_tls && upstream.sslmode < SslMode::require)
    return "has sslnegotiation=direct, which needs sslmode=require or stronger";
  return check_certificate(upstream);
}

Complaint check_together(const std::map<std::string, std::string>& given, Upstream& upstream) {
  const auto is_unix = [](const HostPort& host) { return host.is_unix(); };
  if (upstream.ssl_min_protocol_version == "TLSv1.3" && upstream.ssl_max_protocol_version == "TLSv1.2")
    return "has an ssl_min_protocol_version above its ssl_max_protocol_version";
  if (!upstream.requirepeer.empty() && std::none_of(upstream.hosts.begin(), upstream.hosts.end(), is_unix))
    return "has requirepeer, which is only for Unix sockets: no host is one";
  if (std::all_of(upstream.hosts.begin(), upstream.hosts.end(), is_unix)) return std::nullopt;
  return check_tls(given, upstream);
}

}  // namespace

Complaint read_parameters(const std::map<std::string, std::string>& given, UpstreamUri& uri) {
  if (auto complaint = read_hosts(given, uri.upstream.hosts)) return complaint;
  for (const auto& [name, value] : given) {
    if (auto complaint = read_parameter(name, value, uri)) return complaint;
  }
  return check_together(given, uri.upstream);
}

bool takes_parameter(std::string_view name) {
  const Parameter* parameter = find_parameter(name);
  return parameter != nullptr && parameter->store != nullptr;
}

std::string complaint_of_unknown(const std::string& name) {
  const Parameter* parameter = find_parameter(name);
  if (parameter == nullptr) {
    std::vector<std::string> names;
    for (const auto& one : kParameters) names.emplace_back(one.name);
    return "has the parameter \"" + name + "\", which libpq does not know" + did_you_mean(name, names);
  }
  return "has the parameter \"" + name + "\", which Weir does not take: " + std::string(parameter->why);
}

}  // namespace weir::proxy
