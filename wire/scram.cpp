#include "wire/scram.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "wire/base64.h"

namespace weir::wire {
namespace {

constexpr std::string_view kProtocolViolation = "08P01";
constexpr std::string_view kNotSupported = "0A000";
constexpr std::string_view kVerifierPrefix = "SCRAM-SHA-256$";

ErrorWords malformed(std::string detail) {
  return {kProtocolViolation, "malformed SCRAM message", std::move(detail), {}};
}

ErrorWords not_supported(std::string message) {
  return {kNotSupported, std::move(message), {}, {}};
}

bool is_printable(char c) {
  return c >= 0x21 && c <= 0x7e;
}

/// As the server shows a character of a client that it does not trust.
std::string shown(char c) {
  if (is_printable(c)) return {'\'', c, '\''};
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "0x%02x", unsigned(static_cast<unsigned char>(c)));
  return text.data();
}

/// The same of a text, cut where the server cuts it.
std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 30;
  std::string out(text.substr(0, kShown));
  for (char& c : out)
    if (!is_printable(c)) c = '?';
  return out;
}

/// Reads "a=value,b=value" from front to back. Fails stickily, with the server's words for the first thing wrong.
class Attributes {
 public:
  explicit Attributes(std::string_view message) : message_(message) {}

  /// The next character, 0 at the end as in the server.
  char next() const { return at_ < message_.size() ? message_[at_] : '\0'; }
  void skip() { ++at_; }
  bool at_end() const { return at_ >= message_.size(); }
  /// Where the next attribute begins.
  std::size_t position() const { return at_; }

  std::string_view value_of(char attribute) {
    if (failed_) return {};
    if (next() != attribute) {
      return fail(std::string("Expected attribute \"") + attribute + "\" but found \"" + shown(next()) + "\".");
    }
    return value();
  }
  std::string_view any(char& attribute) {
    if (failed_) return {};
    attribute = next();
    if (at_end()) return fail("Attribute expected, but found end of string.");
    const bool letter = (attribute >= 'A' && attribute <= 'Z') || (attribute >= 'a' && attribute <= 'z');
    if (!letter) return fail("Attribute expected, but found invalid character \"" + shown(attribute) + "\".");
    return value();
  }
  std::string_view fail(std::string detail) {
    if (!failed_) failed_ = malformed(std::move(detail));
    return {};
  }
  const std::optional<ErrorWords>& failed() const { return failed_; }

 private:
  /// Behind an attribute's letter, which is the next character.
  std::string_view value() {
    const char attribute = next();
    skip();
    if (next() != '=') return fail(std::string("Expected character \"=\" for attribute \"") + attribute + "\".");
    skip();
    const std::size_t begin = at_;
    const std::size_t end = std::min(message_.find(',', begin), message_.size());
    at_ = end < message_.size() ? end + 1 : end;
    return message_.substr(begin, end - begin);
  }

  std::string_view message_;
  std::size_t at_ = 0;
  std::optional<ErrorWords> failed_;
};

/// A zero byte ends the message for the server, which notices that by its length.
std::optional<ErrorWords> check_length(std::string_view message) {
  if (message.empty()) return malformed("The message is empty.");
  if (message.find('\0') != std::string_view::npos) return malformed("Message length does not match input length.");
  return std::nullopt;
}

/// The flag, and with 'p' the type of channel binding; the comma behind it is read.
std::optional<ErrorWords> read_flag(Attributes& in, bool plus, char& flag) {
  flag = in.next();
  if (flag != 'n' && flag != 'y' && flag != 'p')
    return malformed("Unexpected channel-binding flag \"" + shown(flag) + "\".");
  if (flag == 'p' && !plus) {
    return malformed(
        "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding "
        "data.");
  }
  if (flag == 'p') {
    const std::string_view type = in.value_of('p');
    if (in.failed()) return in.failed();
    if (type == kEndPoint) return std::nullopt;
    return ErrorWords{kProtocolViolation, "unsupported SCRAM channel-binding type \"" + shown(type) + "\"", {}, {}};
  }
  if (plus) {
    return malformed(
        "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.");
  }
  in.skip();
  if (in.next() != ',') return malformed("Comma expected, but found character \"" + shown(in.next()) + "\".");
  in.skip();
  return std::nullopt;
}

std::optional<Digest> read_digest(std::string_view text) {
  const auto bytes = from_base64(text);
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::optional<std::uint32_t> read_iterations(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > kMostIterations)
    return std::nullopt;
  return value;
}

/// Up to the separator, which is taken too; nothing where there is none.
std::optional<std::string_view> take_until(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

}  // namespace

std::optional<ScramVerifier> read_scram_verifier(std::string_view text) {
  if (!text.starts_with(kVerifierPrefix)) return std::nullopt;
  text.remove_prefix(kVerifierPrefix.size());
  const auto iterations_text = take_until(text, ':');
  const auto salt_text = iterations_text ? take_until(text, '$') : std::nullopt;
  const auto stored_text = salt_text ? take_until(text, ':') : std::nullopt;
  if (!stored_text) return std::nullopt;
  const auto iterations = read_iterations(*iterations_text);
  const auto salt = from_base64(*salt_text);
  const auto stored = read_digest(*stored_text);
  const auto server = read_digest(text);
  if (!iterations || !salt || !stored || !server) return std::nullopt;
  return ScramVerifier{*iterations, *salt, *stored, *server};
}

std::string to_text(const ScramVerifier& verifier) {
  return std::string(kVerifierPrefix) + std::to_string(verifier.iterations) + ":" + to_base64(verifier.salt) + "$" +
         to_base64(bytes_of(verifier.stored_key)) + ":" + to_base64(bytes_of(verifier.server_key));
}

std::optional<ErrorWords> read_client_first(std::string_view message, bool plus, ClientFirst& read) {
  if (auto error = check_length(message)) return error;
  Attributes in(message);
  if (auto error = read_flag(in, plus, read.flag)) return error;
  if (in.next() == 'a') return not_supported("client uses authorization identity, but it is not supported");
  if (in.next() != ',') return malformed("Unexpected attribute \"" + shown(in.next()) + "\" in client-first-message.");
  in.skip();
  read.header = message.substr(0, in.position());
  read.bare = message.substr(in.position());
  if (in.next() == 'm') return not_supported("client requires an unsupported SCRAM extension");
  in.value_of('n');  // PostgreSQL takes the user of the StartupMessage
  read.nonce = in.value_of('r');
  if (in.failed()) return in.failed();
  if (!std::all_of(read.nonce.begin(), read.nonce.end(), is_printable))
    return ErrorWords{kProtocolViolation, "non-printable characters in SCRAM nonce", {}, {}};
  char attribute = 0;
  while (!in.at_end() && !in.failed()) in.any(attribute);
  return in.failed();
}

std::optional<ServerFirst> read_server_first(std::string_view message) {
  if (check_length(message)) return std::nullopt;
  Attributes in(message);
  ServerFirst read;
  read.nonce = in.value_of('r');
  read.salt = in.value_of('s');
  const auto iterations = read_iterations(in.value_of('i'));
  if (in.failed() || !iterations || !from_base64(read.salt)) return std::nullopt;
  read.iterations = *iterations;
  return read;
}

std::optional<ErrorWords> read_client_final(std::string_view message, ClientFinal& read) {
  if (auto error = check_length(message)) return error;
  Attributes in(message);
  read.channel_binding = in.value_of('c');
  read.nonce = in.value_of('r');
  std::string_view value;
  std::size_t proof = 0;
  char attribute = 0;
  while (!in.failed() && attribute != 'p') {
    proof = in.position();
    value = in.any(attribute);
  }
  if (in.failed()) return in.failed();
  const auto digest = read_digest(value);
  if (!digest) return malformed("Malformed proof in client-final-message.");
  if (!in.at_end()) return malformed("Garbage found at the end of client-final-message.");
  read.proof = *digest;
  read.without_proof = message.substr(0, proof - 1);
  return std::nullopt;
}

std::optional<Digest> read_server_final(std::string_view message) {
  Attributes in(message);
  const std::string_view value = in.value_of('v');
  return in.failed() ? std::nullopt : read_digest(value);
}

std::string channel_binding_of(std::string_view header, std::string_view end_point) {
  return to_base64(std::string(header).append(end_point));
}

std::string auth_message(std::string_view client_first_bare, std::string_view server_first,
                         std::string_view client_final_without_proof) {
  std::string message(client_first_bare);
  message.append(",").append(server_first).append(",").append(client_final_without_proof);
  return message;
}

}  // namespace weir::wire
