// SHA-256 and HMAC-SHA-256, constant-time comparison, and random bytes for nonces: what SCRAM is made of. Stateless,
// any thread. OpenSSL does it, and no other file of this folder knows OpenSSL; but for the random bytes the same input
// gives the same output, so what decides stays a matter of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::wire {

/// 32 bytes: a hash, or a key of the same size.
using Digest = std::array<char, 32>;

Digest sha256(std::string_view bytes);
Digest hmac_sha256(const Digest& key, std::string_view bytes);
Digest exclusive_or(const Digest& one, const Digest& other);
/// Takes the same time wherever they differ.
bool equal_in_constant_time(const Digest& one, const Digest& other);
std::string random_bytes(std::size_t count);

inline std::string_view bytes_of(const Digest& digest) {
  return {digest.data(), digest.size()};
}

}  // namespace weir::wire
