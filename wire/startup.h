// What a client may send before anything else (PostgreSQL manual, "Start-up" and "SSL Session Encryption"): SSLRequest,
// GSSENCRequest, CancelRequest, StartupMessage, or a TLS record at once (direct TLS). And the one byte with which a
// database answers Weir's own SSLRequest. Sans-I/O; views point into the received bytes.
//
// `read_first_message` only decodes. `StartupNegotiation` is what a connection goes through until its StartupMessage or
// CancelRequest is there: it holds the rules of order, which exist because what was received before encryption must
// never be taken for what came through it (CVE-2021-3935, CVE-2021-23214). Neither judges ALPN nor whether TLS is
// required: that is the I/O's part. A StartupMessage of any version 3.x is valid here; the database speaks for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::wire {

/// PostgreSQL's MAX_STARTUP_PACKET_LENGTH. As there, the length word itself is not counted.
constexpr std::size_t kMaxStartupPacketSize = 10'000;
/// Cancel keys have 4 bytes in protocol 3.0 and up to 256 since 3.2.
constexpr std::size_t kMinCancelKeySize = 4;
constexpr std::size_t kMaxCancelKeySize = 256;

struct CancelRequestView {
  std::uint32_t pid = 0;
  std::string_view key;
};

class StartupMessageView {
 public:
  StartupMessageView() = default;
  /// The parameters as they stand in the message, up to and without the closing zero; nothing where they are malformed.
  static std::optional<StartupMessageView> read(std::uint16_t minor_version, std::string_view parameters);

  std::uint16_t minor_version() const { return minor_version_; }
  /// The last value counts where a name is repeated, as in the server. Nothing where the name does not occur.
  std::optional<std::string_view> parameter(std::string_view name) const;

  std::string_view user() const { return parameter("user").value_or(std::string_view()); }
  /// The user's name where none (or an empty one) is given, as the server does it.
  std::string_view database() const;
  std::string_view application_name() const { return parameter("application_name").value_or(std::string_view()); }
  std::string_view options() const { return parameter("options").value_or(std::string_view()); }
  /// Whether this becomes a walsender: "database" or a true boolean. What is neither true nor false counts as true: the
  /// server refuses it.
  bool replication() const;

 private:
  std::uint16_t minor_version_ = 0;
  std::string_view parameters_;  // pairs of zero-terminated strings
};

struct FirstMessage {
  enum class Kind {
    incomplete,
    ssl_request,
    gssenc_request,
    cancel_request,
    startup_message,
    direct_tls,  ///< the first byte of a TLS record; nothing is consumed
    malformed,   ///< `sqlstate` and `message` say why, in the server's own words
  };
  Kind kind = Kind::incomplete;
  std::string_view bytes;      ///< the whole message, for relaying it verbatim
  CancelRequestView cancel;    ///< of a cancel_request
  StartupMessageView startup;  ///< of a startup_message
  std::string_view sqlstate;   ///< empty: the server only logs it, and closes without a word
  std::string message;
};

/// The same StartupMessage with this parameter, which holds in place of one of that name that it may have.
std::string with_parameter(std::string_view startup_message, std::string_view name, std::string_view value);
/// A StartupMessage with `text` behind its application_name, which is made where there is none. Unchanged where it
/// would be longer than a server takes.
std::string append_to_application_name(std::string_view startup_message, std::string_view text);

/// Judges the front of what was received; what lies behind the message does not matter.
FirstMessage read_first_message(std::string_view received);

/// What the I/O does next. Write `answer` first, whatever the kind.
struct StartupStep {
  enum class Kind {
    need_more,        ///< read more and call again with all that was not consumed
    proceed,          ///< go on with what the client sends next
    start_tls,        ///< TLS handshake, then `tls_started`; then go on with decrypted bytes
    cancel_request,   ///< relay `first.bytes` on a connection of its own
    startup_message,  ///< relay `first.bytes`
    refuse,           ///< close; `answer` is an ErrorResponse (or empty), `first.message` is for the log
  };
  Kind kind = Kind::need_more;
  std::size_t consumed = 0;
  std::string answer;
  FirstMessage first;
};

class StartupNegotiation {
 public:
  explicit StartupNegotiation(bool tls_available) : tls_available_(tls_available) {}

  /// `received` is all that was received and not consumed by an earlier step.
  StartupStep advance(std::string_view received);
  /// After the handshake that start_tls asked for.
  void tls_started() { encrypted_ = true; }

 private:
  StartupStep answer_ssl_request(FirstMessage first, bool bytes_behind);
  StartupStep answer_gssenc_request(FirstMessage first, bool bytes_behind);
  StartupStep answer_direct_tls(FirstMessage first) const;

  bool tls_available_;
  bool encrypted_ = false;
  bool ssl_answered_ = false;     // a further SSLRequest is an unknown protocol version
  bool gssenc_answered_ = false;  // the same
};

/// What Weir sends first on the database's leg where it wants TLS there.
constexpr std::string_view kSslRequest{"\0\0\0\x08\x04\xd2\x16\x2f", 8};

enum class SslAnswer {
  incomplete,
  accepted,          ///< 'S': TLS handshake
  declined,          ///< 'N': StartupMessage without TLS, or give up
  error_response,    ///< 'E': the database failed; an ErrorResponse begins here. It is not authenticated
  unencrypted_data,  ///< more behind the answer: it came before encryption, so give up (CVE-2021-23222)
  malformed,         ///< no PostgreSQL server answers so
};
SslAnswer read_ssl_answer(std::string_view received);

}  // namespace weir::wire
