// What a client does with a password, which Weir never has: the keys and the verifier that follow from it (RFC 5802,
// section 3), by OpenSSL's PBKDF2 and not by the code under test.
#pragma once

#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "wire/scram.h"

namespace weir::testing {

inline wire::Digest salted_password(std::string_view password, std::string_view salt, int iterations) {
  wire::Digest salted;
  PKCS5_PBKDF2_HMAC(password.data(), int(password.size()), reinterpret_cast<const unsigned char*>(salt.data()),
                    int(salt.size()), iterations, EVP_sha256(), int(salted.size()),
                    reinterpret_cast<unsigned char*>(salted.data()));
  return salted;
}

inline wire::Digest client_key(std::string_view password, std::string_view salt, int iterations) {
  return wire::hmac_sha256(salted_password(password, salt, iterations), "Client Key");
}

inline wire::ScramVerifier verifier(std::string_view password, std::string_view salt, int iterations = 4096) {
  const wire::Digest salted = salted_password(password, salt, iterations);
  return {std::uint32_t(iterations), std::string(salt),
          wire::sha256(wire::bytes_of(wire::hmac_sha256(salted, "Client Key"))),
          wire::hmac_sha256(salted, "Server Key")};
}

}  // namespace weir::testing
