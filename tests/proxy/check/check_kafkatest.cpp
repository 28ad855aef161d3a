// weir check with a real Kafka: brokers that answer or do not, topics that are there or may be made, and none made.
#include <gtest/gtest.h>

#include "tests/proxy/command/weir_command.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_connection.h"

namespace weir::proxy {
namespace {

TEST(CheckKafka, BrokersAndTopics) {
  test_support::PgCluster cluster(15);
  cluster.start();
  test_support::PgConnection(cluster.socket_conninfo()).run("CREATE TABLE t (id int PRIMARY KEY)");
  test_support::KafkaBroker broker;
  const auto check = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"check", "--upstream", cluster.uri(), "--emit",
                                          "kafka://" + broker.bootstrap() + "/shop"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_weir(arguments);
  };
  for (int times = 0; times < 2; ++times) {  // the first one made nothing
    const auto first = check({});
    EXPECT_EQ(first.code, 0) << first.output;
    expect_words(first.output, {"1 broker answers", "2 topics will be made"});
  }
  expect_words(check({"--emit.kafka.topic.replication", "3"}).output,
               {"warning  destination", "2 topics not there and could not be made", "eplication factor", "shop.gap"});
  expect_words(check({"--emit.kafka.topic.create", "false"}).output,
               {"warning  destination", "topic.create is false", "shop.public.t"});
  {
    test_support::WeirProcess weir({.upstream = cluster.uri(), .emit = {"kafka://" + broker.bootstrap() + "/shop"}});
    test_support::PgConnection(weir.conninfo()).run("INSERT INTO t VALUES (1)");
    EXPECT_TRUE(test_support::eventually(
        std::chrono::seconds(30), [&] { return check({}).output.find("1 topic there already") != std::string::npos; }));
  }
  broker.stop();
  const auto down = check({});
  EXPECT_EQ(down.code, 1);
  expect_words(down.output, {"failure  destination", broker.bootstrap()});
}

}  // namespace
}  // namespace weir::proxy
