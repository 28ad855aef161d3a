// Where Weir listens and where the database is: plain values, made by whoever reads the configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

struct HostPort {
  /// Name, IPv4 or IPv6 address without brackets; "/dir" is a Unix socket's directory and "@name" an abstract one's, as
  /// in libpq.
  std::string host;
  std::uint16_t port = 5432;
  std::string hostaddr = {};  ///< where it is reached, so that the name is not resolved; empty but in `upstream`

  /// "127.0.0.1:5432", "[::1]:5432" or "/var/run/postgresql/.s.PGSQL.5432".
  std::string text() const;
  /// What is resolved, or an address already.
  const std::string& target() const { return hostaddr.empty() ? host : hostaddr; }
  bool is_unix() const { return host.starts_with('/') || is_abstract(); }
  bool is_abstract() const { return host.starts_with('@'); }
  bool operator==(const HostPort&) const = default;
};

/// Who may connect to the Unix sockets that Weir listens on, by the file's mode and group.
struct SocketAccess {
  unsigned permissions = 0777;
  std::string group;  ///< empty: the process's own
};

/// libpq's sslmode; `allow` is not offered (it asks for TLS only after a refusal).
enum class SslMode { disable, prefer, require, verify_ca, verify_full };

/// "verify-full" and so on, as libpq spells them; nothing where the text is no sslmode Weir knows.
std::optional<SslMode> parse_sslmode(std::string_view text);
std::string_view to_text(SslMode mode);

/// What libpq calls keepalives, keepalives_idle and so on; 0: the system's own. Not for Unix sockets.
struct TcpOptions {
  bool keepalives = true;
  int keepalives_idle = 0;      ///< seconds
  int keepalives_interval = 0;  ///< seconds
  int keepalives_count = 0;
  int user_timeout_ms = 0;  ///< tcp_user_timeout
};

/// libpq's channel_binding and sslcertmode.
enum class ChannelBindingMode { disable, prefer, require };
enum class SslCertMode { disable, allow, require };
/// libpq's target_session_attrs.
enum class TargetSession { any, read_write, read_only, primary, standby, prefer_standby };

/// The database, in libpq's words. Unix sockets have no TLS, as with libpq, whatever sslmode says.
struct Upstream {
  std::vector<HostPort> hosts;  ///< tried in this order for each session, but with load_balance
  SslMode sslmode = SslMode::prefer;
  std::string sslrootcert;  ///< PEM file, or "system" for the system's store; needed by verify-ca and verify-full
  std::string sslcrl;       ///< PEM file of revoked certificates
  std::string sslcrldir;    ///< the same as a directory, as `openssl rehash` makes it
  std::string sslcert;      ///< PEM file of Weir's certificate, and its chain; empty: it shows none
  std::string sslkey;       ///< PEM file
  std::string sslpassword;  ///< of an encrypted key
  SslCertMode sslcertmode = SslCertMode::allow;
  bool direct_tls = false;  ///< sslnegotiation=direct
  bool sslsni = true;
  std::string ssl_min_protocol_version;               ///< "TLSv1.2" or "TLSv1.3"; empty: 1.2
  std::string ssl_max_protocol_version;               ///< the same; empty: the newest
  std::string requirepeer;                            ///< user of the machine that a Unix socket's server must run as
  std::chrono::milliseconds connect_timeout{10'000};  ///< for each address, TLS handshake included
  ChannelBindingMode channel_binding = ChannelBindingMode::prefer;  ///< of logins that end at Weir
  TargetSession target = TargetSession::any;
  bool load_balance = false;  ///< load_balance_hosts=random
  TcpOptions tcp;

  bool shows_certificate() const { return !sslcert.empty() && sslcertmode != SslCertMode::disable; }
};

/// Whose name a client's certificate has: pg_hba.conf's clientname.
enum class CertificateName { common_name, distinguished_name };
/// What is asked of clients, as pg_hba.conf's clientcert does.
enum class ClientCertificate {
  optional,     ///< whoever shows one must have a valid one
  verify_ca,    ///< one must be shown
  verify_full,  ///< and have the user's name
};

/// TLS for clients.
struct ClientTls {
  std::string certificate;      ///< PEM file: the certificate, then its chain
  std::string key;              ///< PEM file
  bool required = false;        ///< refuse sessions without TLS (28000), as a pg_hba.conf of hostssl lines does
  std::string client_ca = {};   ///< PEM file: who signs clients' certificates; empty: none are asked for
  std::string client_crl = {};  ///< PEM file of revoked ones
  ClientCertificate client_certificate = ClientCertificate::verify_ca;
  CertificateName client_name = CertificateName::common_name;
  std::string min_version = {};   ///< "TLSv1.2" or "TLSv1.3"; empty: 1.2
  std::string ciphers = {};       ///< OpenSSL's list for TLS 1.2; empty: its default
  std::string ciphersuites = {};  ///< the same for TLS 1.3
};

}  // namespace weir::proxy
