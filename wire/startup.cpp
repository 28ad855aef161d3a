#include "wire/startup.h"

#include <utility>

#include "wire/error_response.h"
#include "wire/frame.h"

namespace weir::wire {
namespace {

// What stands where a StartupMessage has its version.
constexpr std::uint32_t kCancelRequestCode = 1234u << 16 | 5678;
constexpr std::uint32_t kSslRequestCode = 1234u << 16 | 5679;
constexpr std::uint32_t kGssencRequestCode = 1234u << 16 | 5680;
constexpr std::uint32_t kMajorVersion = 3;

constexpr char kTlsHandshakeRecord = 0x16;
constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kCodeSize = 4;

constexpr std::string_view kProtocolViolation = "08P01";
constexpr std::string_view kFeatureNotSupported = "0A000";

FirstMessage malformed(std::string_view sqlstate, std::string message) {
  FirstMessage first;
  first.kind = FirstMessage::Kind::malformed;
  first.sqlstate = sqlstate;
  first.message = std::move(message);
  return first;
}

std::string unsupported_version(std::uint32_t version) {
  return "unsupported frontend protocol " + std::to_string(version >> 16) + "." + std::to_string(version & 0xffff) +
         ": server supports 3.0 to 3.2";
}

/// A packet whose length cannot be: the server writes that to its log and closes without a word.
FirstMessage of_wrong_length(std::string message) {
  return malformed({}, std::move(message));
}

FirstMessage read_cancel_request(std::string_view bytes) {
  Cursor in(bytes.substr(kLengthSize + kCodeSize));
  FirstMessage first;
  first.kind = FirstMessage::Kind::cancel_request;
  first.bytes = bytes;
  first.cancel.pid = std::uint32_t(in.int32());
  if (!in.ok()) return of_wrong_length("invalid length of cancel request packet");
  first.cancel.key = in.rest();
  if (in.rest().size() < kMinCancelKeySize || in.rest().size() > kMaxCancelKeySize)
    return of_wrong_length("invalid length of cancel key in cancel request packet");
  return first;
}

FirstMessage read_startup_message(std::uint32_t version, std::string_view bytes) {
  FirstMessage first;
  first.kind = FirstMessage::Kind::startup_message;
  first.bytes = bytes;
  // Another major version is the server's to refuse, in its own words and, before 3, in the form of that time.
  if (version >> 16 < kMajorVersion) return first;
  const auto startup = StartupMessageView::read(std::uint16_t(version & 0xffff), bytes.substr(kLengthSize + kCodeSize));
  if (!startup) return malformed(kProtocolViolation, "invalid startup packet layout: expected terminator as last byte");
  first.startup = *startup;
  return first;
}

FirstMessage plain(FirstMessage::Kind kind, std::string_view bytes) {
  FirstMessage first;
  first.kind = kind;
  first.bytes = bytes;
  return first;
}

/// Whether `text` is `word` or starts it with at least `least` letters, in any case: how the server reads booleans.
bool abbreviates(std::string_view text, std::string_view word, std::size_t least) {
  if (text.size() < least || text.size() > word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i] >= 'A' && text[i] <= 'Z' ? char(text[i] - 'A' + 'a') : text[i];
    if (letter != word[i]) return false;
  }
  return true;
}

/// Without an SQLSTATE it is only logged.
StartupStep refuse(std::string_view sqlstate, std::string message, std::string_view hint = {}) {
  StartupStep step;
  step.kind = StartupStep::Kind::refuse;
  if (!sqlstate.empty()) append_error(step.answer, "FATAL", sqlstate, message, hint);
  step.first = malformed(sqlstate, std::move(message));
  return step;
}

StartupStep refuse_unencrypted(std::string_view behind) {
  return refuse(kProtocolViolation, "received unencrypted data after " + std::string(behind),
                "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.");
}

}  // namespace

std::optional<StartupMessageView> StartupMessageView::read(std::uint16_t minor_version, std::string_view parameters) {
  Cursor in(parameters);
  while (in.ok()) {
    const std::string_view name = in.cstring();
    if (name.empty()) break;
    in.cstring();
  }
  if (!in.done()) return std::nullopt;
  StartupMessageView view;
  view.minor_version_ = minor_version;
  view.parameters_ = parameters.substr(0, parameters.size() - 1);
  return view;
}

std::optional<std::string_view> StartupMessageView::parameter(std::string_view name) const {
  std::optional<std::string_view> found;
  Cursor in(parameters_);
  while (!in.rest().empty()) {
    const std::string_view key = in.cstring();
    const std::string_view value = in.cstring();
    if (key == name) found = value;
  }
  return found;
}

std::string_view StartupMessageView::database() const {
  const std::string_view database = parameter("database").value_or(std::string_view());
  return database.empty() ? user() : database;
}

bool StartupMessageView::replication() const {
  const auto value = parameter("replication");
  if (!value) return false;
  return !(abbreviates(*value, "false", 1) || abbreviates(*value, "no", 1) || abbreviates(*value, "off", 2) ||
           *value == "0");
}

std::string with_parameter(std::string_view startup_message, std::string_view name, std::string_view value) {
  std::string message(startup_message.substr(0, startup_message.size() - 1));
  for (const auto part : {name, value}) {
    message += part;
    message += '\0';
  }
  message += '\0';
  for (std::size_t i = 0; i < kLengthSize; ++i)
    message[i] = static_cast<char>(message.size() >> (8 * (kLengthSize - 1 - i)) & 0xFFu);
  return message;
}

std::string append_to_application_name(std::string_view startup_message, std::string_view text) {
  const FirstMessage first = read_first_message(startup_message);
  if (first.kind != FirstMessage::Kind::startup_message || first.bytes.back() != '\0')
    return std::string(startup_message);
  const std::string name = std::string(first.startup.application_name()) + std::string(text);
  std::string longer = with_parameter(first.bytes, "application_name", name);
  return longer.size() > kLengthSize + kMaxStartupPacketSize ? std::string(startup_message) : longer;
}

FirstMessage read_first_message(std::string_view received) {
  if (received.empty()) return {};
  if (received[0] == kTlsHandshakeRecord) return plain(FirstMessage::Kind::direct_tls, {});
  if (received.size() < kLengthSize) return {};
  const std::uint32_t length = read_uint32(received.data());
  if (length < kLengthSize + kCodeSize || length > kLengthSize + kMaxStartupPacketSize)
    return of_wrong_length("invalid length of startup packet");
  if (received.size() < length) return {};

  const std::string_view bytes = received.substr(0, length);
  const std::uint32_t code = read_uint32(bytes.data() + kLengthSize);
  switch (code) {
    case kSslRequestCode:
      return plain(FirstMessage::Kind::ssl_request, bytes);
    case kGssencRequestCode:
      return plain(FirstMessage::Kind::gssenc_request, bytes);
    case kCancelRequestCode:
      return read_cancel_request(bytes);
    default:
      return read_startup_message(code, bytes);
  }
}

StartupStep StartupNegotiation::advance(std::string_view received) {
  FirstMessage first = read_first_message(received);
  const bool bytes_behind = received.size() > first.bytes.size();
  StartupStep step;
  switch (first.kind) {
    case FirstMessage::Kind::incomplete:
      return step;
    case FirstMessage::Kind::ssl_request:
      return answer_ssl_request(std::move(first), bytes_behind);
    case FirstMessage::Kind::gssenc_request:
      return answer_gssenc_request(std::move(first), bytes_behind);
    case FirstMessage::Kind::direct_tls:
      return answer_direct_tls(std::move(first));
    case FirstMessage::Kind::malformed:
      return refuse(first.sqlstate, std::move(first.message));
    case FirstMessage::Kind::cancel_request:
      step.kind = StartupStep::Kind::cancel_request;
      break;
    case FirstMessage::Kind::startup_message:
      step.kind = StartupStep::Kind::startup_message;
      break;
  }
  step.consumed = first.bytes.size();
  step.first = std::move(first);
  return step;
}

StartupStep StartupNegotiation::answer_ssl_request(FirstMessage first, bool bytes_behind) {
  // The server takes a second one for a version number. After direct TLS it still answers the first one, with 'N'.
  if (ssl_answered_) return refuse(kFeatureNotSupported, unsupported_version(kSslRequestCode));
  if (bytes_behind) return refuse_unencrypted("SSL request");
  ssl_answered_ = true;
  const bool accept = tls_available_ && !encrypted_;
  if (accept) gssenc_answered_ = true;  // none may follow where TLS was accepted
  StartupStep step;
  step.kind = accept ? StartupStep::Kind::start_tls : StartupStep::Kind::proceed;
  step.consumed = first.bytes.size();
  step.answer = accept ? "S" : "N";
  step.first = std::move(first);
  return step;
}

StartupStep StartupNegotiation::answer_gssenc_request(FirstMessage first, bool bytes_behind) {
  if (gssenc_answered_) return refuse(kFeatureNotSupported, unsupported_version(kGssencRequestCode));
  if (bytes_behind) return refuse_unencrypted("GSSAPI encryption request");
  gssenc_answered_ = true;
  StartupStep step;
  step.kind = StartupStep::Kind::proceed;
  step.consumed = first.bytes.size();
  step.answer = "N";
  step.first = std::move(first);
  return step;
}

StartupStep StartupNegotiation::answer_direct_tls(FirstMessage first) const {
  if (encrypted_ || ssl_answered_ || gssenc_answered_) return refuse({}, "invalid length of startup packet");
  StartupStep step;
  step.first = std::move(first);
  if (tls_available_) {
    step.kind = StartupStep::Kind::start_tls;
    return step;
  }
  // A client in the midst of a TLS handshake cannot read an ErrorResponse; the server closes without one too.
  step.kind = StartupStep::Kind::refuse;
  step.first.message =
      "the client began with TLS, which is not offered here: no certificate for clients, or a Unix socket";
  return step;
}

SslAnswer read_ssl_answer(std::string_view received) {
  if (received.empty()) return SslAnswer::incomplete;
  if (received[0] == 'E') return SslAnswer::error_response;
  if (received[0] != 'S' && received[0] != 'N') return SslAnswer::malformed;
  if (received.size() > 1) return SslAnswer::unencrypted_data;
  return received[0] == 'S' ? SslAnswer::accepted : SslAnswer::declined;
}

}  // namespace weir::wire
