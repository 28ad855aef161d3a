// Who is logged in, and why logins were none, as the server tells it.
#include "proxy/io/session_list.h"

#include <future>

#include "tests/proxy/io/stand.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using test_support::eventually;

class SessionListTest : public Stand {
 protected:
  std::uint64_t refused(LoginRefusal why) const { return server->counters().refused[static_cast<std::size_t>(why)]; }
  bool counts(LoginRefusal why, std::uint64_t times = 1) const {
    return eventually(seconds(20), [&] { return refused(why) == times; });
  }
};

TEST_F(SessionListTest, ASessionIsThereFromItsLoginToItsEnd) {
  start();
  EXPECT_TRUE(server->sessions().empty());
  {
    auto ends = login();
    ASSERT_TRUE(eventually(seconds(20), [&] { return server->sessions().size() == 1; }));
    const auto row = server->sessions().at(0);
    EXPECT_EQ(row.user, "ann");
    EXPECT_EQ(row.database, "shop");
    EXPECT_EQ(row.client.rfind("127.0.0.1:", 0), 0u);
    EXPECT_FALSE(row.captured);
    EXPECT_GT(row.since_us, 0);
    ends.client.send(testing::frame('Q', std::string("SELECT 1") + '\0'));
    EXPECT_TRUE(eventually(seconds(20), [&] { return server->sessions().at(0).client_bytes > 10; }));
  }
  EXPECT_TRUE(eventually(seconds(20), [&] { return server->sessions().empty(); }));
}

TEST_F(SessionListTest, ALoginThatTheDatabaseRefusesIsCountedAndIsNoSession) {
  start();
  TcpEnd client = connect();
  client.send(startup_message());
  TcpEnd database = database_port.accept();
  database.receive(startup_message().size());
  database.send(testing::frame('E', std::string("SFATAL\0C28P01\0Mno\0\0", 19)));
  database.close();
  client.receive_all();
  EXPECT_TRUE(counts(LoginRefusal::authentication));
  EXPECT_TRUE(server->sessions().empty());
}

TEST_F(SessionListTest, OtherReasonsAreTheirOwn) {
  options.limits.connections_per_client = 1;
  start();
  auto ends = login();
  TcpEnd second = connect();
  second.send(startup_message());
  second.receive_all();
  EXPECT_TRUE(counts(LoginRefusal::too_many_of_client));
  ends.client.close();
  ends.database.close();
  ASSERT_TRUE(eventually(seconds(20), [&] { return server->sessions().empty(); }));
  database_port.close();
  // The place is given back a moment later.
  EXPECT_TRUE(eventually(seconds(20), [&] {
    TcpEnd third = connect();
    third.send(startup_message());
    third.receive_all();
    return refused(LoginRefusal::unreachable) > 0;
  }));
  TcpEnd nonsense = connect();
  nonsense.send(std::string(8, '\x7f'));
  nonsense.receive_all();
  EXPECT_TRUE(counts(LoginRefusal::protocol));
}

TEST_F(SessionListTest, TheDatabaseIsAskedAsASessionWouldConnect) {
  start();
  std::promise<bool> answer;
  server->probe_upstream([&](const Result<void>& result) { answer.set_value(static_cast<bool>(result)); });
  EXPECT_TRUE(answer.get_future().get());
  database_port.close();
  std::promise<std::string> refusal;
  server->probe_upstream([&](const Result<void>& result) { refusal.set_value(result ? "" : result.error().message); });
  EXPECT_NE(refusal.get_future().get().find("Connection refused"), std::string::npos);
}

TEST_F(SessionListTest, ItIsAcceptingUntilItDrains) {
  start();
  EXPECT_TRUE(server->accepting());
  server->stop_accepting();
  EXPECT_FALSE(server->accepting());
}

}  // namespace
}  // namespace weir::proxy
