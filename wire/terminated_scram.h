// A SCRAM login that ends at Weir and goes on to the database: the server's side towards the client, the client's side
// towards the database, and between them the ClientKey that the one exchange yields and the other one needs. Sans-I/O;
// part of Authentication, which reads the frames.
//
// Salt and iterations that the client is shown are those that the database shows Weir for this user, so an unknown user
// sees what the database makes up, and the client's answer is never judged here alone: whatever key comes out of its
// proof, right or wrong, is proved to the database, which lets it in or refuses it in its own words, in its own time,
// and under its own rules (VALID UNTIL, connection limits, auth_delay). A client is told of success only after the
// database has signed with the verifier's ServerKey, and after its AuthenticationOk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/engine.h"
#include "wire/scram_exchange.h"

namespace weir::wire {

/// When and how SCRAM ends at Weir, for one login.
struct ScramTermination {
  enum class Binding { disable, prefer, require };

  bool always = false;             ///< else a client that says 'n' is relayed: it binds to nothing
  std::string client_end_point;    ///< hash of the certificate that the client was shown; empty: without TLS
  std::string upstream_end_point;  ///< the same of the database's
  Binding upstream_binding = Binding::prefer;  ///< libpq's channel_binding
  /// Of this login, from make_scram_nonce(): towards the client, and towards the database.
  std::string server_nonce;
  std::string client_nonce;
};

/// The refusal of whatever else a database wants where upstream_binding is `require`.
ErrorWords no_channel_binding();

/// What is known of a user's password, for the salt that the database shows.
struct KnownVerifier {
  enum class Kind {
    found,
    none,         ///< no such user, or the verifier is of another salt: an expired password, for example
    unavailable,  ///< nobody could be asked
  };
  Kind kind = Kind::none;
  ScramVerifier verifier;  ///< where found
  std::string why;         ///< for the log, where not
};

class TerminatedScram {
 public:
  using Refused = std::optional<ErrorWords>;

  explicit TerminatedScram(ScramTermination how);

  /// The database's list of mechanisms, as it stands in AuthenticationSASL. False: none of them is SCRAM-SHA-256, which
  /// is not for this class; else the client's offer is in the turn, or the refusal in `refused`.
  bool offer(std::string_view mechanisms, Turn& turn, Refused& refused);
  /// A whole frame of the client's.
  Refused from_client(std::string_view frame, Turn& turn);
  /// AuthenticationSASLContinue, its data.
  Refused on_continue(std::string_view data, Turn& turn);
  /// AuthenticationSASLFinal, its data.
  Refused on_final(std::string_view data);
  /// AuthenticationOk.
  Refused on_ok(Turn& turn);

  /// The client binds to nothing, and its first message is in the turn as it came: the rest may be relayed.
  bool relays() const { return step_ == Step::relayed; }
  bool awaits_client() const { return step_ == Step::offered || step_ == Step::asked || step_ == Step::challenged; }
  /// provide() is wanted, with a verifier of this salt and so many iterations.
  bool wants_verifier() const { return wants_verifier_; }
  const std::string& salt() const { return salt_; }
  std::uint32_t iterations() const { return client_.iterations(); }
  Refused provide(KnownVerifier known, Turn& turn);

  /// What came of the client's proof, for the log.
  const std::string& remark() const { return remark_; }

 private:
  enum class Step {
    offered,     ///< the client's SASLInitialResponse is next
    asked,       ///< it held no message, which comes next
    began,       ///< the database's server-first-message is next
    challenged,  ///< the client's client-final-message is next
    answered,    ///< it is here and waits for the verifier
    proved,      ///< the database's server-final-message is next
    signed_off,  ///< AuthenticationOk is next
    relayed,
  };

  Refused choose_client(bool offers_plus);
  Refused on_initial_response(std::string_view body, std::string_view frame, Turn& turn);
  Refused on_client_first(std::string_view message, std::string_view frame, Turn& turn);
  Refused prove(Turn& turn);

  ScramTermination how_;
  ScramServer server_;
  ScramClient client_;
  Step step_ = Step::offered;
  std::string mechanism_;  // the client's choice
  std::string salt_;
  bool wants_verifier_ = false;
  std::optional<KnownVerifier> known_;
  bool valid_ = false;  // the client's key is the verifier's
  std::string remark_;
};

}  // namespace weir::wire
