#include "wire/authentication.h"

#include <string>
#include <utility>

#include "wire/error_response.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace weir::wire {
namespace {

// The int32 that says which Authentication… message it is.
constexpr std::int32_t kAuthenticationOk = 0;
constexpr std::int32_t kAuthenticationGssContinue = 8;
constexpr std::int32_t kAuthenticationSasl = 10;
constexpr std::int32_t kAuthenticationSaslContinue = 11;
constexpr std::int32_t kAuthenticationSaslFinal = 12;

constexpr std::string_view kProtocolViolation = "08P01";
constexpr std::string_view kInvalidAuthorization = "28000";

/// libpq's bound of an ErrorResponse's length before the login. Beyond it, it is no length but text, of protocol 2.0.
constexpr std::uint32_t kMaxErrorLength = 30'000;

constexpr std::string_view kPlusSuffix = "-PLUS";

/// How much of the front of `received` one frame is.
struct Front {
  enum class State { incomplete, too_long, whole } state = State::incomplete;
  char type = 0;
  std::size_t size = 0;  // 0: not known yet
};

Front read_front(std::string_view received) {
  const FrameHeader header = read_header(received);
  if (header.state == FrameHeader::State::incomplete) return {};
  if (header.state == FrameHeader::State::malformed || header.size > kMaxAuthenticationFrame)
    return {Front::State::too_long, header.type, 0};
  const auto state = received.size() < header.size ? Front::State::incomplete : Front::State::whole;
  return {state, header.type, header.size};
}

std::string_view body_of(std::string_view frame) {
  return frame.substr(kHeaderSize);
}

}  // namespace

std::size_t Authentication::from_client(std::string_view received, Turn& turn) {
  if (client_malformed_) return received.size();
  std::size_t consumed = 0;
  client_frame_size_ = 0;
  while (state_ == State::negotiating && awaited_ != Awaited::nothing) {
    const Front front = read_front(received.substr(consumed));
    if (front.state == Front::State::too_long) {
      // The server closes where it reads this. Nothing behind it has a meaning.
      turn.to_upstream.relay(received.substr(consumed, kHeaderSize));
      awaited_ = Awaited::nothing;
      client_malformed_ = true;
      return received.size();
    }
    if (front.state == Front::State::incomplete) {
      client_frame_size_ = front.size;
      break;
    }
    if (awaited_ == Awaited::gss_token && front.type != frontend::kPassword) break;
    const std::string_view frame = received.substr(consumed, front.size);
    if (scram_) {
      if (const auto refused = scram_->from_client(frame, turn)) return refuse(turn, *refused);
      consumed += frame.size();
      await_scram();
      continue;
    }
    if (claims_channel_binding(frame)) {
      return refuse(turn, kInvalidAuthorization,
                    "SCRAM channel binding cannot pass Weir: TLS ends here, and the client says that it supports "
                    "channel binding",
                    "Connect with channel_binding=disable, or let Weir present the database's own certificate to "
                    "clients, or use TLS on only one side of Weir.");
    }
    awaited_ = Awaited::nothing;
    turn.to_upstream.relay(frame);
    consumed += frame.size();
  }
  return consumed;
}

Standing Authentication::standing() const {
  return {.stalled = awaited_ == Awaited::nothing && !client_malformed_,
          .client_frame_size = client_frame_size_,
          .upstream_frame_size = upstream_frame_size_};
}

bool Authentication::claims_channel_binding(std::string_view frame) const {
  if (!plus_stripped_ || awaited_ != Awaited::sasl_initial || frame[0] != frontend::kPassword) return false;
  Cursor in(body_of(frame));
  const std::string_view mechanism = in.cstring();
  in.int32();
  // Malformed messages and other mechanisms are the database's to judge.
  return mechanism.starts_with("SCRAM-") && in.ok() && in.rest().starts_with('y');
}

std::size_t Authentication::from_upstream(std::string_view received, Turn& turn) {
  std::size_t consumed = 0;
  upstream_frame_size_ = 0;
  while (state_ != State::authenticated && state_ != State::closed) {
    const std::string_view rest = received.substr(consumed);
    if (state_ == State::raw || is_old_format_error(rest)) {
      state_ = State::raw;
      turn.to_client.relay(rest);
      return received.size();
    }
    const Front front = read_front(rest);
    if (front.state == Front::State::too_long) {
      refuse(turn, kProtocolViolation, "the database sent an invalid message length in authentication",
             "Check that the upstream address is that of a PostgreSQL server.");
      break;
    }
    if (front.state == Front::State::incomplete) {
      upstream_frame_size_ = front.size;
      break;
    }
    upstream_spoke_ = true;
    relay_upstream(rest.substr(0, front.size), turn);
    consumed += front.size;
  }
  return consumed;
}

bool Authentication::is_old_format_error(std::string_view received) const {
  if (upstream_spoke_ || received.size() < kHeaderSize || received[0] != backend::kErrorResponse) return false;
  return read_uint32(received.data() + 1) > kMaxErrorLength;
}

void Authentication::relay_upstream(std::string_view frame, Turn& turn) {
  if (frame[0] == backend::kAuthentication && state_ == State::negotiating) {
    relay_authentication(frame, turn);
    return;
  }
  // Before the login every error is the end of the session.
  if (frame[0] == backend::kErrorResponse) {
    state_ = State::refused;
    note_error(frame);
  }
  turn.to_client.relay(frame);
}

void Authentication::note_error(std::string_view frame) {
  const auto fields = read_error_fields(body_of(frame));
  if (!fields) return;
  reason_ = std::string(error_field(*fields, 'M')) + " (" + std::string(error_field(*fields, 'C')) + ")";
  if (scram_ && !scram_->remark().empty()) reason_ += ": " + scram_->remark();
}

void Authentication::relay_authentication(std::string_view frame, Turn& turn) {
  Cursor in(body_of(frame));
  const std::int32_t request = in.int32();
  if (!in.ok()) {
    refuse(turn, kProtocolViolation, "the database sent a malformed authentication request",
           "Check that the upstream address is that of a PostgreSQL server.");
    return;
  }
  if (request == kAuthenticationOk) return on_ok(frame, turn);
  asked_ = true;
  if (scram_) return relay_terminated(request, frame, turn);
  if (must_bind() && request != kAuthenticationSasl) {
    refuse(turn, no_channel_binding());
    return;
  }
  switch (request) {
    case kAuthenticationSaslFinal:
      break;
    case kAuthenticationGssContinue:
      awaited_ = Awaited::gss_token;
      break;
    case kAuthenticationSasl:
      return on_sasl_offer(frame, turn);
    default:
      awaited_ = Awaited::any_answer;
  }
  turn.to_client.relay(frame);
}

/// As libpq with channel_binding=require, which takes no other method and no login without one.
bool Authentication::must_bind() const {
  return rules_.termination && rules_.termination->upstream_binding == ScramTermination::Binding::require;
}

void Authentication::on_ok(std::string_view frame, Turn& turn) {
  if (!asked_ && rules_.refuse_unasked) {
    refuse(turn, kInvalidAuthorization,
           "the database has asked for nothing, and may have let in Weir's own certificate",
           "Let pg_hba.conf ask for a password beside the certificate, or Weir for the client's (tls.client_cert: "
           "verify-full).");
    return;
  }
  if (scram_) {
    if (const auto refused = scram_->on_ok(turn)) {
      refuse(turn, *refused);
      return;
    }
  } else if (must_bind()) {
    refuse(turn, no_channel_binding());
    return;
  } else {
    turn.to_client.relay(frame);
  }
  state_ = State::authenticated;
}

void Authentication::on_sasl_offer(std::string_view frame, Turn& turn) {
  awaited_ = Awaited::sasl_initial;
  if (rules_.termination) {
    TerminatedScram::Refused refused;
    scram_.emplace(*rules_.termination);
    if (scram_->offer(body_of(frame).substr(4), turn, refused)) {
      if (refused) refuse(turn, *refused);
      return;
    }
    scram_.reset();
  }
  if (must_bind()) {
    refuse(turn, no_channel_binding());
    return;
  }
  if (rules_.channel_binding == ChannelBinding::strip_plus) return offer_without_plus(frame, turn);
  turn.to_client.relay(frame);
}

/// What the database says to Weir's side of a login that ends here.
void Authentication::relay_terminated(std::int32_t request, std::string_view frame, Turn& turn) {
  const std::string_view data = body_of(frame).substr(4);
  TerminatedScram::Refused refused;
  if (request == kAuthenticationSaslContinue) {
    refused = scram_->on_continue(data, turn);
  } else if (request == kAuthenticationSaslFinal) {
    refused = scram_->on_final(data);
  } else {
    refused = ErrorWords{kProtocolViolation, "the database asks for another method within a SCRAM login", {}, {}};
  }
  if (refused) {
    refuse(turn, *refused);
  } else {
    await_scram();
  }
}

void Authentication::provide(KnownVerifier known, Turn& turn) {
  if (!scram_ || state_ != State::negotiating) return;
  if (const auto refused = scram_->provide(std::move(known), turn)) {
    refuse(turn, *refused);
  } else {
    await_scram();
  }
}

/// What is wanted of the client next.
void Authentication::await_scram() {
  awaited_ = scram_->awaits_client() ? Awaited::any_answer : Awaited::nothing;
  if (scram_->relays()) scram_.reset();
}

/// AuthenticationSASL's mechanisms are zero-terminated strings, closed by an empty one.
void Authentication::offer_without_plus(std::string_view frame, Turn& turn) {
  Cursor in(body_of(frame));
  std::string body(in.bytes(4));
  while (in.ok()) {
    const std::string_view mechanism = in.cstring();
    if (mechanism.empty()) break;
    if (mechanism.ends_with(kPlusSuffix)) {
      plus_stripped_ = true;
    } else {
      body.append(mechanism).push_back('\0');
    }
  }
  if (!in.done()) {
    refuse(turn, kProtocolViolation, "the database sent a malformed list of SASL mechanisms");
  } else if (!plus_stripped_) {
    turn.to_client.relay(frame);
  } else if (body.size() == 4) {
    refuse(turn, kInvalidAuthorization,
           "the database offers only SCRAM with channel binding, which cannot pass Weir because TLS ends here",
           "Let Weir present the database's own certificate to clients, or use no TLS between Weir and the database.");
  } else {
    body.push_back('\0');
    append_frame(turn.to_client.buffer(), backend::kAuthentication, body);
  }
}

std::size_t Authentication::refuse(Turn& turn, std::string_view sqlstate, std::string_view message,
                                   std::string_view hint) {
  return refuse(turn, {sqlstate, std::string(message), {}, std::string(hint)});
}

std::size_t Authentication::refuse(Turn& turn, const ErrorWords& words) {
  state_ = State::closed;
  awaited_ = Awaited::nothing;
  append_error(turn.to_client.buffer(), "FATAL", words);
  reason_ = words.message + " (" + std::string(words.sqlstate) + ")";
  if (scram_ && !scram_->remark().empty()) reason_ += ": " + scram_->remark();
  turn.close = true;
  return 0;
}

}  // namespace weir::wire
