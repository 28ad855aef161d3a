#include "wire/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <new>

namespace weir::wire {
namespace {

const unsigned char* unsigned_bytes(const char* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

unsigned char* unsigned_bytes(char* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}

}  // namespace

Digest sha256(std::string_view bytes) {
  Digest digest;
  if (EVP_Digest(bytes.data(), bytes.size(), unsigned_bytes(digest.data()), nullptr, EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
  return digest;
}

Digest hmac_sha256(const Digest& key, std::string_view bytes) {
  Digest digest;
  if (HMAC(EVP_sha256(), key.data(), int(key.size()), unsigned_bytes(bytes.data()), bytes.size(),
           unsigned_bytes(digest.data()), nullptr) == nullptr)
    throw std::bad_alloc();
  return digest;
}

Digest exclusive_or(const Digest& one, const Digest& other) {
  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = char(one[i] ^ other[i]);
  return digest;
}

bool equal_in_constant_time(const Digest& one, const Digest& other) {
  return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

/// A nonce that can be foretold would be worse than none: without a source of randomness nothing goes on.
std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(unsigned_bytes(bytes.data()), int(count)) != 1) throw std::bad_alloc();
  return bytes;
}

}  // namespace weir::wire
