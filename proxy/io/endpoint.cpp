#include "proxy/io/endpoint.h"

#include <array>
#include <utility>

namespace weir::proxy {

namespace {

constexpr std::array<std::pair<std::string_view, SslMode>, 5> kSslModes{{{"disable", SslMode::disable},
                                                                         {"prefer", SslMode::prefer},
                                                                         {"require", SslMode::require},
                                                                         {"verify-ca", SslMode::verify_ca},
                                                                         {"verify-full", SslMode::verify_full}}};

}  // namespace

std::string HostPort::text() const {
  const std::string number = std::to_string(port);
  if (is_unix()) return host + "/.s.PGSQL." + number;
  if (host.find(':') != std::string::npos) return "[" + host + "]:" + number;
  return host + ":" + number;
}

std::optional<SslMode> parse_sslmode(std::string_view text) {
  for (const auto& [name, mode] : kSslModes) {
    if (name == text) return mode;
  }
  return std::nullopt;
}

std::string_view to_text(SslMode mode) {
  return kSslModes[static_cast<std::size_t>(mode)].first;
}

}  // namespace weir::proxy
