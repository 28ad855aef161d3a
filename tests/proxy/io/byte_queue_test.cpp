// ByteQueue and the text of addresses: the two small values of the I/O.
#include "proxy/io/byte_queue.h"

#include <gtest/gtest.h>

#include <random>

#include "proxy/io/endpoint.h"

namespace weir::proxy {
namespace {

TEST(ByteQueue, GivesBackWhatItTookInThatOrder) {
  std::mt19937 random(7);
  ByteQueue queue;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string more(random() % 50, static_cast<char>('a' + i % 26));
    queue.append(more);
    expected += more;
    const std::size_t count = random() % (expected.size() + 1) / (1 + random() % 3);
    queue.take(count);
    expected.erase(0, count);
    ASSERT_EQ(queue.bytes(), expected);
    ASSERT_EQ(queue.size(), expected.size());
    ASSERT_EQ(queue.empty(), expected.empty());
  }
}

TEST(ByteQueue, DoesNotBelieveAClaimOfAGigabyte) {
  ByteQueue queue;
  queue.append("abc");
  queue.expect(std::size_t{1} << 40);  // would throw if it were reserved
  EXPECT_EQ(queue.bytes(), "abc");
}

/// How much memory the queue holds, by what it can take without more.
TEST(ByteQueue, HoldsNoMemoryOfWhatIsGone) {
  ByteQueue queue;
  queue.append(std::string(8 << 20, 'x'));
  EXPECT_GE(queue.memory(), 8u << 20);
  queue.take(queue.size());
  EXPECT_LT(queue.memory(), 100u);
  queue.append(std::string(8 << 20, 'x'));
  queue.append("the next one's beginning");
  queue.take(8 << 20);
  EXPECT_LT(queue.memory(), 100u);
  EXPECT_EQ(queue.bytes(), "the next one's beginning");
  queue.clear();
  queue.adopt(std::string(8 << 20, 'y'), 3);
  EXPECT_EQ(queue.size(), (8u << 20) - 3);
  queue.clear();
  EXPECT_LT(queue.memory(), 100u);
}

TEST(ByteQueue, MakesRoomForWhatIsExpectedAndNotForTwice) {
  ByteQueue queue;
  constexpr std::size_t kTotal = 50 << 20;
  while (queue.size() < kTotal) {
    queue.append(std::string(64 << 10, 'x'));
    queue.expect(kTotal);
  }
  EXPECT_LT(queue.memory(), kTotal + (1u << 20));
}

TEST(Endpoint, IsWrittenAsPeopleWriteIt) {
  EXPECT_EQ((HostPort{"db.example", 5433}.text()), "db.example:5433");
  EXPECT_EQ((HostPort{"::1", 5432}.text()), "[::1]:5432");
  EXPECT_EQ((HostPort{"/run/pg", 5432}.text()), "/run/pg/.s.PGSQL.5432");
}

TEST(SslMode, IsReadAsLibpqSpellsIt) {
  for (const SslMode mode :
       {SslMode::disable, SslMode::prefer, SslMode::require, SslMode::verify_ca, SslMode::verify_full}) {
    EXPECT_EQ(parse_sslmode(to_text(mode)), mode);
  }
  EXPECT_EQ(parse_sslmode("verify_full"), std::nullopt);
  EXPECT_EQ(parse_sslmode("allow"), std::nullopt);
}

}  // namespace
}  // namespace weir::proxy
