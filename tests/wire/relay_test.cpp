#include "wire/relay.h"

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
using testing::int16;
using testing::int32;
using testing::RelayScript;

std::unique_ptr<Engine> relay() {
  return std::make_unique<Relay>();
}

const std::string kUpstreamMalformed = [] {
  std::string out;
  append_error(out, "FATAL", "08P01", "the database sent a message with an invalid length",
               "Check that the upstream address is that of a PostgreSQL server.");
  return out;
}();

TEST(Relay, SimpleQuery) {
  const std::string query = frame('Q', cstring("SELECT 1"));
  const std::string answer = frame('T', int16(1) + cstring("?column?") + std::string(18, '\0')) +
                             frame('D', int16(1) + int32(1) + "1") + frame('C', cstring("SELECT 1")) + frame('Z', "I");
  RelayScript script;
  script.client_sends(query).expect_upstream(query).upstream_sends(answer).expect_client(answer);
  EXPECT_EQ(script.replay(relay), "");
}

TEST(Relay, EveryTypeOfMessageBothWays) {
  std::string all;
  for (int type = 0; type < 256; ++type) all += frame(char(type), std::string(std::size_t(type % 7), char(type)));
  RelayScript script;
  script.client_sends(all).expect_upstream(all).upstream_sends(all).expect_client(all);
  EXPECT_EQ(script.replay(relay), "");
}

TEST(Relay, BothDirectionsAtTheSameTime) {
  const std::string row = frame('d', "copied row\n");
  const std::string early_error = error_response("ERROR", "22P02", "invalid input");
  RelayScript script;
  script.client_sends(row + row.substr(0, 7))
      .expect_upstream(row + row.substr(0, 7))
      .upstream_sends(early_error.substr(0, 9))
      .expect_client(early_error.substr(0, 9))
      .client_sends(row.substr(7))
      .expect_upstream(row.substr(7))
      .upstream_sends(early_error.substr(9))
      .expect_client(early_error.substr(9));
  EXPECT_EQ(script.replay(relay), "");
}

TEST(Relay, HoldsNothingOfALargeFrame) {
  const std::string start = 'd' + int32(max_client_length('d'));
  const std::string part(4000, 'x');
  RelayScript script;
  script.client_sends(start + part)
      .expect_upstream(start + part)
      .upstream_sends(start + part)
      .expect_client(start + part)
      .client_sends(part)
      .expect_upstream(part);
  EXPECT_EQ(script.replay(relay), "");
}

TEST(Relay, CopiesNothing) {
  const std::string received = frame('Q', cstring("SELECT 1")) + frame('S') + frame('d', "part").substr(0, 7);
  Relay engine;
  Turn turn;
  EXPECT_EQ(engine.from_client(received, turn), received.size());
  EXPECT_EQ(turn.to_upstream.bytes().data(), received.data());
  EXPECT_EQ(turn.to_upstream.bytes().size(), received.size());
}

TEST(Relay, KeepsOnlyAnIncompleteHeader) {
  const std::string sync = frame('S');
  const std::string query = frame('Q', cstring("SELECT 1"));
  for (std::size_t size = 0; size < kHeaderSize; ++size) {
    const std::string received = sync + query.substr(0, size);
    Relay engine;
    Turn turn;
    EXPECT_EQ(engine.from_client(received, turn), sync.size());
    EXPECT_EQ(engine.from_upstream(received, turn), sync.size());
  }
}

TEST(Relay, LetsTheDatabaseRefuseAMalformedHeaderOfTheClient) {
  for (const std::int64_t length : {0L, 3L, -1L, -0x80000000L, 0x3fffffffL}) {
    const std::string query = frame('Q', cstring("SELECT 1"));
    const std::string answer = frame('C', cstring("SELECT 1")) + frame('Z', "I");
    RelayScript script;
    script.client_sends(query + 'Q' + int32(length) + "never looked at" + query)
        .expect_upstream(query + 'Q' + int32(length))
        .upstream_sends(answer)
        .expect_client(answer)
        .client_sends(query)
        .upstream_closes();
    EXPECT_EQ(script.replay(relay), "") << length;
  }
}

// The server does not wait for the body of one that is longer than its kind ever is.
TEST(Relay, KnowsWhatIsTooLongForItsType) {
  for (const char type : {'C', 'D', 'E', 'H', 'S', 'X', 'c', 'f'}) {
    RelayScript script;
    script.client_sends(type + int32(10'001) + "never looked at").expect_upstream(type + int32(10'001));
    EXPECT_EQ(script.replay(relay), "") << type;
    const std::string most = frame(type, std::string(9'996, 'x'));
    Relay engine;
    Turn turn;
    EXPECT_EQ(engine.from_client(most, turn), most.size());
    EXPECT_EQ(turn.to_upstream.bytes(), most);
  }
}

TEST(Relay, RefusesAMalformedHeaderOfTheDatabase) {
  for (const std::int64_t length : {0L, 3L, -1L, -0x80000000L}) {
    const std::string row = frame('D', int16(0));
    RelayScript script;
    script.upstream_sends(row + 'D' + int32(length) + row).expect_client(row + kUpstreamMalformed).expect_close();
    EXPECT_EQ(script.replay(relay), "") << length;
  }
}

TEST(Relay, TakesNothingOnceItHasClosed) {
  Relay engine;
  Turn turn;
  engine.from_upstream('D' + int32(3), turn);
  ASSERT_TRUE(turn.close);
  Turn later;
  EXPECT_EQ(engine.from_upstream(frame('Z', "I"), later), 0u);
  EXPECT_EQ(engine.from_client(frame('S'), later), 0u);
  EXPECT_TRUE(later.to_client.empty());
  EXPECT_TRUE(later.to_upstream.empty());
}

TEST(Relay, ReplicationStreamsBothWays) {
  const std::string start = frame('Q', cstring("START_REPLICATION SLOT s LOGICAL 0/0"));
  const std::string both = frame('W', std::string(3, '\0'));
  const std::string data = frame('d', "w" + std::string(24, '\1') + "change");
  const std::string status = frame('d', "r" + std::string(33, '\2'));
  RelayScript script;
  script.client_sends(start)
      .expect_upstream(start)
      .upstream_sends(both + data)
      .expect_client(both + data)
      .client_sends(status)
      .expect_upstream(status)
      .upstream_sends(data)
      .expect_client(data)
      .client_finishes()
      .upstream_closes();
  EXPECT_EQ(script.replay(relay), "");
}

}  // namespace
}  // namespace weir::wire
