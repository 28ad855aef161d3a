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
  std::string host;  ///< name, IPv4 or IPv6 address without brackets; "/dir" is a Unix socket's directory, as in libpq
  std::uint16_t port = 5432;

  /// "127.0.0.1:5432", "[::1]:5432" or "/var/run/postgresql/.s.PGSQL.5432".
  std::string text() const;
  bool is_unix() const { return host.starts_with('/'); }
};

/// libpq's sslmode; `allow` is not offered (it asks for TLS only after a refusal).
enum class SslMode { disable, prefer, require, verify_ca, verify_full };

/// "verify-full" and so on, as libpq spells them; nothing where the text is no sslmode Weir knows.
std::optional<SslMode> parse_sslmode(std::string_view text);
std::string_view to_text(SslMode mode);

struct Upstream {
  std::vector<HostPort> hosts;  ///< tried in this order for each session
  SslMode sslmode = SslMode::prefer;
  std::string sslrootcert;  ///< PEM file, or "system" for the system's store; needed by verify-ca and verify-full
  std::chrono::milliseconds connect_timeout{10'000};  ///< for each address, TLS handshake included
};

/// TLS for clients.
struct ClientTls {
  std::string certificate;  ///< PEM file: the certificate, then its chain
  std::string key;          ///< PEM file
  bool required = false;    ///< refuse sessions without TLS (28000), as a pg_hba.conf of hostssl lines does
};

}  // namespace weir::proxy
