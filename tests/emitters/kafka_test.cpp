// The Kafka emitter against librdkafka's mock cluster, which speaks the protocol over sockets and fails on request.
// Whatever needs a broker's own judgement is in kafka_kafkatest.cpp.
#include "emitters/kafka.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <set>

#include "tests/emitters/kafka_driver.h"
#include "tests/support/kafka_broker.h"

namespace weir::emitters {
namespace {

using test_support::KafkaReader;
using test_support::KafkaRecord;

constexpr std::int16_t produce_request = 0;
constexpr std::int32_t the_broker = 1;

class MockCluster {
 public:
  MockCluster() {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, nullptr);  // or it warns that it has no brokers
    owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
  }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;
  ~MockCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }

  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void create(const std::string& topic, int partitions) {
    rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1);
  }
  void down() { rd_kafka_mock_broker_set_down(cluster_, the_broker); }
  void up() { rd_kafka_mock_broker_set_up(cluster_, the_broker); }
  void answer_after(milliseconds time) {
    rd_kafka_mock_broker_set_rtt(cluster_, the_broker, static_cast<int>(time.count()));
  }
  /// The next produce requests are answered with these errors.
  void fail_produce(const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_, produce_request, errors.size(), errors.data());
  }
  std::vector<KafkaRecord> read(const std::vector<std::string>& topics) {
    return KafkaReader(brokers()).read_to_end(topics);
  }

 private:
  rd_kafka_t* owner_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

/// The mock cluster has no controller to create topics; it makes them on first use.
std::unique_ptr<Emitter> emitter_to(MockCluster& cluster, std::map<std::string, std::string> properties = {}) {
  properties.emplace("topic.create", "false");
  return kafka(cluster.brokers(), std::move(properties));
}

std::vector<std::string> values_of(const std::vector<KafkaRecord>& records) {
  std::vector<std::string> values;
  for (const KafkaRecord& one : records) values.push_back(one.value.value_or("(tombstone)"));
  return values;
}

std::vector<Record> numbered(const std::string& topic, int from, int to) {
  std::vector<Record> made;
  for (int i = from; i <= to; ++i) made.push_back(record(topic, "k", std::to_string(i)));
  return made;
}

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> made;
  for (int i = from; i <= to; ++i) made.push_back(std::to_string(i));
  return made;
}

TEST(KafkaMock, DeliversInOrder) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster);
  for (int i = 0; i < 100; ++i) give(*emitter, numbered("t", i * 10 + 1, i * 10 + 10), i + 1);
  ASSERT_TRUE(wait_durable(*emitter, 100)) << emitter->trouble();
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 1000));
  EXPECT_EQ(emitter->trouble(), "");
}

TEST(KafkaMock, WhatIsOfferedIsCollectedUntilWait) {
  MockCluster cluster;
  cluster.create("t", 1);
  const auto emitter = emitter_to(cluster);
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(emitter->offer(numbered("t", i, i), i, true).value());
    EXPECT_TRUE(emitter->take_refused().empty());
    EXPECT_EQ(emitter->durable_through(), 0);
  }
  EXPECT_TRUE(cluster.read({"t"}).empty());
  ASSERT_TRUE(wait_durable(*emitter, 3)) << emitter->trouble();
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 3));
}

TEST(KafkaMock, AFullBatchLeavesBeforeWait) {
  MockCluster cluster;
  cluster.create("t", 1);
  for (const std::size_t size : {std::size_t{10}, std::size_t{100'000}}) {
    const auto emitter = emitter_to(cluster);
    const int records = size == 10 ? 512 : 12;
    std::vector<Record> batch(records, record("t", "k", std::string(size, 'x')));
    ASSERT_TRUE(emitter->offer(std::move(batch), 1, true).value());
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    while (emitter->durable_through() == 0 && std::chrono::steady_clock::now() < deadline) emitter->take_refused();
    EXPECT_EQ(emitter->durable_through(), 1) << records;
  }
}

TEST(KafkaMock, IsDurableOnlyAfterTheAcknowledgement) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster);
  give(*emitter, numbered("t", 1, 1), 1);
  ASSERT_TRUE(wait_durable(*emitter, 1));
  cluster.answer_after(milliseconds(500));
  const auto start = std::chrono::steady_clock::now();
  give(*emitter, numbered("t", 2, 2), 2);
  EXPECT_EQ(emitter->durable_through(), 1);
  ASSERT_TRUE(wait_durable(*emitter, 2));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(400));
}

TEST(KafkaMock, DurableThroughIsMonotoneAcrossTopics) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster);
  event::Position before = 0;
  for (int i = 1; i <= 300; ++i) {
    give(*emitter, {record("a", "k", std::to_string(i)), record("b", "k", std::to_string(i))}, i);
    const event::Position now = emitter->durable_through();
    ASSERT_GE(now, before);
    ASSERT_LE(now, i);
    before = now;
  }
  ASSERT_TRUE(wait_durable(*emitter, 300));
  EXPECT_EQ(values_of(cluster.read({"a"})), numbers(1, 300));
  EXPECT_EQ(values_of(cluster.read({"b"})), numbers(1, 300));
}

TEST(KafkaMock, DoesWithoutAControllerWhereTheTopicExists) {
  MockCluster cluster;
  cluster.create("t", 1);
  const auto emitter = emitter_to(cluster, {{"topic.create", "true"}});
  give(*emitter, numbered("t", 1, 3), 1);
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 3));
}

TEST(KafkaMock, WaitsForABrokerThatIsDownAndSaysSo) {
  MockCluster cluster;
  cluster.down();
  const auto emitter = emitter_to(cluster);
  give(*emitter, numbered("t", 1, 3), 1);
  ASSERT_TRUE(wait_until(*emitter, seconds(20), [&] { return !emitter->trouble().empty(); }));
  EXPECT_NE(emitter->trouble().find("kafka " + cluster.brokers() + ": "), std::string::npos) << emitter->trouble();
  EXPECT_NE(emitter->trouble().find("check that the brokers run"), std::string::npos) << emitter->trouble();
  EXPECT_EQ(emitter->durable_through(), 0);
  cluster.up();
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  EXPECT_EQ(emitter->trouble(), "");
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 3));
}

TEST(KafkaMock, TakesABatchWholeOrNotAtAllWhenFull) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster, {{"queue.buffering.max.messages", "10"}});
  give(*emitter, numbered("t", 1, 1), 1);
  ASSERT_TRUE(wait_durable(*emitter, 1));
  cluster.down();
  EXPECT_TRUE(emitter->offer(numbered("t", 2, 5), 2, true).value());
  EXPECT_TRUE(emitter->offer(numbered("t", 6, 9), 3, true).value());
  const auto third = numbered("t", 10, 13);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(emitter->offer(std::vector<Record>(third), 4, true).value());
  EXPECT_EQ(emitter->durable_through(), 1);
  cluster.up();
  give(*emitter, third, 4);
  ASSERT_TRUE(wait_durable(*emitter, 4)) << emitter->trouble();
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 13));
}

TEST(KafkaMock, SendsABatchLargerThanTheQueueInParts) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster, {{"queue.buffering.max.messages", "10"}});
  give(*emitter, numbered("t", 1, 1000), 1);
  EXPECT_FALSE(emitter->offer(numbered("t", 1001, 1001), 2, true).value());
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 1000));
}

TEST(KafkaMock, KeepsTheOrderThroughDisconnectsAndRetries) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster, {{"batch.num.messages", "7"},
                                            {"retry.backoff.ms", "5"},
                                            {"reconnect.backoff.ms", "5"},
                                            {"reconnect.backoff.max.ms", "20"}});
  for (int i = 0; i < 20; ++i) {
    cluster.fail_produce({RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                          RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT,
                          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS});
    give(*emitter, numbered("t", i * 50 + 1, i * 50 + 50), i + 1);
  }
  ASSERT_TRUE(wait_durable(*emitter, 20, seconds(60))) << emitter->trouble();
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 1000));
}

/// A request fails and, with several in flight, the next one succeeds: librdkafka then takes the first for written too.
/// A broker that has just made the topic does this.
std::vector<KafkaRecord> overtaken_request(const std::string& max_in_flight) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster, {{"max.in.flight", max_in_flight}});
  give(*emitter, numbered("t", 1, 1), 1);
  EXPECT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  cluster.answer_after(milliseconds(300));
  cluster.fail_produce({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  for (int i = 2; i <= 5; ++i) {
    give(*emitter, numbered("t", i, i), i);
    emitter->wait(milliseconds(50));  // so that each is a request of its own
  }
  cluster.answer_after(milliseconds(0));
  EXPECT_TRUE(wait_durable(*emitter, 5)) << emitter->trouble();
  return cluster.read({"t"});
}

TEST(KafkaMock, AnOvertakenRequestIsNotLost) {
  const auto records = overtaken_request("5");
  std::set<std::string> values;
  for (const KafkaRecord& one : records) values.insert(*one.value);
  EXPECT_EQ(values.size(), 5u);
  EXPECT_EQ(records.back().value, "5");
}

TEST(KafkaMock, NoRequestIsOvertakenByDefault) {
  EXPECT_EQ(values_of(overtaken_request("1")), numbers(1, 5));
}

TEST(KafkaMock, WaitsForTheOperatorWhereItMayNotWrite) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster);
  cluster.fail_produce(std::vector<rd_kafka_resp_err_t>(3, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  give(*emitter, numbered("t", 1, 1), 1);
  std::string trouble;
  ASSERT_TRUE(wait_until(*emitter, seconds(30), [&] {
    if (trouble.empty()) trouble = emitter->trouble();
    return emitter->durable_through() == 1;
  }));
  EXPECT_NE(trouble.find("topic t: Broker: Topic authorization failed"), std::string::npos) << trouble;
  EXPECT_NE(trouble.find("grant this user Write"), std::string::npos) << trouble;
  EXPECT_TRUE(emitter->take_refused().empty());
  EXPECT_EQ(emitter->trouble(), "");
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 1));
}

TEST(KafkaMock, ARefusedRequestDoesNotCondemnItsRecords) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster);
  cluster.fail_produce({RD_KAFKA_RESP_ERR_INVALID_RECORD});
  give(*emitter, numbered("t", 1, 20), 1);
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  EXPECT_TRUE(emitter->take_refused().empty());
  const auto records = cluster.read({"t"});
  EXPECT_EQ(last_versions(records).at({"t", "k"}), "20");
  std::set<std::string> values;
  for (const KafkaRecord& one : records) values.insert(*one.value);
  EXPECT_EQ(values.size(), 20u);
}

TEST(KafkaMock, ARecordRefusedAloneIsHandedBackAndTheRestGoesOn) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster);
  cluster.fail_produce({RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_RECORD});
  give(*emitter, numbered("t", 1, 1), 1);
  std::vector<Refused> refused;
  ASSERT_TRUE(wait_until(*emitter, seconds(30), [&] {
    EXPECT_EQ(emitter->durable_through(), 0);
    refused = emitter->take_refused();
    return !refused.empty();
  }));
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].record.value, "1");
  EXPECT_EQ(refused[0].record.topic, "t");
  EXPECT_EQ(refused[0].position, 1);
  EXPECT_NE(refused[0].reason.find("record"), std::string::npos) << refused[0].reason;
  EXPECT_EQ(emitter->durable_through(), 1);
  give(*emitter, numbered("t", 2, 3), 2);
  ASSERT_TRUE(wait_durable(*emitter, 2)) << emitter->trouble();
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(2, 3));
}

TEST(KafkaMock, AFatalProducerIsReplacedAndNothingIsLost) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster, {{"batch.num.messages", "5"}});
  for (int i = 0; i < 10; ++i) {
    cluster.fail_produce({RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                          RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH});
    give(*emitter, numbered("t", i * 20 + 1, i * 20 + 20), i + 1);
    ASSERT_TRUE(wait_durable(*emitter, i + 1)) << emitter->trouble();
  }
  const auto records = cluster.read({"t"});
  std::set<std::string> values;
  for (const KafkaRecord& one : records) values.insert(*one.value);
  EXPECT_EQ(values.size(), 200u);
  EXPECT_EQ(*records.back().value, "200");
}

TEST(KafkaMock, AllRecordsWithoutKeyOfOneTopicKeepTheirOrder) {
  MockCluster cluster;
  cluster.create("keyless.a", 8);
  cluster.create("keyless.b", 8);
  const auto emitter = emitter_to(cluster);
  for (int i = 1; i <= 200; ++i) {
    give(*emitter, {record("keyless.a", {}, std::to_string(i)), record("keyless.b", {}, std::to_string(i))}, i);
  }
  ASSERT_TRUE(wait_durable(*emitter, 200)) << emitter->trouble();
  // The partitions are murmur2 of the topic's name, computed outside.
  for (const KafkaRecord& one : cluster.read({"keyless.a"})) EXPECT_EQ(one.partition, 7);
  for (const KafkaRecord& one : cluster.read({"keyless.b"})) EXPECT_EQ(one.partition, 0);
  EXPECT_EQ(values_of(cluster.read({"keyless.a"})), numbers(1, 200));
}

TEST(KafkaMock, KeysGoWhereJavaPutsThem) {
  // From a reading of murmur2 of its own, which agrees with the hashes that Kafka's own tests expect
  // (21: -973932308, foobar: -790332482, a-little-bit-long-string: -985981536, abc: 479470107).
  const std::map<std::string, int> expected{{"21", 4},
                                            {"foobar", 6},
                                            {"a-little-bit-long-string", 0},
                                            {"a-little-bit-longer-string", 3},
                                            {"abc", 3},
                                            {"{\"id\":1}", 4},
                                            {"{\"id\":2}", 0},
                                            {"{\"id\":42}", 5},
                                            {"{\"id\":1000000}", 7},
                                            {"{\"a\":\"\xC3\xA9\",\"b\":7}", 4}};
  MockCluster cluster;
  cluster.create("t", 8);
  const auto emitter = emitter_to(cluster);
  std::vector<Record> batch;
  for (const auto& [key, partition] : expected) batch.push_back(record("t", key, std::to_string(partition)));
  give(*emitter, batch, 1);
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  const auto records = cluster.read({"t"});
  ASSERT_EQ(records.size(), expected.size());
  for (const KafkaRecord& one : records) EXPECT_EQ(one.partition, expected.at(one.key.value())) << *one.key;
}

TEST(KafkaMock, HandsBackAtOnceWhatIsTooLargeForTheClient) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster, {{"message.max.bytes", "2000"}});
  give(*emitter, {record("t", "k", "1"), record("t", "k", std::string(3000, 'x')), record("t", "k", "2")}, 1);
  ASSERT_TRUE(wait_until(*emitter, seconds(30), [&] { return cluster.read({"t"}).size() == 2; }));
  EXPECT_EQ(emitter->durable_through(), 0);
  const auto refused = emitter->take_refused();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].record.value->size(), 3000u);
  EXPECT_NE(refused[0].reason.find("message.max.bytes"), std::string::npos) << refused[0].reason;
  ASSERT_TRUE(wait_durable(*emitter, 1));
}

TEST(KafkaMock, CloseForcesOutWhatWasOffered) {
  MockCluster cluster;
  const auto emitter = emitter_to(cluster);
  give(*emitter, numbered("t", 1, 500), 1);
  EXPECT_TRUE(emitter->close(seconds(20)));
  EXPECT_EQ(emitter->durable_through(), 1);
  EXPECT_EQ(values_of(cluster.read({"t"})), numbers(1, 500));
  EXPECT_FALSE(emitter->offer(numbered("t", 501, 501), 2, true));
}

TEST(KafkaMock, CloseGivesUpInTimeAndSaysSo) {
  MockCluster cluster;
  cluster.down();
  const auto emitter = emitter_to(cluster);
  give(*emitter, numbered("t", 1, 5), 1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(emitter->close(milliseconds(300)));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
}

TEST(Kafka, NamesTheBrokerThatCannotBeReached) {
  for (const std::string brokers : {"127.0.0.1:1", "no-such-host.invalid:9092"}) {
    const auto emitter = kafka(brokers);
    ASSERT_TRUE(wait_until(*emitter, seconds(20), [&] { return !emitter->trouble().empty(); })) << brokers;
    EXPECT_NE(emitter->trouble().find("kafka " + brokers + ": "), std::string::npos) << emitter->trouble();
    EXPECT_NE(emitter->trouble().find("; check "), std::string::npos) << emitter->trouble();
    EXPECT_TRUE(emitter->offer({record("t", "k", "1")}, 1, true).value());
    EXPECT_EQ(emitter->durable_through(), 0);
  }
}

}  // namespace
}  // namespace weir::emitters
