#include "wire/authentication.h"

#include <gtest/gtest.h>

#include "tests/support/relay_script.h"
#include "tests/wire/bytes.h"
#include "wire/error_response.h"
#include "wire/frame.h"

namespace weir::wire {
namespace {

using testing::cstring;
using testing::error_response;
using testing::frame;
using testing::int32;
using testing::RelayScript;

std::string authentication(int request, std::string_view rest = {}) {
  return frame('R', int32(request) + std::string(rest));
}

std::string sasl_offer(std::initializer_list<std::string_view> mechanisms) {
  return authentication(10, testing::parameters(mechanisms));
}

std::string sasl_initial_response(std::string_view mechanism, std::string_view message) {
  return frame('p', cstring(mechanism) + int32(std::int64_t(message.size())) + std::string(message));
}

std::string fatal(std::string_view sqlstate, std::string_view message, std::string_view hint = {}) {
  std::string out;
  append_error(out, "FATAL", sqlstate, message, hint);
  return out;
}

const std::string kOk = authentication(0);
const std::string kPassword = frame('p', cstring("secret"));
const std::string kScram = "SCRAM-SHA-256";
const std::string kPlus = "SCRAM-SHA-256-PLUS";
const std::string kCheckAddress = "Check that the upstream address is that of a PostgreSQL server.";
/// What must stay for the next engine; no test expects it anywhere.
const std::string kAfterwards = frame('S', cstring("TimeZone") + cstring("UTC")) + frame('Z', "I");

RelayScript::MakeEngine phase(ChannelBinding channel_binding = ChannelBinding::relay) {
  return [channel_binding] { return std::make_unique<Authentication>(channel_binding); };
}

void expect_authenticated(Engine& engine, Turn&) {
  EXPECT_TRUE(dynamic_cast<Authentication&>(engine).authenticated());
  EXPECT_FALSE(dynamic_cast<Authentication&>(engine).refused());
}

void expect_refused(Engine& engine, Turn&) {
  EXPECT_FALSE(dynamic_cast<Authentication&>(engine).authenticated());
  EXPECT_TRUE(dynamic_cast<Authentication&>(engine).refused());
}

void expect_negotiating(Engine& engine, Turn&) {
  EXPECT_FALSE(dynamic_cast<Authentication&>(engine).authenticated());
  EXPECT_FALSE(dynamic_cast<Authentication&>(engine).refused());
}

TEST(Authentication, Trust) {
  RelayScript script;
  script.on("at first", expect_negotiating)
      .upstream_sends(kOk + kAfterwards)
      .expect_client(kOk)
      .on("then", expect_authenticated);
  for (const ChannelBinding mode : {ChannelBinding::relay, ChannelBinding::strip_plus})
    EXPECT_EQ(script.replay(phase(mode)), "");
}

TEST(Authentication, ConsumesNothingBehindAuthenticationOk) {
  const std::string notice = frame('N', "SNOTICE" + std::string(2, '\0'));
  const std::string received = notice + kOk + kAfterwards;
  Authentication engine(ChannelBinding::relay);
  Turn turn;
  EXPECT_EQ(engine.from_upstream(received, turn), notice.size() + kOk.size());
  EXPECT_EQ(turn.to_client.bytes(), notice + kOk);
  EXPECT_EQ(engine.from_upstream(kAfterwards, turn), 0u);
  EXPECT_EQ(engine.from_client(frame('S'), turn), 0u);
  EXPECT_FALSE(turn.close);
}

TEST(Authentication, PasswordsOfAllKinds) {
  for (const int request : {3, 5, 7, 9}) {
    const std::string asks = authentication(request, request == 5 ? "salt" : "");
    RelayScript script;
    script.upstream_sends(asks)
        .expect_client(asks)
        .expect_stalled(false)
        .client_sends(kPassword)
        .expect_upstream(kPassword)
        .expect_stalled()
        .upstream_sends(kOk)
        .expect_client(kOk)
        .on("then", expect_authenticated);
    for (const ChannelBinding mode : {ChannelBinding::relay, ChannelBinding::strip_plus})
      EXPECT_EQ(script.replay(phase(mode)), "") << request;
  }
}

TEST(Authentication, NoticesAndNegotiateProtocolVersionPass) {
  const std::string version = frame('v', int32(0x30002) + int32(1) + cstring("_pq_.test_protocol_negotiation"));
  const std::string notice = frame('N', "SNOTICE" + std::string(2, '\0'));
  RelayScript script;
  script.upstream_sends(version + notice + kOk + kAfterwards)
      .expect_client(version + notice + kOk)
      .on("then", expect_authenticated);
  EXPECT_EQ(script.replay(phase()), "");
}

/// A SCRAM login with this offer reaching the client and this client-first-message.
RelayScript scram(const std::string& offer, const std::string& offered, const std::string& initial) {
  const std::string server_first = authentication(11, "r=nonce,s=salt,i=4096");
  const std::string client_final = frame('p', "c=biws,r=nonce,p=proof");
  const std::string server_final = authentication(12, "v=signature");
  RelayScript script;
  script.upstream_sends(offer)
      .expect_client(offered)
      .client_sends(initial)
      .expect_upstream(initial)
      .upstream_sends(server_first)
      .expect_client(server_first)
      .client_sends(client_final)
      .expect_upstream(client_final)
      .upstream_sends(server_final + kOk + kAfterwards)
      .expect_client(server_final + kOk)
      .on("then", expect_authenticated);
  return script;
}

TEST(Authentication, ScramWithPlusIsRelayed) {
  const std::string offer = sasl_offer({kPlus, kScram});
  for (const std::string flag : {"p=tls-server-end-point", "n", "y"}) {
    const std::string initial = sasl_initial_response(flag[0] == 'p' ? kPlus : kScram, flag + ",,n=,r=nonce");
    EXPECT_EQ(scram(offer, offer, initial).replay(phase()), "") << flag;
  }
}

TEST(Authentication, PlusLeavesTheOffer) {
  const std::string offer = sasl_offer({kPlus, kScram});
  const std::string initial = sasl_initial_response(kScram, "n,,n=,r=nonce");
  EXPECT_EQ(scram(offer, sasl_offer({kScram}), initial).replay(phase(ChannelBinding::strip_plus)), "");
}

TEST(Authentication, OtherMechanismsStayInTheOffer) {
  const std::string offer = sasl_offer({"SCRAM-SHA-512-PLUS", "OAUTHBEARER", kPlus, kScram});
  const std::string initial = sasl_initial_response("OAUTHBEARER", "y,,auth=Bearer x");
  EXPECT_EQ(scram(offer, sasl_offer({"OAUTHBEARER", kScram}), initial).replay(phase(ChannelBinding::strip_plus)), "")
      << "and their messages are not SCRAM's";
}

TEST(Authentication, AnOfferWithoutPlusStaysAsItIs) {
  const std::string offer = sasl_offer({kScram});
  const std::string initial = sasl_initial_response(kScram, "y,,n=,r=nonce");
  EXPECT_EQ(scram(offer, offer, initial).replay(phase(ChannelBinding::strip_plus)), "")
      << "where the database has no channel binding 'y' is the truth";
}

TEST(Authentication, MalformedSaslAnswersAreTheDatabasesToJudge) {
  const std::string offer = sasl_offer({kPlus, kScram});
  for (const std::string& initial :
       {frame('p'), frame('p', "SCRAM-SHA-256"), frame('p', cstring(kScram) + "y"), frame('p', cstring(kScram))})
    EXPECT_EQ(scram(offer, sasl_offer({kScram}), initial).replay(phase(ChannelBinding::strip_plus)), "");
}

TEST(Authentication, OnlyTheFirstSaslAnswerHasAChannelBindingFlag) {
  const std::string again = sasl_initial_response(kScram, "y,,n=,r=nonce");
  RelayScript script;
  script.upstream_sends(sasl_offer({kPlus, kScram}))
      .expect_client(sasl_offer({kScram}))
      .client_sends(sasl_initial_response(kScram, "n,,n=,r=nonce"))
      .expect_upstream(sasl_initial_response(kScram, "n,,n=,r=nonce"))
      .upstream_sends(authentication(11, "r=nonce"))
      .expect_client(authentication(11, "r=nonce"))
      .client_sends(again)
      .expect_upstream(again);
  EXPECT_EQ(script.replay(phase(ChannelBinding::strip_plus)), "");
}

TEST(Authentication, NothingIsAskedBehindSaslFinal) {
  RelayScript script;
  script.upstream_sends(authentication(12, "v=signature"))
      .expect_client(authentication(12, "v=signature"))
      .expect_stalled()
      .client_sends(frame('Q', cstring("INSERT INTO t VALUES (1)")))
      .upstream_sends(kOk)
      .expect_client(kOk)
      .on("then", expect_authenticated);
  EXPECT_EQ(script.replay(phase()), "");
}

TEST(Authentication, AClientThatCouldHaveBoundTheChannelHearsOfTheWaysOut) {
  const std::string error =
      fatal("28000",
            "SCRAM channel binding cannot pass Weir: TLS ends here, and the client says that it supports channel "
            "binding",
            "Connect with channel_binding=disable, or let Weir present the database's own certificate to clients, or "
            "use TLS on only one side of Weir.");
  RelayScript script;
  script.upstream_sends(sasl_offer({kPlus, kScram}))
      .expect_client(sasl_offer({kScram}))
      .client_sends(sasl_initial_response(kScram, "y,,n=,r=nonce"))
      .expect_client(error)
      .expect_close();
  EXPECT_EQ(script.replay(phase(ChannelBinding::strip_plus)), "");
}

TEST(Authentication, AnOfferOfNothingButPlusIsRefused) {
  RelayScript script;
  script.upstream_sends(sasl_offer({kPlus}))
      .expect_client(fatal(
          "28000", "the database offers only SCRAM with channel binding, which cannot pass Weir because TLS ends here",
          "Let Weir present the database's own certificate to clients, or use no TLS between Weir and the database."))
      .expect_close();
  EXPECT_EQ(script.replay(phase(ChannelBinding::strip_plus)), "");
}

TEST(Authentication, AMalformedOfferIsRefusedWhereItMustBeRead) {
  const std::string good = testing::parameters({kPlus, kScram});
  for (std::size_t size = 0; size < good.size(); ++size) {
    RelayScript script;
    script.upstream_sends(authentication(10, good.substr(0, size)))
        .expect_client(fatal("08P01", "the database sent a malformed list of SASL mechanisms"))
        .expect_close();
    EXPECT_EQ(script.replay(phase(ChannelBinding::strip_plus)), "") << size;

    RelayScript relayed;
    relayed.upstream_sends(authentication(10, good.substr(0, size)))
        .expect_client(authentication(10, good.substr(0, size)));
    EXPECT_EQ(relayed.replay(phase()), "") << size;
  }
}

TEST(Authentication, GssTokensGoOnUntilOk) {
  const std::string asks = authentication(7);
  const std::string token = authentication(8, "token");
  RelayScript script;
  script.upstream_sends(asks)
      .expect_client(asks)
      .client_sends(kPassword)
      .expect_upstream(kPassword)
      .upstream_sends(token)
      .expect_client(token)
      .client_sends(kPassword)
      .expect_upstream(kPassword)
      .upstream_sends(token)
      .expect_client(token)
      .client_sends(frame('Q', cstring("SELECT 1")))  // stays for the next engine: the last token needs no answer
      .upstream_sends(kOk)
      .expect_client(kOk)
      .on("then", expect_authenticated);
  EXPECT_EQ(script.replay(phase()), "");
}

TEST(Authentication, WhatTheClientSendsAheadIsKept) {
  const std::string ahead = frame('Q', cstring("INSERT INTO t VALUES (1)"));
  RelayScript trust;
  trust.expect_stalled().client_sends(ahead).upstream_sends(kOk).expect_client(kOk).on("then", expect_authenticated);
  EXPECT_EQ(trust.replay(phase()), "");

  RelayScript password;
  password.client_sends(kPassword + ahead)
      .upstream_sends(authentication(3))
      .expect_client(authentication(3))
      .expect_upstream(kPassword)
      .upstream_sends(kOk)
      .expect_client(kOk)
      .on("then", expect_authenticated);
  EXPECT_EQ(password.replay(phase()), "");
}

TEST(Authentication, AWrongAnswerIsTheDatabasesToRefuse) {
  const std::string query = frame('Q', cstring("SELECT 1"));
  const std::string refusal = error_response("FATAL", "08P01", "expected password response, got message type 81");
  RelayScript script;
  script.upstream_sends(authentication(3))
      .expect_client(authentication(3))
      .client_sends(query)
      .expect_upstream(query)
      .upstream_sends(refusal)
      .expect_client(refusal)
      .on("then", expect_refused);
  EXPECT_EQ(script.replay(phase()), "");
}

TEST(Authentication, TheDatabasesRefusalIsRelayed) {
  const std::string refusal = error_response("FATAL", "28P01", "password authentication failed for user \"ann\"");
  const std::string notice = frame('N', "SNOTICE" + std::string(2, '\0'));
  RelayScript script;
  script.upstream_sends(authentication(5, "salt"))
      .expect_client(authentication(5, "salt"))
      .client_sends(kPassword)
      .expect_upstream(kPassword)
      .upstream_sends(refusal)
      .expect_client(refusal)
      .on("then", expect_refused)
      .upstream_sends(notice)
      .expect_client(notice)
      .upstream_closes();
  EXPECT_EQ(script.replay(phase()), "");
}

TEST(Authentication, AnErrorOfProtocol2IsRelayedAsItIs) {
  const std::string text = "Ecould not fork new process for connection: Cannot allocate memory\n";
  RelayScript script;
  script.upstream_sends(text + '\0').expect_client(text + '\0').on("then", expect_refused);
  EXPECT_EQ(script.replay(phase()), "");
}

TEST(Authentication, LeavesWrongLengthsOfTheClientToTheServer) {
  for (const std::int64_t length : {0L, 3L, 65'540L, 0x7fffffffL, -1L}) {
    RelayScript script;
    script.upstream_sends(authentication(3))
        .expect_client(authentication(3))
        .client_sends('p' + int32(length) + "body")
        .expect_upstream('p' + int32(length))
        .client_sends("never looked at")
        .upstream_closes();
    EXPECT_EQ(script.replay(phase()), "") << length;
  }
}

TEST(Authentication, ChecksLengthsOfTheDatabase) {
  for (const std::int64_t length : {0L, 3L, 65'540L, 0x7fffffffL, -1L}) {
    RelayScript script;
    script.upstream_sends('R' + int32(length) + "body")
        .expect_client(fatal("08P01", "the database sent an invalid message length in authentication", kCheckAddress))
        .expect_close();
    EXPECT_EQ(script.replay(phase()), "") << length;
  }
}

TEST(Authentication, ChecksTheLengthOfAnErrorThatIsNoText) {
  for (const std::int64_t length : {0L, 3L}) {
    RelayScript script;
    script.upstream_sends('E' + int32(length))
        .expect_client(fatal("08P01", "the database sent an invalid message length in authentication", kCheckAddress))
        .expect_close();
    EXPECT_EQ(script.replay(phase()), "") << length;
  }
}

TEST(Authentication, ChecksTheLengthOfAnErrorBehindAnotherMessage) {
  RelayScript script;
  script.upstream_sends(authentication(3))
      .expect_client(authentication(3))
      .upstream_sends('E' + int32(-1))
      .expect_client(fatal("08P01", "the database sent an invalid message length in authentication", kCheckAddress))
      .expect_close();
  EXPECT_EQ(script.replay(phase()), "");
}

TEST(Authentication, AnAuthenticationMessageHasARequest) {
  for (const char* body : {"", "\1", "\1\2\3"}) {
    RelayScript script;
    script.upstream_sends(frame('R', body))
        .expect_client(fatal("08P01", "the database sent a malformed authentication request", kCheckAddress))
        .expect_close();
    EXPECT_EQ(script.replay(phase()), "") << std::string_view(body).size();
  }
}

TEST(Authentication, TakesTheLargestToken) {
  const std::string asks = authentication(7);
  const std::string token = frame('p', std::string(kMaxAuthenticationFrame - kHeaderSize, 't'));
  Authentication engine(ChannelBinding::relay);
  Turn turn;
  engine.from_upstream(asks, turn);
  EXPECT_EQ(engine.from_client(token.substr(0, 1000), turn), 0u);
  EXPECT_EQ(engine.standing().client_frame_size, token.size());
  EXPECT_EQ(engine.from_client(token, turn), token.size());
  EXPECT_EQ(engine.standing().client_frame_size, 0u);
  EXPECT_EQ(engine.from_upstream(kOk.substr(0, 6), turn), 0u);
  EXPECT_EQ(engine.standing().upstream_frame_size, kOk.size());
  EXPECT_FALSE(turn.close);
}

TEST(Authentication, TakesNothingOnceItHasRefused) {
  Authentication engine(ChannelBinding::relay);
  Turn turn;
  engine.from_upstream('R' + int32(3), turn);
  ASSERT_TRUE(turn.close);
  EXPECT_TRUE(engine.refused());
  Turn later;
  EXPECT_EQ(engine.from_upstream(kOk, later), 0u);
  EXPECT_EQ(engine.from_client(kPassword, later), 0u);
  EXPECT_TRUE(later.to_client.empty());
  EXPECT_FALSE(engine.authenticated());
}

}  // namespace
}  // namespace weir::wire
