// SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it: its messages, the verifier that it keeps of a password,
// and what is computed from them. Sans-I/O and stateless; views point into the message they were read from.
// ScramServer and ScramClient are the two sides of an exchange, made of this.
//
// What is wrong with a client's message is said in the server's own words (auth-scram.c). No password occurs here:
// from the verifier and a client's proof follows ClientKey, and with ClientKey another exchange can be proved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/error_response.h"
#include "wire/sha256.h"

namespace weir::wire {

constexpr std::string_view kScramSha256 = "SCRAM-SHA-256";
constexpr std::string_view kScramSha256Plus = "SCRAM-SHA-256-PLUS";
/// The only channel binding of PostgreSQL: the hash of the server's certificate (RFC 5929).
constexpr std::string_view kEndPoint = "tls-server-end-point";
/// What scram_iterations may be at most. Weir itself iterates nothing.
constexpr std::uint32_t kMostIterations = 2'147'483'647;

/// What pg_authid.rolpassword holds: "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>".
struct ScramVerifier {
  std::uint32_t iterations = 0;
  std::string salt;
  Digest stored_key{};
  Digest server_key{};
  bool operator==(const ScramVerifier&) const = default;
};
std::optional<ScramVerifier> read_scram_verifier(std::string_view text);
std::string to_text(const ScramVerifier& verifier);

/// "n,,n=user,r=nonce"
struct ClientFirst {
  char flag = 'n';          ///< 'n': no channel binding; 'y': the client could, but was offered none; 'p': binds
  std::string_view header;  ///< up to the second comma, which is part of it
  std::string_view bare;    ///< all behind it
  std::string_view nonce;
};
/// `plus`: of SCRAM-SHA-256-PLUS.
std::optional<ErrorWords> read_client_first(std::string_view message, bool plus, ClientFirst& read);

/// "r=nonce,s=salt,i=4096"
struct ServerFirst {
  std::string_view nonce;
  std::string_view salt;  ///< in base64
  std::uint32_t iterations = 0;
};
std::optional<ServerFirst> read_server_first(std::string_view message);

/// "c=channel binding,r=nonce,p=proof"
struct ClientFinal {
  std::string_view channel_binding;  ///< in base64
  std::string_view nonce;
  std::string_view without_proof;
  Digest proof{};
};
std::optional<ErrorWords> read_client_final(std::string_view message, ClientFinal& read);

/// The server's signature out of "v=signature".
std::optional<Digest> read_server_final(std::string_view message);

/// The base64 of what a client-final-message binds: the header, and behind 'p' the hash of the server's certificate.
std::string channel_binding_of(std::string_view header, std::string_view end_point);
/// What both proofs are made over.
std::string auth_message(std::string_view client_first_bare, std::string_view server_first,
                         std::string_view client_final_without_proof);

}  // namespace weir::wire
