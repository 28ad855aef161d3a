// The two sides of one SCRAM exchange, as state from message to message: ScramServer stands where the database would,
// ScramClient logs in with a ClientKey. Sans-I/O; nonces come from outside. Neither knows a password, and neither
// decides alone: what a proof is worth is said by whoever holds the verifier.
//
//   server.read_first(…)  →  server.first(…)  →  server.read_final(…)  →  server.client_key(…), server.last(…)
//   client.first()  →  client.read_first(…)  →  client.last(…)  →  client.signed_by(…)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/scram.h"

namespace weir::wire {

/// A nonce as the server and libpq make it: 18 random bytes in base64.
std::string make_scram_nonce();

class ScramServer {
 public:
  /// `end_point`: the hash of the certificate that this client was shown; empty: it is offered no channel binding.
  ScramServer(std::string end_point, std::string nonce) : end_point_(std::move(end_point)), nonce_(std::move(nonce)) {}

  bool offers_plus() const { return !end_point_.empty(); }
  /// The mechanism that the client chose of those that it was offered, and its first message.
  std::optional<ErrorWords> read_first(std::string_view mechanism, std::string_view message);
  /// 'n', 'y' or 'p'.
  char flag() const { return flag_; }
  /// The server-first-message; the salt in base64.
  const std::string& first(std::string_view salt, std::uint32_t iterations);
  std::optional<ErrorWords> read_final(std::string_view message);
  /// ClientKey, if the client has proved that its password is this verifier's; else what only looks like one.
  Digest client_key(const Digest& stored_key) const;
  /// The server-final-message.
  std::string last(const Digest& server_key) const;

 private:
  std::string end_point_;
  std::string nonce_;
  char flag_ = 'n';
  std::string header_;
  std::string client_first_;
  std::string client_nonce_;
  std::string server_first_;
  std::string auth_message_;
  Digest proof_{};
};

class ScramClient {
 public:
  /// `end_point`: the hash of the server's certificate, to be bound to; empty: no channel binding, and `flag` says why
  /// ('n': it cannot; 'y': it could, but the server offered none).
  ScramClient(std::string end_point, char flag, std::string nonce)
      : end_point_(std::move(end_point)), flag_(end_point_.empty() ? flag : 'p'), nonce_(std::move(nonce)) {}

  std::string_view mechanism() const { return flag_ == 'p' ? kScramSha256Plus : kScramSha256; }
  std::string first() const;
  /// False where it is none, or answers another nonce.
  bool read_first(std::string_view message);
  /// In base64, as it came.
  const std::string& salt() const { return salt_; }
  std::uint32_t iterations() const { return iterations_; }
  /// The client-final-message. A key that is not the verifier's gives a proof that fails.
  std::string last(const Digest& client_key);
  /// Whether the server's last message proves that it holds this key.
  bool signed_by(const Digest& server_key, std::string_view message) const;

 private:
  std::string header() const;
  std::string first_bare() const { return "n=,r=" + nonce_; }

  std::string end_point_;
  char flag_;
  std::string nonce_;
  std::string whole_nonce_;
  std::string server_first_;
  std::string salt_;
  std::uint32_t iterations_ = 0;
  std::string auth_message_;
};

}  // namespace weir::wire
