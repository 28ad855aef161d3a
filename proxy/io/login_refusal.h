// Why a login did not become a session: what is counted of it. The log and the client are told more.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace weir::proxy {

enum class LoginRefusal {
  authentication,  ///< by the database, or in its name
  tls_required,
  tls_handshake,
  certificate,  ///< the client's
  too_many_clients,
  too_many_of_client,
  timeout,
  place_needed,  ///< others wanted its place (limits.logins)
  unreachable,   ///< the database
  protocol,
  shutting_down,
};

constexpr std::array<std::string_view, 11> kLoginRefusals = {
    "authentication", "tls_required", "tls_handshake", "certificate", "too_many_clients", "too_many_of_client",
    "timeout",        "place_needed", "unreachable",   "protocol",    "shutting_down"};

}  // namespace weir::proxy
