// wire's two sides of SCRAM held against PostgreSQL itself: a login by ClientKey alone, the server's words for every
// message that is none, and what the server shows for a user that it does not know.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/proxy/io/tcp_end.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"
#include "tests/wire/bytes.h"
#include "tests/wire/scram_password.h"
#include "wire/base64.h"
#include "wire/message.h"
#include "wire/scram_exchange.h"

namespace weir::proxy {
namespace {

using test_support::PgCluster;
using test_support::PgConnection;
using test_support::PgSettings;

constexpr int kProtocol3 = 196608;
constexpr int kSaslContinue = 11;
constexpr int kSaslFinal = 12;

struct Message {
  char type = 0;
  std::string body;
};

Message receive(TcpEnd& end) {
  const std::string header = end.receive(wire::kHeaderSize);
  return {header[0], end.receive(wire::read_uint32(header.data() + 1) - 4)};
}

std::string initial_response(std::string_view mechanism, std::string_view message) {
  return testing::frame(
      'p', testing::cstring(mechanism) + testing::int32(std::int64_t(message.size())) + std::string(message));
}

class ScramOfTheServer : public ::testing::TestWithParam<int> {
 protected:
  static const PgCluster& cluster() {
    static std::map<int, std::unique_ptr<PgCluster>> clusters;
    auto& one = clusters[GetParam()];
    if (!one) {
      PgSettings settings;
      settings.authentication = "scram-sha-256";
      one = std::make_unique<PgCluster>(GetParam(), settings);
      PgConnection(one->socket_conninfo()).run("CREATE ROLE ann LOGIN PASSWORD 'secret'");
    }
    return *one;
  }

  /// Up to the offer of mechanisms.
  static TcpEnd begin(const std::string& user) {
    TcpEnd end = TcpEnd::connect(cluster().port());
    end.send(testing::startup_packet(kProtocol3, testing::parameters({"user", user, "database", "postgres"})));
    EXPECT_EQ(receive(end).body, testing::int32(10) + testing::parameters({"SCRAM-SHA-256"}));
    return end;
  }
  static std::string sasl(TcpEnd& end, int request) {
    const Message message = receive(end);
    EXPECT_EQ(message.type, 'R') << message.body;
    EXPECT_EQ(message.body.substr(0, 4), testing::int32(request));
    return message.body.substr(4);
  }
  static void expect_error(TcpEnd& end, const wire::ErrorWords& words, const std::string& sent) {
    const Message message = receive(end);
    ASSERT_EQ(message.type, 'E') << sent;
    const auto fields = wire::read_error_fields(message.body);
    ASSERT_TRUE(fields);
    EXPECT_EQ(wire::error_field(*fields, 'S'), "FATAL");
    EXPECT_EQ(wire::error_field(*fields, 'C'), words.sqlstate) << sent;
    EXPECT_EQ(wire::error_field(*fields, 'M'), words.message) << sent;
    EXPECT_EQ(wire::error_field(*fields, 'D'), words.detail) << sent;
  }
};

TEST_P(ScramOfTheServer, LetsAClientKeyIn) {
  const auto verifier = wire::read_scram_verifier(
      PgConnection(cluster().socket_conninfo()).value("SELECT rolpassword FROM pg_authid WHERE rolname='ann'"));
  ASSERT_TRUE(verifier);
  TcpEnd end = begin("ann");
  wire::ScramClient client({}, 'n', wire::make_scram_nonce());
  end.send(initial_response(client.mechanism(), client.first()));
  ASSERT_TRUE(client.read_first(sasl(end, kSaslContinue)));
  EXPECT_EQ(wire::from_base64(client.salt()), verifier->salt);
  EXPECT_EQ(client.iterations(), verifier->iterations);
  end.send(testing::frame('p', client.last(testing::client_key("secret", verifier->salt, 4096))));
  EXPECT_TRUE(client.signed_by(verifier->server_key, sasl(end, kSaslFinal)));
  EXPECT_EQ(receive(end).body, testing::int32(0));
}

TEST_P(ScramOfTheServer, SaysTheSameOfFirstMessagesThatAreNone) {
  const std::vector<std::string> messages = {"",
                                             std::string("n,,n=,r=a\0", 10),
                                             "x,,n=,r=a",
                                             "\x7f,,n=,r=a",
                                             "\xc3\xa4,,n=,r=a",
                                             "n",
                                             "nn,,n=,r=a",
                                             "p=tls-server-end-point,,n=,r=a",
                                             "n,a=bob,n=,r=a",
                                             "n,b=bob,n=,r=a",
                                             "n,",
                                             "n,,",
                                             "n,,m=x,n=,r=a",
                                             "n,,r=a",
                                             "n,,n=a",
                                             "n,,n",
                                             "n,,n=,r=a b",
                                             "n,,n=,r=a,1=b",
                                             "n,,n=,r=a,b"};
  for (const std::string& message : messages) {
    TcpEnd end = begin("ann");
    end.send(initial_response(wire::kScramSha256, message));
    wire::ScramServer server({}, "nonce");
    const auto words = server.read_first(wire::kScramSha256, message);
    ASSERT_TRUE(words) << message;
    expect_error(end, *words, message);
  }
  TcpEnd end = begin("ann");
  end.send(initial_response("SCRAM-SHA-1", "n,,n=,r=a"));
  expect_error(end, *wire::ScramServer({}, "nonce").read_first("SCRAM-SHA-1", "n,,n=,r=a"), "SCRAM-SHA-1");
}

TEST_P(ScramOfTheServer, SaysTheSameOfLastMessagesThatAreNone) {
  const std::string proof = ",p=" + wire::to_base64(std::string(32, 'p'));
  // NONCE stands for the exchange's own.
  const std::vector<std::string> messages = {"",
                                             "r=NONCE" + proof,
                                             "c=biws" + proof,
                                             "c=biws,r=NONCE",
                                             "c=biws,r=NONCE,x=1",
                                             "c=biws,r=NONCE,p=c2FsdA==",
                                             "c=biws,r=NONCE" + proof + ",x=1",
                                             "c=biws,r=NONCE,1=1" + proof,
                                             "c=eSws,r=NONCE" + proof,
                                             "c=,r=NONCE" + proof,
                                             "c=biws,r=NONCEx" + proof,
                                             "c=biws,r=client" + proof};
  for (const std::string& pattern : messages) {
    TcpEnd end = begin("ann");
    end.send(initial_response(wire::kScramSha256, "n,,n=,r=client"));
    const std::string first = sasl(end, kSaslContinue);
    const std::string nonce(wire::read_server_first(first)->nonce);
    std::string message = pattern;
    if (const auto place = message.find("NONCE"); place != std::string::npos) message.replace(place, 5, nonce);
    wire::ScramServer server({}, nonce.substr(6));
    ASSERT_EQ(server.read_first(wire::kScramSha256, "n,,n=,r=client"), std::nullopt);
    const auto read = wire::read_server_first(first);
    EXPECT_EQ(server.first(read->salt, read->iterations), first);
    const auto words = server.read_final(message);
    ASSERT_TRUE(words) << message;
    end.send(testing::frame('p', message));
    expect_error(end, *words, message);
  }
}

/// What makes it useless to ask who is there: the salt of an unknown user is always the same, too.
TEST_P(ScramOfTheServer, ShowsAnUnknownUserTheSameSaltAgain) {
  std::vector<std::string> salts;
  for (const std::string user : {"nobody", "nobody", "somebody"}) {
    TcpEnd end = begin(user);
    wire::ScramClient client({}, 'n', wire::make_scram_nonce());
    end.send(initial_response(client.mechanism(), client.first()));
    ASSERT_TRUE(client.read_first(sasl(end, kSaslContinue)));
    EXPECT_EQ(client.iterations(), 4096u);
    salts.push_back(client.salt());
  }
  EXPECT_EQ(salts[0], salts[1]);
  EXPECT_NE(salts[0], salts[2]);
}

INSTANTIATE_TEST_SUITE_P(Versions, ScramOfTheServer, ::testing::Values(15, 18));

}  // namespace
}  // namespace weir::proxy
