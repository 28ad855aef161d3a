#include "wire/scram.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/wire/scram_password.h"
#include "wire/base64.h"

namespace weir::wire {
namespace {

/// RFC 7677, section 3.
const std::string kClientNonce = "rOprNGfwEbeRWgbNEkqO";
const std::string kNonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string kProof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

ErrorWords malformed(const std::string& detail) {
  return {"08P01", "malformed SCRAM message", detail, {}};
}

/// Made by PostgreSQL 15 of the password "secret".
const std::string kVerifier =
    "SCRAM-SHA-256$4096:IqshoXepRYKS9lT4tg6ROw==$a9bAcQp0diyFZviumcIU3Z3jHH4tKXld3ZBSp3+6tC4=:"
    "PgnxPk8Kx5kl0xKLo6Kjl314zne/ais1yd/w9Aj3xq8=";

TEST(ScramVerifier, IsReadAndWrittenAsPostgresqlKeepsIt) {
  const auto read = read_scram_verifier(kVerifier);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->iterations, 4096u);
  EXPECT_EQ(read->salt.size(), 16u);
  EXPECT_EQ(*read, testing::verifier("secret", read->salt));
  EXPECT_EQ(to_text(*read), kVerifier);
  for (const std::size_t size : {0u, 1u, 16u, 33u, 1000u}) {
    const ScramVerifier other = testing::verifier("pencil", std::string(size, 's'), 7);
    EXPECT_EQ(read_scram_verifier(to_text(other)), other) << size;
  }
}

TEST(ScramVerifier, WhatIsNoneIsRefused) {
  const std::string keys = kVerifier.substr(kVerifier.rfind('$'));
  const std::vector<std::string> wrong = {"",
                                          "md5a1b2c3d4e5f60718293a4b5c6d7e8f90",
                                          "secret",
                                          "SCRAM-SHA-256",
                                          "SCRAM-SHA-256$4096",
                                          "SCRAM-SHA-256$4096:c2FsdA==",
                                          "SCRAM-SHA-512$4096:c2FsdA==" + keys,
                                          "SCRAM-SHA-256$0:c2FsdA==" + keys,
                                          "SCRAM-SHA-256$-1:c2FsdA==" + keys,
                                          "SCRAM-SHA-256$ 1:c2FsdA==" + keys,
                                          "SCRAM-SHA-256$2147483648:c2FsdA==" + keys,
                                          "SCRAM-SHA-256$99999999999999999999:c2FsdA==" + keys,
                                          "SCRAM-SHA-256$4096:c2FsdA" + keys,
                                          "SCRAM-SHA-256$4096:c2FsdA==" + keys + "=",
                                          "SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:c2FsdA==",
                                          kVerifier.substr(0, kVerifier.size() - 1),
                                          kVerifier + ":"};
  for (const std::string& text : wrong) EXPECT_FALSE(read_scram_verifier(text)) << text;
  EXPECT_TRUE(read_scram_verifier("SCRAM-SHA-256$2147483647:c2FsdA==" + keys));
}

TEST(ClientFirst, OfTheRfc) {
  ClientFirst read;
  const std::string message = "n,,n=user,r=" + kClientNonce;
  EXPECT_EQ(read_client_first(message, false, read), std::nullopt);
  EXPECT_EQ(read.flag, 'n');
  EXPECT_EQ(read.header, "n,,");
  EXPECT_EQ(read.bare, "n=user,r=" + kClientNonce);
  EXPECT_EQ(read.nonce, kClientNonce);
}

TEST(ClientFirst, FlagsAndExtensions) {
  ClientFirst read;
  EXPECT_EQ(read_client_first("y,,n=,r=a,x=1,Y=", false, read), std::nullopt);
  EXPECT_EQ(read.flag, 'y');
  EXPECT_EQ(read.bare, "n=,r=a,x=1,Y=");
  EXPECT_EQ(read_client_first("p=tls-server-end-point,,n=,r=a", true, read), std::nullopt);
  EXPECT_EQ(read.flag, 'p');
  EXPECT_EQ(read.header, "p=tls-server-end-point,,");
}

struct Refused {
  std::string message;
  bool plus;
  ErrorWords words;
};

void PrintTo(const Refused& refused, std::ostream* out) {
  *out << refused.message;
}

class RefusedClientFirst : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedClientFirst, IsToldTheServersWords) {
  ClientFirst read;
  const auto error = read_client_first(GetParam().message, GetParam().plus, read);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->sqlstate, GetParam().words.sqlstate);
  EXPECT_EQ(error->message, GetParam().words.message);
  EXPECT_EQ(error->detail, GetParam().words.detail);
}

const std::string kNoBinding =
    "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.";

INSTANTIATE_TEST_SUITE_P(
    All, RefusedClientFirst,
    ::testing::Values(
        Refused{"", false, malformed("The message is empty.")},
        Refused{std::string("n,,n=,r=a\0", 10), false, malformed("Message length does not match input length.")},
        Refused{"x,,n=,r=a", false, malformed("Unexpected channel-binding flag \"'x'\".")},
        Refused{"\x7f,,n=,r=a", false, malformed("Unexpected channel-binding flag \"0x7f\".")},
        Refused{"n", false, malformed("Comma expected, but found character \"0x00\".")},
        Refused{"nn,,n=,r=a", false, malformed("Comma expected, but found character \"'n'\".")},
        Refused{"n,,n=,r=a", true, malformed(kNoBinding)}, Refused{"y,,n=,r=a", true, malformed(kNoBinding)},
        Refused{"p=tls-server-end-point,,n=,r=a", false,
                malformed("The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes "
                          "channel binding data.")},
        Refused{
            "p=tls-unique,,n=,r=a", true, {"08P01", "unsupported SCRAM channel-binding type \"tls-unique\"", {}, {}}},
        Refused{"p", true, malformed("Expected character \"=\" for attribute \"p\".")},
        Refused{
            "n,a=bob,n=,r=a", false, {"0A000", "client uses authorization identity, but it is not supported", {}, {}}},
        Refused{"n,b=bob,n=,r=a", false, malformed("Unexpected attribute \"'b'\" in client-first-message.")},
        Refused{"n,", false, malformed("Unexpected attribute \"0x00\" in client-first-message.")},
        Refused{"n,,m=x,n=,r=a", false, {"0A000", "client requires an unsupported SCRAM extension", {}, {}}},
        Refused{"n,,r=a", false, malformed("Expected attribute \"n\" but found \"'r'\".")},
        Refused{"n,,n=a", false, malformed("Expected attribute \"r\" but found \"0x00\".")},
        Refused{"n,,n", false, malformed("Expected character \"=\" for attribute \"n\".")},
        Refused{"n,,n=,r=a b", false, {"08P01", "non-printable characters in SCRAM nonce", {}, {}}},
        Refused{"n,,n=,r=a,1=b", false, malformed("Attribute expected, but found invalid character \"'1'\".")}));

TEST(ServerFirst, OfTheRfc) {
  const std::string message = "r=" + kNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
  const auto read = read_server_first(message);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->nonce, kNonce);
  EXPECT_EQ(read->salt, "W22ZaJ0SNY7soEsUEjb6gQ==");
  EXPECT_EQ(read->iterations, 4096u);
}

TEST(ServerFirst, WhatIsNoneIsRefused) {
  for (const char* text : {"", "r=a", "r=a,s=c2FsdA==", "r=a,s=c2FsdA==,i=", "r=a,s=c2FsdA==,i=0", "r=a,s=c2FsdA==,i=x",
                           "r=a,s=c2FsdA,i=1", "s=c2FsdA==,r=a,i=1", "e=other-error", "r=a,s=c2FsdA==,i=4096x"})
    EXPECT_FALSE(read_server_first(text)) << text;
  EXPECT_TRUE(read_server_first("r=a,s=c2FsdA==,i=1,x=later"));
}

TEST(ClientFinal, OfTheRfc) {
  ClientFinal read;
  const std::string message = "c=biws,r=" + kNonce + ",p=" + kProof;
  EXPECT_EQ(read_client_final(message, read), std::nullopt);
  EXPECT_EQ(read.channel_binding, "biws");
  EXPECT_EQ(read.nonce, kNonce);
  EXPECT_EQ(read.without_proof, "c=biws,r=" + kNonce);
  EXPECT_EQ(to_base64(bytes_of(read.proof)), kProof);
  const std::string extended = "c=biws,r=a,x=1,z=,p=" + kProof;
  EXPECT_EQ(read_client_final(extended, read), std::nullopt);
  EXPECT_EQ(read.without_proof, "c=biws,r=a,x=1,z=");
}

TEST(ClientFinal, WhatIsNoneIsToldTheServersWords) {
  const std::pair<std::string, std::string> wrong[] = {
      {"", "The message is empty."},
      {"r=a", "Expected attribute \"c\" but found \"'r'\"."},
      {"c=biws", "Expected attribute \"r\" but found \"0x00\"."},
      {"c=biws,r=a", "Attribute expected, but found end of string."},
      {"c=biws,r=a,p", "Expected character \"=\" for attribute \"p\"."},
      {"c=biws,r=a,x=1", "Attribute expected, but found end of string."},
      {"c=biws,r=a,p=c2FsdA==", "Malformed proof in client-final-message."},
      {"c=biws,r=a,p=" + kProof + ",x=1", "Garbage found at the end of client-final-message."},
      {"c=biws,r=a,p=" + kProof + std::string(1, '\0'), "Message length does not match input length."}};
  for (const auto& [message, detail] : wrong) {
    ClientFinal read;
    const auto error = read_client_final(message, read);
    ASSERT_TRUE(error) << message;
    EXPECT_EQ(*error, malformed(detail)) << message << ": " << error->detail;
  }
}

TEST(ServerFinal, IsTheSignature) {
  const auto read = read_server_final("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  ASSERT_TRUE(read);
  EXPECT_EQ(to_base64(bytes_of(*read)), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  for (const char* text : {"", "v=", "v=c2FsdA==", "e=invalid-proof"}) EXPECT_FALSE(read_server_final(text)) << text;
}

}  // namespace
}  // namespace weir::wire
