#include "wire/terminated_scram.h"

#include <utility>

#include "wire/base64.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace weir::wire {
namespace {

constexpr std::string_view kProtocolViolation = "08P01";
constexpr std::string_view kInvalidAuthorization = "28000";
constexpr std::string_view kCannotConnectNow = "57P03";

constexpr std::int32_t kSasl = 10;
constexpr std::int32_t kSaslContinue = 11;
constexpr std::int32_t kSaslFinal = 12;
constexpr std::int32_t kOk = 0;

void append_authentication(std::string& out, std::int32_t request, std::string_view rest) {
  std::string body;
  for (int shift = 24; shift >= 0; shift -= 8) body.push_back(char(std::uint32_t(request) >> shift & 0xff));
  append_frame(out, backend::kAuthentication, body.append(rest));
}

void append_initial_response(std::string& out, std::string_view mechanism, std::string_view message) {
  std::string body(mechanism);
  body.push_back('\0');
  for (int shift = 24; shift >= 0; shift -= 8) body.push_back(char(message.size() >> shift & 0xff));
  append_frame(out, frontend::kPassword, body.append(message));
}

ErrorWords violation(std::string message) {
  return {kProtocolViolation, std::move(message), {}, {}};
}

ErrorWords wrong_database(std::string message) {
  return {
      kProtocolViolation, std::move(message), {}, "Check that the upstream address is that of a PostgreSQL server."};
}

}  // namespace

ErrorWords no_channel_binding() {
  return {kInvalidAuthorization,
          "channel binding is required towards the database, which offers none",
          {},
          "upstream says channel_binding=require: that needs TLS and SCRAM-SHA-256-PLUS."};
}

TerminatedScram::TerminatedScram(ScramTermination how)
    : how_(std::move(how)), server_(how_.client_end_point, how_.server_nonce), client_({}, 'n', {}) {}

bool TerminatedScram::offer(std::string_view mechanisms, Turn& turn, Refused& refused) {
  bool scram = false;
  bool plus = false;
  Cursor in(mechanisms);
  for (std::string_view name = in.cstring(); !name.empty(); name = in.cstring()) {
    scram = scram || name == kScramSha256;
    plus = plus || name == kScramSha256Plus;
  }
  if (!in.done() || (!scram && !plus)) return false;
  refused = choose_client(plus);
  if (refused) return true;
  std::string offered;
  if (server_.offers_plus()) offered.append(kScramSha256Plus).push_back('\0');
  offered.append(kScramSha256).push_back('\0');
  offered.push_back('\0');
  append_authentication(turn.to_client.buffer(), kSasl, offered);
  return true;
}

/// As libpq chooses: bound where it can be; and where a server on TLS offers no binding, 'y' lets it notice that
/// somebody has taken it out of the offer.
TerminatedScram::Refused TerminatedScram::choose_client(bool offers_plus) {
  using Binding = ScramTermination::Binding;
  const bool able = !how_.upstream_end_point.empty() && how_.upstream_binding != Binding::disable;
  if (how_.upstream_binding == Binding::require && !(able && offers_plus)) return no_channel_binding();
  client_ =
      ScramClient(able && offers_plus ? how_.upstream_end_point : std::string(), able ? 'y' : 'n', how_.client_nonce);
  return std::nullopt;
}

TerminatedScram::Refused TerminatedScram::from_client(std::string_view frame, Turn& turn) {
  if (frame[0] != frontend::kPassword) {
    return violation("expected SASL response, got message type " +
                     std::to_string(int(static_cast<unsigned char>(frame[0]))));
  }
  const std::string_view body = frame.substr(kHeaderSize);
  if (step_ == Step::offered) return on_initial_response(body, frame, turn);
  if (step_ == Step::asked) return on_client_first(body, {}, turn);
  if (auto error = server_.read_final(body)) return error;
  step_ = Step::answered;
  return known_ ? prove(turn) : std::nullopt;
}

TerminatedScram::Refused TerminatedScram::on_initial_response(std::string_view body, std::string_view frame,
                                                              Turn& turn) {
  Cursor in(body);
  mechanism_ = in.cstring();
  const std::int32_t size = in.int32();
  const bool without_message = size == -1;
  const std::string_view message = without_message || size < 0 ? std::string_view() : in.bytes(std::size_t(size));
  if (!in.ok() || size < -1) return violation("insufficient data left in message");
  if (!in.done()) return violation("invalid message format");
  if (!without_message) return on_client_first(message, frame, turn);
  append_authentication(turn.to_client.buffer(), kSaslContinue, {});
  step_ = Step::asked;
  return std::nullopt;
}

TerminatedScram::Refused TerminatedScram::on_client_first(std::string_view message, std::string_view frame,
                                                          Turn& turn) {
  if (auto error = server_.read_first(mechanism_, message)) return error;
  if (!how_.always && server_.flag() == 'n') {
    step_ = Step::relayed;
    if (frame.empty()) {
      append_initial_response(turn.to_upstream.buffer(), mechanism_, message);
    } else {
      turn.to_upstream.relay(frame);
    }
    return std::nullopt;
  }
  append_initial_response(turn.to_upstream.buffer(), client_.mechanism(), client_.first());
  step_ = Step::began;
  return std::nullopt;
}

TerminatedScram::Refused TerminatedScram::on_continue(std::string_view data, Turn& turn) {
  if (step_ != Step::began || !client_.read_first(data))
    return wrong_database("the database's part of the SCRAM login is none");
  salt_ = *from_base64(client_.salt());
  wants_verifier_ = true;
  append_authentication(turn.to_client.buffer(), kSaslContinue, server_.first(client_.salt(), client_.iterations()));
  step_ = Step::challenged;
  return std::nullopt;
}

TerminatedScram::Refused TerminatedScram::provide(KnownVerifier known, Turn& turn) {
  if (!std::exchange(wants_verifier_, false)) return std::nullopt;
  remark_ = known.why;
  if (known.kind == KnownVerifier::Kind::unavailable) {
    return ErrorWords{kCannotConnectNow, "the password cannot be verified at the moment", {}, "Weir's log says why."};
  }
  // Without one the same is done with a key that nobody has, and the database refuses what comes of it.
  if (known.kind == KnownVerifier::Kind::none) known.verifier = {};
  known_ = std::move(known);
  return step_ == Step::answered ? prove(turn) : std::nullopt;
}

TerminatedScram::Refused TerminatedScram::prove(Turn& turn) {
  const Digest key = server_.client_key(known_->verifier.stored_key);
  valid_ = known_->kind == KnownVerifier::Kind::found &&
           equal_in_constant_time(sha256(bytes_of(key)), known_->verifier.stored_key);
  if (known_->kind == KnownVerifier::Kind::found && !valid_) remark_ = "the password is wrong";
  append_frame(turn.to_upstream.buffer(), frontend::kPassword, client_.last(key));
  step_ = Step::proved;
  return std::nullopt;
}

TerminatedScram::Refused TerminatedScram::on_final(std::string_view data) {
  if (step_ != Step::proved) return wrong_database("the database ended a SCRAM login that was not begun");
  if (!valid_ || !client_.signed_by(known_->verifier.server_key, data))
    return wrong_database("the database does not prove that it knows the password");
  step_ = Step::signed_off;
  return std::nullopt;
}

TerminatedScram::Refused TerminatedScram::on_ok(Turn& turn) {
  if (step_ != Step::signed_off) return wrong_database("the database does not prove that it knows the password");
  append_authentication(turn.to_client.buffer(), kSaslFinal, server_.last(known_->verifier.server_key));
  append_authentication(turn.to_client.buffer(), kOk, {});
  return std::nullopt;
}

}  // namespace weir::wire
