// The authentication phase: from behind the StartupMessage up to and including AuthenticationOk. An Engine, so the same
// I/O drives it; when `authenticated` the next byte of either peer belongs to the next engine. LoginRules say how it
// goes. Everything is relayed both ways as it came, whatever the method (trust, cleartext, md5, SASL, GSS, SSPI), but
// for SCRAM where it cannot pass: SCRAM-SHA-256-PLUS binds the login to the TLS connection that the client sees, and
// through Weir that is not the one the database sees. Either the login ends here and goes on to the database
// (`termination`; the I/O is asked for a verifier meanwhile), or `strip_plus` takes PLUS out of the offer. A client on
// TLS that could have used it then says so ('y') and the database would take that for an attack; it gets an error here
// that names the ways out.
//
// A length of the client's that cannot be goes there as it is, and ends the session there.
//
// A client's message goes to the database only as the answer to a request of the database. What it sends ahead is kept
// for the next engine, so no statement slips past it. A login is refused by the database's own words, relayed, and
// the end of its connection; Weir's own refusals close the turn, and nothing is taken from either peer after them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "wire/engine.h"
#include "wire/terminated_scram.h"

namespace weir::wire {

/// The largest frame in this phase, either way: header and PG_MAX_AUTH_TOKEN_LENGTH, the server's own limit.
constexpr std::size_t kMaxAuthenticationFrame = 5 + 65'535;

enum class ChannelBinding {
  relay,       ///< no TLS to the database, or Weir presents the database's own certificate
  strip_plus,  ///< TLS to the database and another certificate, or none, to the client
};

struct LoginRules {
  ChannelBinding channel_binding = ChannelBinding::relay;
  /// SCRAM-SHA-256 ends here; other methods are as without. Where it must bind to the database's certificate, other
  /// methods, and an AuthenticationOk without a login, are refused: whoever stands in between would ask for them.
  std::optional<ScramTermination> termination = {};
  /// Weir shows the database a certificate, and has not verified whom it shows it for: an AuthenticationOk that nobody
  /// was asked anything for may be meant for that certificate, and is refused.
  bool refuse_unasked = false;
};

class Authentication : public Engine {
 public:
  explicit Authentication(ChannelBinding channel_binding) : Authentication(LoginRules{channel_binding}) {}
  explicit Authentication(LoginRules rules) : rules_(std::move(rules)) {}

  std::size_t from_client(std::string_view received, Turn& turn) override;
  /// Consumes nothing behind AuthenticationOk.
  std::size_t from_upstream(std::string_view received, Turn& turn) override;
  /// Stalled: the client has to wait for the database's next request.
  Standing standing() const override;

  /// The terminated login for which provide() is wanted, or null. Asked after every turn.
  const TerminatedScram* wants_verifier() const { return scram_ && scram_->wants_verifier() ? &*scram_ : nullptr; }
  void provide(KnownVerifier known, Turn& turn);

  /// AuthenticationOk was relayed.
  bool authenticated() const { return state_ == State::authenticated; }
  /// The login failed: by the database's ErrorResponse, which was relayed, or by one of Weir's own.
  bool refused() const { return state_ != State::negotiating && state_ != State::authenticated; }
  /// Why, for the log: the words that the client got, and what it is not told. Empty where none were said.
  const std::string& reason() const { return reason_; }

 private:
  enum class State {
    negotiating,
    authenticated,
    refused,  ///< by the database
    closed,   ///< by Weir
    raw,      ///< the database sends an error in the format of protocol 2.0 (it could not fork): no frames, only text
  };
  enum class Awaited {
    nothing,       ///< the database has asked for nothing
    gss_token,     ///< perhaps a token, perhaps nothing: the last AuthenticationGSSContinue needs no answer
    sasl_initial,  ///< SASLInitialResponse
    any_answer,    ///< a password, a token or a SASLResponse
  };

  bool is_old_format_error(std::string_view received) const;
  void relay_upstream(std::string_view frame, Turn& turn);
  void relay_authentication(std::string_view frame, Turn& turn);
  void on_sasl_offer(std::string_view frame, Turn& turn);
  void relay_terminated(std::int32_t request, std::string_view frame, Turn& turn);
  void on_ok(std::string_view frame, Turn& turn);
  void offer_without_plus(std::string_view frame, Turn& turn);
  bool must_bind() const;
  void note_error(std::string_view frame);
  bool claims_channel_binding(std::string_view frame) const;
  void await_scram();
  std::size_t refuse(Turn& turn, std::string_view sqlstate, std::string_view message, std::string_view hint = {});
  std::size_t refuse(Turn& turn, const ErrorWords& words);

  LoginRules rules_;
  std::optional<TerminatedScram> scram_;  // while a login ends here
  State state_ = State::negotiating;
  Awaited awaited_ = Awaited::nothing;
  bool upstream_spoke_ = false;
  bool asked_ = false;  // the database wanted something
  bool plus_stripped_ = false;
  std::string reason_;
  bool client_malformed_ = false;
  std::size_t client_frame_size_ = 0;
  std::size_t upstream_frame_size_ = 0;
};

}  // namespace weir::wire
