#include "wire/scram_exchange.h"

#include "wire/base64.h"

namespace weir::wire {
namespace {

constexpr std::string_view kProtocolViolation = "08P01";
constexpr std::string_view kInvalidAuthorization = "28000";
constexpr std::size_t kNonceBytes = 18;

}  // namespace

std::string make_scram_nonce() {
  return to_base64(random_bytes(kNonceBytes));
}

std::optional<ErrorWords> ScramServer::read_first(std::string_view mechanism, std::string_view message) {
  const bool plus = mechanism == kScramSha256Plus;
  if (plus ? !offers_plus() : mechanism != kScramSha256)
    return ErrorWords{kProtocolViolation, "client selected an invalid SASL authentication mechanism", {}, {}};
  ClientFirst read;
  if (auto error = read_client_first(message, plus, read)) return error;
  if (read.flag == 'y' && offers_plus()) {
    return ErrorWords{kInvalidAuthorization,
                      "SCRAM channel binding negotiation error",
                      "The client supports SCRAM channel binding but thinks the server does not.  However, this server "
                      "does support channel binding.",
                      {}};
  }
  flag_ = read.flag;
  header_ = read.header;
  client_first_ = read.bare;
  client_nonce_ = read.nonce;
  return std::nullopt;
}

const std::string& ScramServer::first(std::string_view salt, std::uint32_t iterations) {
  server_first_ = "r=" + client_nonce_ + nonce_ + ",s=";
  server_first_.append(salt).append(",i=").append(std::to_string(iterations));
  return server_first_;
}

std::optional<ErrorWords> ScramServer::read_final(std::string_view message) {
  ClientFinal read;
  if (auto error = read_client_final(message, read)) return error;
  const bool binds = flag_ == 'p';
  if (read.channel_binding != channel_binding_of(header_, binds ? end_point_ : std::string())) {
    if (binds) return ErrorWords{kInvalidAuthorization, "SCRAM channel binding check failed", {}, {}};
    return ErrorWords{kProtocolViolation, "unexpected SCRAM channel-binding attribute in client-final-message", {}, {}};
  }
  if (read.nonce != client_nonce_ + nonce_)
    return ErrorWords{kProtocolViolation, "invalid SCRAM response", "Nonce does not match.", {}};
  proof_ = read.proof;
  auth_message_ = auth_message(client_first_, server_first_, read.without_proof);
  return std::nullopt;
}

Digest ScramServer::client_key(const Digest& stored_key) const {
  return exclusive_or(proof_, hmac_sha256(stored_key, auth_message_));
}

std::string ScramServer::last(const Digest& server_key) const {
  return "v=" + to_base64(bytes_of(hmac_sha256(server_key, auth_message_)));
}

std::string ScramClient::header() const {
  if (flag_ != 'p') return std::string(1, flag_) + ",,";
  return "p=" + std::string(kEndPoint) + ",,";
}

std::string ScramClient::first() const {
  return header() + first_bare();
}

bool ScramClient::read_first(std::string_view message) {
  const auto read = read_server_first(message);
  if (!read || !read->nonce.starts_with(nonce_) || read->nonce.size() == nonce_.size()) return false;
  server_first_ = message;
  whole_nonce_ = read->nonce;
  salt_ = read->salt;
  iterations_ = read->iterations;
  return true;
}

std::string ScramClient::last(const Digest& client_key) {
  const std::string without_proof = "c=" + channel_binding_of(header(), end_point_) + ",r=" + whole_nonce_;
  auth_message_ = auth_message(first_bare(), server_first_, without_proof);
  const Digest signature = hmac_sha256(sha256(bytes_of(client_key)), auth_message_);
  return without_proof + ",p=" + to_base64(bytes_of(exclusive_or(client_key, signature)));
}

bool ScramClient::signed_by(const Digest& server_key, std::string_view message) const {
  const auto signature = read_server_final(message);
  return signature && equal_in_constant_time(*signature, hmac_sha256(server_key, auth_message_));
}

}  // namespace weir::wire
