// How a login goes, from what the configuration says and what both connections are: which SCRAM passes, which ends
// here, and what must not pass. Decides only; what the rules mean is wire/authentication.h.
#pragma once

#include <string>

#include "proxy/io/endpoint.h"
#include "proxy/io/tls.h"
#include "wire/authentication.h"

namespace weir::proxy {

/// `auth.mode`.
enum class AuthMode {
  automatic,  ///< relay wherever a login can succeed so, and end SCRAM here where it cannot, if verifiers can be had
  relay,
  terminate,  ///< end SCRAM here, always
};

struct LoginFacts {
  AuthMode mode = AuthMode::automatic;
  bool has_verifiers = false;
  CertificateHashes client_sees;    ///< Weir's certificate; without TLS empty
  bool client_is_verified = false;  ///< by a certificate with the user's name
  bool upstream_tls = false;
  CertificateHashes upstream_shows;
  bool shows_certificate = false;  ///< Weir does, to the database
  ChannelBindingMode upstream_binding = ChannelBindingMode::prefer;
};

/// Without nonces: whoever begins the login puts them in.
wire::LoginRules login_rules(const LoginFacts& facts);
/// Whether libpq with its defaults cannot get in: TLS on both sides, two certificates, and no verifiers.
bool binding_fails(const LoginFacts& facts);

}  // namespace weir::proxy
