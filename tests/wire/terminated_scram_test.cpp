#include "wire/terminated_scram.h"

#include <gtest/gtest.h>

#include "tests/support/relay_script.h"
#include "tests/wire/bytes.h"
#include "tests/wire/scram_password.h"
#include "wire/authentication.h"
#include "wire/base64.h"
#include "wire/frame.h"

namespace weir::wire {
namespace {

using testing::cstring;
using testing::error_response;
using testing::frame;
using testing::int32;
using testing::RelayScript;

const std::string kSalt = "W22ZaJ0SNY7soEsUEjb6gQ==";
const std::string kWeirsCertificate = "the hash of Weir's certificate";
const std::string kDatabasesCertificate = "the hash of the database's";
const std::string kOk = frame('R', int32(0));
const std::string kScram = "SCRAM-SHA-256";
const std::string kPlus = "SCRAM-SHA-256-PLUS";
const std::string kRefusal = error_response("FATAL", "28P01", "password authentication failed for user \"ann\"");

std::string authentication(int request, std::string_view rest = {}) {
  return frame('R', int32(request) + std::string(rest));
}

std::string offer(std::initializer_list<std::string_view> mechanisms) {
  return authentication(10, testing::parameters(mechanisms));
}

std::string initial(std::string_view mechanism, std::string_view message) {
  return frame('p', cstring(mechanism) + int32(std::int64_t(message.size())) + std::string(message));
}

std::string fatal(const ErrorWords& words) {
  std::string out;
  append_error(out, "FATAL", words);
  return out;
}

ScramVerifier verifier(std::string_view password) {
  return testing::verifier(password, *from_base64(kSalt));
}

LoginRules rules(bool client_tls = true, bool upstream_tls = true) {
  LoginRules rules;
  rules.channel_binding = upstream_tls ? ChannelBinding::strip_plus : ChannelBinding::relay;
  rules.termination = ScramTermination{.always = false,
                                       .client_end_point = client_tls ? kWeirsCertificate : "",
                                       .upstream_end_point = upstream_tls ? kDatabasesCertificate : "",
                                       .upstream_binding = ScramTermination::Binding::prefer,
                                       .server_nonce = "weir",
                                       .client_nonce = "toDatabase"};
  return rules;
}

RelayScript::MakeEngine phase(const LoginRules& rules) {
  return [rules] { return std::make_unique<Authentication>(rules); };
}

RelayScript::Action provide(const KnownVerifier& known) {
  return [known](Engine& engine, Turn& turn) {
    auto& phase = dynamic_cast<Authentication&>(engine);
    ASSERT_NE(phase.wants_verifier(), nullptr);
    EXPECT_EQ(phase.wants_verifier()->salt(), *from_base64(kSalt));
    EXPECT_EQ(phase.wants_verifier()->iterations(), 4096u);
    phase.provide(known, turn);
    EXPECT_EQ(phase.wants_verifier(), nullptr);
  };
}

KnownVerifier found(std::string_view password) {
  return {KnownVerifier::Kind::found, verifier(password), {}};
}

void expect_authenticated(Engine& engine, Turn&) {
  EXPECT_TRUE(dynamic_cast<Authentication&>(engine).authenticated());
}

RelayScript::Action expect_reason(const std::string& reason) {
  return [reason](Engine& engine, Turn&) {
    EXPECT_TRUE(dynamic_cast<Authentication&>(engine).refused());
    EXPECT_EQ(dynamic_cast<Authentication&>(engine).reason(), reason);
  };
}

/// The messages of one login: those of an application with this password, and those of the database. Both are played
/// by the exchange's other sides, whose words have tests of their own.
struct Login {
  Login(const std::string& password, bool client_tls, bool upstream_tls)
      : application(client_tls ? kWeirsCertificate : "", 'n', "ofClient"),
        database(upstream_tls ? kDatabasesCertificate : "", "Database"),
        upstream(upstream_tls ? kDatabasesCertificate : "", 'n', "toDatabase") {
    const auto key = [](const std::string& text) { return testing::client_key(text, *from_base64(kSalt), 4096); };
    ScramServer weir(client_tls ? kWeirsCertificate : "", "weir");
    client_first = initial(application.mechanism(), application.first());
    EXPECT_EQ(weir.read_first(application.mechanism(), application.first()), std::nullopt);
    const std::string& shown = weir.first(kSalt, 4096);
    server_first = authentication(11, shown);
    EXPECT_TRUE(application.read_first(shown));
    const std::string last = application.last(key(password));
    client_final = frame('p', last);
    EXPECT_EQ(weir.read_final(last), std::nullopt);
    server_final = authentication(12, weir.last(verifier("secret").server_key));

    upstream_client_first = initial(upstream.mechanism(), upstream.first());
    EXPECT_EQ(database.read_first(upstream.mechanism(), upstream.first()), std::nullopt);
    const std::string& answer = database.first(kSalt, 4096);
    upstream_server_first = authentication(11, answer);
    EXPECT_TRUE(upstream.read_first(answer));
    const std::string proof = upstream.last(weir.client_key(verifier("secret").stored_key));
    upstream_client_final = frame('p', proof);
    EXPECT_EQ(database.read_final(proof), std::nullopt);
    upstream_server_final = authentication(12, database.last(verifier("secret").server_key));
  }

  ScramClient application;
  ScramServer database;
  ScramClient upstream;
  std::string client_first, server_first, client_final, server_final;
  std::string upstream_client_first, upstream_server_first, upstream_client_final, upstream_server_final;
};

std::string offer_of(bool plus) {
  return plus ? offer({kPlus, kScram}) : offer({kScram});
}

/// Up to the client's proof, the verifier not being there yet.
RelayScript up_to_the_proof(const Login& login, bool client_tls, bool upstream_tls) {
  RelayScript script;
  script.upstream_sends(offer_of(upstream_tls))
      .expect_client(offer_of(client_tls))
      .client_sends(login.client_first)
      .expect_upstream(login.upstream_client_first)
      .expect_stalled()
      .upstream_sends(login.upstream_server_first)
      .expect_client(login.server_first)
      .expect_stalled(false)
      .client_sends(login.client_final)
      .expect_stalled();
  return script;
}

RelayScript whole(const Login& login, bool client_tls, bool upstream_tls) {
  RelayScript script = up_to_the_proof(login, client_tls, upstream_tls);
  script.on("the verifier", provide(found("secret")))
      .expect_upstream(login.upstream_client_final)
      .upstream_sends(login.upstream_server_final)
      .upstream_sends(kOk + frame('Z', "I"))
      .expect_client(login.server_final + kOk)
      .on("then", expect_authenticated);
  return script;
}

TEST(TerminatedScram, BindsOnBothSides) {
  const Login login("secret", true, true);
  EXPECT_EQ(whole(login, true, true).replay(phase(rules())), "");
}

TEST(TerminatedScram, BindsOnTheSideThatHasTls) {
  for (const bool client_tls : {true, false}) {
    LoginRules one = rules(client_tls, !client_tls);
    one.termination->always = true;
    EXPECT_EQ(whole(Login("secret", client_tls, !client_tls), client_tls, !client_tls).replay(phase(one)), "");
  }
}

TEST(TerminatedScram, AVerifierThatComesBeforeTheProofIsKept) {
  const Login login("secret", true, true);
  RelayScript script;
  script.upstream_sends(offer_of(true))
      .expect_client(offer_of(true))
      .client_sends(login.client_first)
      .expect_upstream(login.upstream_client_first)
      .upstream_sends(login.upstream_server_first)
      .expect_client(login.server_first)
      .on("the verifier", provide(found("secret")))
      .client_sends(login.client_final)
      .expect_upstream(login.upstream_client_final)
      .upstream_sends(login.upstream_server_final + kOk)
      .expect_client(login.server_final + kOk);
  EXPECT_EQ(script.replay(phase(rules())), "");
}

/// What the client has proved, and no more, goes to the database, and what the database says goes to the client.
TEST(TerminatedScram, AWrongPasswordIsTheDatabasesToRefuse) {
  const Login login("wrong", true, true);
  RelayScript script = up_to_the_proof(login, true, true);
  script.on("the verifier", provide(found("secret")))
      .expect_upstream(login.upstream_client_final)
      .upstream_sends(kRefusal)
      .expect_client(kRefusal)
      .on("then", expect_reason("password authentication failed for user \"ann\" (28P01): the password is wrong"));
  EXPECT_EQ(script.replay(phase(rules())), "");
}

/// The same messages, and the same of everything.
TEST(TerminatedScram, AnUnknownUserIsTheDatabasesToRefuse) {
  Login login("secret", true, true);
  ScramServer weir(kWeirsCertificate, "weir");
  ASSERT_EQ(weir.read_first(kPlus, login.application.first()), std::nullopt);
  weir.first(kSalt, 4096);
  ASSERT_EQ(weir.read_final(login.client_final.substr(kHeaderSize)), std::nullopt);
  const std::string proof = frame('p', login.upstream.last(weir.client_key({})));
  RelayScript script = up_to_the_proof(login, true, true);
  script.on("the verifier", provide({KnownVerifier::Kind::none, {}, "nobody knows the user"}))
      .expect_upstream(proof)
      .upstream_sends(kRefusal)
      .expect_client(kRefusal)
      .on("then", expect_reason("password authentication failed for user \"ann\" (28P01): nobody knows the user"));
  EXPECT_EQ(script.replay(phase(rules())), "");
}

TEST(TerminatedScram, WhereNobodyCanBeAskedTheClientMayComeAgain) {
  const ErrorWords words{"57P03", "the password cannot be verified at the moment", {}, "Weir's log says why."};
  const Login login("secret", true, true);
  RelayScript script = up_to_the_proof(login, true, true);
  script.on("the verifier", provide({KnownVerifier::Kind::unavailable, {}, "no answer"}))
      .expect_client(fatal(words))
      .expect_close()
      .on("then", expect_reason("the password cannot be verified at the moment (57P03): no answer"));
  EXPECT_EQ(script.replay(phase(rules())), "");
}

ErrorWords not_proved() {
  return {"08P01",
          "the database does not prove that it knows the password",
          {},
          "Check that the upstream address is that of a PostgreSQL server."};
}

/// Whoever stands in the database's place and knows no verifier cannot sign.
TEST(TerminatedScram, ADatabaseThatDoesNotSignIsRefused) {
  const Login login("secret", true, true);
  for (const std::string& answer :
       {authentication(12, "v=" + to_base64(std::string(32, 'x'))), authentication(12, ""), kOk}) {
    RelayScript script = up_to_the_proof(login, true, true);
    script.on("the verifier", provide(found("secret")))
        .expect_upstream(login.upstream_client_final)
        .upstream_sends(answer)
        .expect_client(fatal(not_proved()))
        .expect_close();
    EXPECT_EQ(script.replay(phase(rules())), "");
  }
}

TEST(TerminatedScram, ADatabaseThatLetsAWrongPasswordInIsRefused) {
  const Login login("wrong", true, true);
  RelayScript script = up_to_the_proof(login, true, true);
  script.on("the verifier", provide(found("secret")))
      .expect_upstream(login.upstream_client_final)
      .upstream_sends(login.upstream_server_final + kOk)
      .expect_client(fatal(not_proved()))
      .expect_close();
  EXPECT_EQ(script.replay(phase(rules())), "");
}

/// Npgsql names the user "*", binds where it is offered -PLUS, and says 'y' everywhere else, without TLS too: where
/// only the database has TLS, that could not be relayed.
TEST(TerminatedScram, NpgsqlsFirstMessages) {
  RelayScript bound;
  bound.upstream_sends(offer_of(true))
      .expect_client(offer_of(true))
      .client_sends(initial(kPlus, "p=tls-server-end-point,,n=*,r=2Nq8bRDhAk0iN9UyUiwrYbEN"))
      .expect_upstream(initial(kPlus, "p=tls-server-end-point,,n=,r=toDatabase"))
      .upstream_sends(authentication(11, "r=toDatabaseAndMore,s=" + kSalt + ",i=4096"))
      .expect_client(authentication(11, "r=2Nq8bRDhAk0iN9UyUiwrYbENweir,s=" + kSalt + ",i=4096"));
  EXPECT_EQ(bound.replay(phase(rules())), "");
  RelayScript without_tls;
  without_tls.upstream_sends(offer_of(true))
      .expect_client(offer_of(false))
      .client_sends(initial(kScram, "y,,n=*,r=2Nq8bRDhAk0iN9UyUiwrYbEN"))
      .expect_upstream(initial(kPlus, "p=tls-server-end-point,,n=,r=toDatabase"));
  EXPECT_EQ(without_tls.replay(phase(rules(false))), "");
}

TEST(TerminatedScram, AClientThatBindsToNothingIsRelayed) {
  const std::string first = initial(kScram, "n,,n=,r=ofClient");
  const std::string challenge = authentication(11, "r=ofClientAndServer,s=salt,i=4096");
  const std::string last = frame('p', "c=biws,r=ofClientAndServer,p=proof");
  RelayScript script;
  script.upstream_sends(offer_of(true))
      .expect_client(offer_of(true))
      .client_sends(first)
      .expect_upstream(first)
      .upstream_sends(challenge)
      .expect_client(challenge)
      .client_sends(last)
      .expect_upstream(last)
      .upstream_sends(authentication(12, "v=signature") + kOk)
      .expect_client(authentication(12, "v=signature") + kOk)
      .on("then", expect_authenticated);
  EXPECT_EQ(script.replay(phase(rules())), "");
}

/// As an SASLInitialResponse without a message, which RFC 4422 allows.
TEST(TerminatedScram, AFirstMessageMayComeLater) {
  const Login login("secret", true, true);
  RelayScript script;
  script.upstream_sends(offer_of(true))
      .expect_client(offer_of(true))
      .client_sends(frame('p', cstring(kPlus) + int32(-1)))
      .expect_client(authentication(11))
      .client_sends(frame('p', login.application.first()))
      .expect_upstream(login.upstream_client_first);
  EXPECT_EQ(script.replay(phase(rules())), "");
  RelayScript relayed;
  relayed.upstream_sends(offer_of(true))
      .expect_client(offer_of(true))
      .client_sends(frame('p', cstring(kScram) + int32(-1)))
      .expect_client(authentication(11))
      .client_sends(frame('p', "n,,n=,r=ofClient"))
      .expect_upstream(initial(kScram, "n,,n=,r=ofClient"));
  EXPECT_EQ(relayed.replay(phase(rules())), "");
}

TEST(TerminatedScram, WhatIsNoAnswerIsToldTheServersWords) {
  const auto violation = [](const std::string& message) { return ErrorWords{"08P01", message, {}, {}}; };
  const std::pair<std::string, ErrorWords> wrong[] = {
      {frame('Q', cstring("SELECT 1")), violation("expected SASL response, got message type 81")},
      {frame('p', "SCRAM"), violation("insufficient data left in message")},
      {frame('p', cstring(kPlus) + int32(-2)), violation("insufficient data left in message")},
      {frame('p', cstring(kPlus) + int32(5) + "n,,"), violation("insufficient data left in message")},
      {frame('p', cstring(kPlus) + int32(1) + "n,,"), violation("invalid message format")},
      {initial("SCRAM-SHA-1", "n,,n=,r=a"), violation("client selected an invalid SASL authentication mechanism")},
      {initial(kScram, "y,,n=,r=a"),
       {"28000",
        "SCRAM channel binding negotiation error",
        "The client supports SCRAM channel binding but thinks the server does not.  However, this server does support "
        "channel binding.",
        {}}}};
  for (const auto& [sent, words] : wrong) {
    RelayScript script;
    script.upstream_sends(offer_of(true))
        .expect_client(offer_of(true))
        .client_sends(sent)
        .expect_client(fatal(words))
        .expect_close();
    EXPECT_EQ(script.replay(phase(rules())), "") << words.message;
  }
}

TEST(TerminatedScram, ABindingToAnotherCertificateIsRefused) {
  Login login("secret", true, true);
  ScramClient cheated("another certificate", 'n', "ofClient");
  ASSERT_TRUE(cheated.read_first("r=ofClientweir,s=" + kSalt + ",i=4096"));
  const std::string last = cheated.last(testing::client_key("secret", *from_base64(kSalt), 4096));
  RelayScript script;
  script.upstream_sends(offer_of(true))
      .expect_client(offer_of(true))
      .client_sends(login.client_first)
      .expect_upstream(login.upstream_client_first)
      .upstream_sends(login.upstream_server_first)
      .expect_client(login.server_first)
      .client_sends(frame('p', last))
      .expect_client(fatal({"28000", "SCRAM channel binding check failed", {}, {}}))
      .expect_close();
  EXPECT_EQ(script.replay(phase(rules())), "");
}

/// The database's offer, libpq's channel_binding, and what Weir says to the database.
TEST(TerminatedScram, TowardsTheDatabaseItBindsAsLibpqDoes) {
  using Binding = ScramTermination::Binding;
  const std::tuple<Binding, bool, std::string> cases[] = {
      {Binding::prefer, true, initial(kPlus, "p=tls-server-end-point,,n=,r=toDatabase")},
      {Binding::prefer, false, initial(kScram, "y,,n=,r=toDatabase")},
      {Binding::require, true, initial(kPlus, "p=tls-server-end-point,,n=,r=toDatabase")},
      {Binding::disable, true, initial(kScram, "n,,n=,r=toDatabase")}};
  const Login login("secret", true, true);
  for (const auto& [binding, plus, first] : cases) {
    LoginRules one = rules();
    one.termination->upstream_binding = binding;
    RelayScript script;
    script.upstream_sends(offer_of(plus))
        .expect_client(offer_of(true))
        .client_sends(login.client_first)
        .expect_upstream(first);
    EXPECT_EQ(script.replay(phase(one)), "") << first;
  }
  LoginRules required = rules();
  required.termination->upstream_binding = Binding::require;
  RelayScript script;
  script.upstream_sends(offer_of(false))
      .expect_client(fatal({"28000",
                            "channel binding is required towards the database, which offers none",
                            {},
                            "upstream says channel_binding=require: that needs TLS and SCRAM-SHA-256-PLUS."}))
      .expect_close();
  EXPECT_EQ(script.replay(phase(required)), "");
}

TEST(TerminatedScram, OtherMethodsAreRelayed) {
  for (const std::string& asks : {authentication(3), authentication(5, "salt"), authentication(7)}) {
    RelayScript script;
    script.upstream_sends(asks)
        .expect_client(asks)
        .client_sends(frame('p', cstring("secret")))
        .expect_upstream(frame('p', cstring("secret")))
        .upstream_sends(kOk)
        .expect_client(kOk)
        .on("then", expect_authenticated);
    EXPECT_EQ(script.replay(phase(rules())), "");
  }
  RelayScript oauth;
  oauth.upstream_sends(offer({"OAUTHBEARER"}))
      .expect_client(offer({"OAUTHBEARER"}))
      .client_sends(initial("OAUTHBEARER", "n,,"))
      .expect_upstream(initial("OAUTHBEARER", "n,,"));
  EXPECT_EQ(oauth.replay(phase(rules())), "");
}

/// Else whoever stands between Weir and the database would ask for the password in clear text, or for nothing.
TEST(TerminatedScram, WhereItMustBindNoOtherMethodIsRelayed) {
  LoginRules required = rules();
  required.termination->always = true;
  required.termination->upstream_binding = ScramTermination::Binding::require;
  for (const std::string& asks : {authentication(3), authentication(5, "salt"), authentication(7), authentication(8),
                                  authentication(11, "r=x"), authentication(12, "v=x"), offer({"OAUTHBEARER"}), kOk}) {
    RelayScript script;
    script.upstream_sends(asks).expect_client(fatal(no_channel_binding())).expect_close();
    EXPECT_EQ(script.replay(phase(required)), "");
  }
}

TEST(TerminatedScram, ADatabaseThatChangesTheMethodIsRefused) {
  const Login login("secret", true, true);
  RelayScript script;
  script.upstream_sends(offer_of(true))
      .expect_client(offer_of(true))
      .client_sends(login.client_first)
      .expect_upstream(login.upstream_client_first)
      .upstream_sends(authentication(3))
      .expect_client(fatal({"08P01", "the database asks for another method within a SCRAM login", {}, {}}))
      .expect_close();
  EXPECT_EQ(script.replay(phase(rules())), "");
}

TEST(LoginRules, WhatTheDatabaseLetsInUnaskedMayBeWeirsCertificate) {
  LoginRules one;
  one.refuse_unasked = true;
  RelayScript script;
  script.upstream_sends(kOk)
      .expect_client(fatal({"28000",
                            "the database has asked for nothing, and may have let in Weir's own certificate",
                            {},
                            "Let pg_hba.conf ask for a password beside the certificate, or Weir for the client's "
                            "(tls.client_cert: verify-full)."}))
      .expect_close();
  EXPECT_EQ(script.replay(phase(one)), "");
  RelayScript asked;
  asked.upstream_sends(authentication(3))
      .expect_client(authentication(3))
      .client_sends(frame('p', cstring("secret")))
      .expect_upstream(frame('p', cstring("secret")))
      .upstream_sends(kOk)
      .expect_client(kOk)
      .on("then", expect_authenticated);
  EXPECT_EQ(asked.replay(phase(one)), "");
}

}  // namespace
}  // namespace weir::wire
