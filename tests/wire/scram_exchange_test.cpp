#include "wire/scram_exchange.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/wire/scram_password.h"
#include "wire/base64.h"

namespace weir::wire {
namespace {

const std::string kSalt = "W22ZaJ0SNY7soEsUEjb6gQ==";
const std::string kClientNonce = "rOprNGfwEbeRWgbNEkqO";
const std::string kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string kCertificate = "a hash of a certificate, 32 bytes";

ScramVerifier pencil() {
  return testing::verifier("pencil", *from_base64(kSalt));
}

/// RFC 7677, section 3, with the server in the middle of a login.
TEST(ScramServer, OfTheRfc) {
  ScramServer server({}, kServerNonce);
  EXPECT_EQ(server.read_first("SCRAM-SHA-256", "n,,n=user,r=" + kClientNonce), std::nullopt);
  EXPECT_EQ(server.first(kSalt, 4096), "r=" + kClientNonce + kServerNonce + ",s=" + kSalt + ",i=4096");
  EXPECT_EQ(
      server.read_final("c=biws,r=" + kClientNonce + kServerNonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
      std::nullopt);
  const Digest recovered = server.client_key(pencil().stored_key);
  EXPECT_EQ(recovered, testing::client_key("pencil", *from_base64(kSalt), 4096));
  EXPECT_EQ(sha256(bytes_of(recovered)), pencil().stored_key);
  EXPECT_EQ(server.last(pencil().server_key), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

/// The client's side of the same exchange; libpq and Weir send no user name, so the proof is another one.
TEST(ScramClient, ProvesAClientKey) {
  ScramClient client({}, 'n', kClientNonce);
  EXPECT_EQ(client.mechanism(), "SCRAM-SHA-256");
  EXPECT_EQ(client.first(), "n,,n=,r=" + kClientNonce);
  EXPECT_TRUE(client.read_first("r=" + kClientNonce + kServerNonce + ",s=" + kSalt + ",i=4096"));
  EXPECT_EQ(client.salt(), kSalt);
  EXPECT_EQ(client.iterations(), 4096u);
  const Digest key = testing::client_key("pencil", *from_base64(kSalt), 4096);
  // Made with Python's hmac and hashlib.
  EXPECT_EQ(client.last(key),
            "c=biws,r=" + kClientNonce + kServerNonce + ",p=qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k=");
  EXPECT_TRUE(client.signed_by(pencil().server_key, "v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="));
  EXPECT_FALSE(client.signed_by(pencil().server_key, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
  EXPECT_FALSE(client.signed_by(pencil().stored_key, "v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="));
}

TEST(ScramClient, AnotherNonceOrNoneOfTheServersIsRefused) {
  for (const std::string nonce : {"", "other", "rOprNGfwEbeRWgbNEkqO", "rOprNGfwEbeRWgbNEkq"}) {
    ScramClient client({}, 'n', kClientNonce);
    EXPECT_FALSE(client.read_first("r=" + nonce + ",s=" + kSalt + ",i=4096")) << nonce;
  }
}

TEST(ScramClient, SaysWhyItDoesNotBind) {
  EXPECT_EQ(ScramClient({}, 'y', "a").first(), "y,,n=,r=a");
  EXPECT_EQ(ScramClient({}, 'n', "a").first(), "n,,n=,r=a");
  EXPECT_EQ(ScramClient(kCertificate, 'n', "a").first(), "p=tls-server-end-point,,n=,r=a");
  EXPECT_EQ(ScramClient(kCertificate, 'n', "a").mechanism(), "SCRAM-SHA-256-PLUS");
}

/// Both sides of a login with one another: what the client has, what it is shown, what the server shows.
struct Login {
  Digest key;
  std::string client_sees;
  std::string server_shows;
};

std::optional<ErrorWords> exchange(const Login& login, ScramServer& server, ScramClient& client) {
  if (auto error = server.read_first(client.mechanism(), client.first())) return error;
  EXPECT_TRUE(client.read_first(server.first(kSalt, 4096)));
  return server.read_final(client.last(login.key));
}

TEST(ScramExchange, BindsToTheCertificate) {
  const Digest key = testing::client_key("pencil", *from_base64(kSalt), 4096);
  ScramServer server(kCertificate, make_scram_nonce());
  ScramClient client(kCertificate, 'n', make_scram_nonce());
  EXPECT_EQ(exchange({key, kCertificate, kCertificate}, server, client), std::nullopt);
  EXPECT_EQ(server.flag(), 'p');
  EXPECT_EQ(server.client_key(pencil().stored_key), key);
  EXPECT_TRUE(client.signed_by(pencil().server_key, server.last(pencil().server_key)));

  ScramServer other("another certificate", make_scram_nonce());
  ScramClient again(kCertificate, 'n', make_scram_nonce());
  const auto error = exchange({key, kCertificate, "another certificate"}, other, again);
  ASSERT_TRUE(error);
  EXPECT_EQ(*error, (ErrorWords{"28000", "SCRAM channel binding check failed", {}, {}}));
}

TEST(ScramExchange, AWrongPasswordGivesAKeyThatIsNone) {
  const Digest key = testing::client_key("pen", *from_base64(kSalt), 4096);
  ScramServer server({}, make_scram_nonce());
  ScramClient client({}, 'n', make_scram_nonce());
  EXPECT_EQ(exchange({key, {}, {}}, server, client), std::nullopt);
  EXPECT_NE(sha256(bytes_of(server.client_key(pencil().stored_key))), pencil().stored_key);
}

/// ClientKey of one exchange logs in to another one, with another salt's owner refused: the whole of the termination.
TEST(ScramExchange, ARecoveredKeyProvesAnotherExchange) {
  const Digest key = testing::client_key("pencil", *from_base64(kSalt), 4096);
  ScramServer weir(kCertificate, make_scram_nonce());
  ScramClient application(kCertificate, 'n', make_scram_nonce());
  ASSERT_EQ(exchange({key, {}, {}}, weir, application), std::nullopt);
  ScramServer database("the database's certificate", make_scram_nonce());
  ScramClient upstream("the database's certificate", 'n', make_scram_nonce());
  ASSERT_EQ(exchange({weir.client_key(pencil().stored_key), {}, {}}, database, upstream), std::nullopt);
  EXPECT_EQ(database.client_key(pencil().stored_key), key);
  EXPECT_TRUE(upstream.signed_by(pencil().server_key, database.last(pencil().server_key)));
}

TEST(ScramServer, MechanismsThatWereNotOfferedAreRefused) {
  const ErrorWords words{"08P01", "client selected an invalid SASL authentication mechanism", {}, {}};
  EXPECT_EQ(ScramServer({}, "s").read_first("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=a"), words);
  EXPECT_EQ(ScramServer(kCertificate, "s").read_first("SCRAM-SHA-1", "n,,n=,r=a"), words);
  EXPECT_EQ(ScramServer(kCertificate, "s").read_first("", "n,,n=,r=a"), words);
}

/// Whoever takes -PLUS out of an offer on its way makes a client say 'y'.
TEST(ScramServer, AClientThatWasOfferedNoBindingIsRefusedWhereThereIsOne) {
  const auto error = ScramServer(kCertificate, "s").read_first("SCRAM-SHA-256", "y,,n=,r=a");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->sqlstate, "28000");
  EXPECT_EQ(error->message, "SCRAM channel binding negotiation error");
  EXPECT_EQ(ScramServer({}, "s").read_first("SCRAM-SHA-256", "y,,n=,r=a"), std::nullopt);
}

TEST(ScramServer, TheLastMessageMustBeThatOfTheExchange) {
  const std::string proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  const ErrorWords binding{"08P01", "unexpected SCRAM channel-binding attribute in client-final-message", {}, {}};
  const ErrorWords nonce{"08P01", "invalid SCRAM response", "Nonce does not match.", {}};
  const std::tuple<std::string, std::string, std::optional<ErrorWords>> cases[] = {
      {"n", "c=biws,r=as", std::nullopt}, {"y", "c=eSws,r=as", std::nullopt}, {"n", "c=eSws,r=as", binding},
      {"y", "c=biws,r=as", binding},      {"n", "c=,r=as", binding},          {"n", "c=biws,r=a", nonce},
      {"n", "c=biws,r=asx", nonce},       {"n", "c=biws,r=sa", nonce}};
  for (const auto& [flag, message, words] : cases) {
    ScramServer server({}, "s");
    ASSERT_EQ(server.read_first("SCRAM-SHA-256", flag + ",,n=,r=a"), std::nullopt);
    server.first("c2FsdA==", 1);
    EXPECT_EQ(server.read_final(message + proof), words) << flag << " " << message;
  }
}

TEST(ScramNonce, IsNeverTheSame) {
  std::set<std::string> nonces;
  for (int i = 0; i < 100; ++i) nonces.insert(make_scram_nonce());
  EXPECT_EQ(nonces.size(), 100u);
  for (const std::string& nonce : nonces) EXPECT_EQ(nonce.size(), 24u);
}

}  // namespace
}  // namespace weir::wire
