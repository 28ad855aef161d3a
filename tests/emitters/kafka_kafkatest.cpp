// The Kafka emitter against a real broker: what only a broker's own judgement, storage and restart can show.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <random>
#include <set>

#include "emitters/kafka.h"
#include "tests/emitters/kafka_driver.h"
#include "tests/support/kafka_broker.h"

namespace weir::emitters {
namespace {

using test_support::KafkaBroker;
using test_support::KafkaReader;
using test_support::KafkaRecord;

/// One broker for all tests that do not hurt it; each uses topics of its own.
KafkaBroker& broker() {
  static KafkaBroker the_broker;
  return the_broker;
}

std::vector<KafkaRecord> read(const std::string& bootstrap, const std::vector<std::string>& topics) {
  return KafkaReader(bootstrap).read_to_end(topics);
}

/// Text that no compression shrinks, so that sizes are what they say.
std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>(random() & 0xFF);
  return text;
}

void delete_topic(const std::string& bootstrap, const std::string& name) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), nullptr, 0);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  rd_kafka_queue_t* answers = rd_kafka_queue_new(client);
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name.c_str());
  rd_kafka_DeleteTopics(client, &topic, 1, nullptr, answers);
  rd_kafka_event_t* answer = rd_kafka_queue_poll(answers, 20'000);
  EXPECT_TRUE(answer != nullptr && rd_kafka_event_error(answer) == RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_event_destroy(answer);
  rd_kafka_DeleteTopic_destroy(topic);
  rd_kafka_queue_destroy(answers);
  rd_kafka_destroy(client);
}

void create_compacted_topic(const std::string& bootstrap, const std::string& name) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), nullptr, 0);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  rd_kafka_queue_t* answers = rd_kafka_queue_new(client);
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name.c_str(), 1, 1, nullptr, 0);
  rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
  rd_kafka_CreateTopics(client, &topic, 1, nullptr, answers);
  rd_kafka_event_t* answer = rd_kafka_queue_poll(answers, 20'000);
  EXPECT_TRUE(answer != nullptr && rd_kafka_event_error(answer) == RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_event_destroy(answer);
  rd_kafka_NewTopic_destroy(topic);
  rd_kafka_queue_destroy(answers);
  rd_kafka_destroy(client);
}

TEST(KafkaEmitter, ARecordWithoutAKeyIsRefusedByACompactedTopicAndTheReasonSaysSo) {
  create_compacted_topic(broker().bootstrap(), "compacted");
  const auto emitter = kafka(broker().bootstrap());
  give(*emitter,
       {record("compacted", "{\"id\":1}", "first"), record("compacted", {}, "no key"),
        record("compacted", "{\"id\":2}", "second"), record("beside", {}, "no key")},
       5);
  std::vector<Refused> refused;
  ASSERT_TRUE(wait_until(*emitter, seconds(60), [&] {
    for (auto& one : emitter->take_refused()) refused.push_back(std::move(one));
    return emitter->durable_through() >= 5;
  })) << emitter->trouble();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].record.value, "no key");
  EXPECT_EQ(refused[0].record.topic, "compacted");
  EXPECT_EQ(refused[0].reason.find("no key on a compacted topic"), 0u) << refused[0].reason;
  const auto kept = last_versions(read(broker().bootstrap(), {"compacted"}));
  EXPECT_EQ(kept.size(), 2u) << "those with a key are there";
}

TEST(KafkaEmitter, CarriesKeysValuesTombstonesAndHeaders) {
  const auto emitter = kafka(broker().bootstrap());
  Record full = record("carry.a", "{\"id\":1}", "{\"v\":\"\xC3\xA9\"}");
  full.headers = {{"weir-id", "abc-1"}, {"weir-txid", "80795"}, {"traceparent", ""}};
  give(*emitter,
       {full, record("carry.a", "{\"id\":1}", {}), record("carry.a", {}, "no key"), record("carry.a", "", "")}, 5);
  ASSERT_TRUE(wait_durable(*emitter, 5)) << emitter->trouble();
  const auto records = read(broker().bootstrap(), {"carry.a"});
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].key, "{\"id\":1}");
  EXPECT_EQ(records[0].value, "{\"v\":\"\xC3\xA9\"}");
  EXPECT_EQ(records[0].headers, full.headers);
  EXPECT_EQ(records[1].key, "{\"id\":1}");
  EXPECT_FALSE(records[1].value.has_value());
  EXPECT_TRUE(records[1].headers.empty());
  EXPECT_FALSE(records[2].key.has_value());
  EXPECT_EQ(records[3].key, "");
  EXPECT_EQ(records[3].value, "");
}

TEST(KafkaEmitter, MakesTopicsOfTheConfiguredShape) {
  const auto emitter = kafka(broker().bootstrap(), {{"topic.partitions", "6"}, {"topic.replication", "1"}});
  std::vector<Record> batch;
  for (int i = 0; i < 300; ++i) batch.push_back(record("shaped.t", "key" + std::to_string(i), std::to_string(i)));
  give(*emitter, batch, 1);
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  std::set<std::int32_t> partitions;
  for (const KafkaRecord& one : read(broker().bootstrap(), {"shaped.t"})) partitions.insert(one.partition);
  EXPECT_EQ(partitions, (std::set<std::int32_t>{0, 1, 2, 3, 4, 5}));
}

TEST(KafkaEmitter, SaysWhichTopicCannotBeMadeAndWhy) {
  const auto emitter = kafka(broker().bootstrap(), {{"topic.replication", "3"}});
  give(*emitter, {record("three.copies", "k", "v")}, 1);
  ASSERT_TRUE(wait_until(*emitter, seconds(20), [&] { return !emitter->trouble().empty(); }));
  EXPECT_NE(emitter->trouble().find("topic three.copies could not be created: "), std::string::npos)
      << emitter->trouble();
  EXPECT_NE(emitter->trouble().find("check topic.replication"), std::string::npos) << emitter->trouble();
  EXPECT_EQ(emitter->durable_through(), 0);
  EXPECT_TRUE(emitter->take_refused().empty());
}

TEST(KafkaEmitter, HandsBackRecordsOfATopicThatCanNeverBe) {
  const auto emitter = kafka(broker().bootstrap());
  give(*emitter, {record("never.be", "k", "1")}, 1);
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  give(*emitter, {record("never_be", "k", "2"), record("never.be", "k", "3")}, 2);  // Kafka: '.' and '_' collide
  std::vector<Refused> refused;
  ASSERT_TRUE(wait_until(*emitter, seconds(20), [&] {
    refused = emitter->take_refused();
    return !refused.empty();
  }));
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].record.topic, "never_be");
  EXPECT_NE(refused[0].reason.find("collide"), std::string::npos) << refused[0].reason;
  ASSERT_TRUE(wait_durable(*emitter, 2)) << emitter->trouble();
}

TEST(KafkaEmitter, HandsBackOnlyTheRecordThatTheBrokerFindsTooLarge) {
  // The client would send it; the broker's message.max.bytes is 1 MB. What shares its request must not suffer.
  const auto emitter = kafka(broker().bootstrap(), {{"message.max.bytes", "5000000"}, {"linger.ms", "20"}});
  give(*emitter, {record("large.t", "k", "0")}, 1);
  std::vector<Record> batch;
  for (unsigned i = 1; i <= 9; ++i) batch.push_back(record("large.t", "k", std::to_string(i) + noise(300'000, i)));
  batch.insert(batch.begin() + 4, record("large.t", "k", "L" + noise(2'000'000, 99)));
  give(*emitter, batch, 2);
  std::vector<Refused> refused;
  ASSERT_TRUE(wait_until(*emitter, seconds(60), [&] {
    EXPECT_LE(emitter->durable_through(), 1);
    refused = emitter->take_refused();
    return !refused.empty();
  })) << emitter->trouble();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].record.value->size(), 2'000'001u);
  EXPECT_EQ(refused[0].position, 2);
  EXPECT_NE(refused[0].reason.find("size too large"), std::string::npos) << refused[0].reason;
  give(*emitter, {record("large.t", "k", "10")}, 3);
  ASSERT_TRUE(wait_durable(*emitter, 3, seconds(60))) << emitter->trouble();
  std::string order;
  for (const KafkaRecord& one : read(broker().bootstrap(), {"large.t"})) order += one.value->substr(0, 1);
  // Those behind the refused request had been written already: they go again, so that the order ends right.
  EXPECT_EQ(order.substr(0, 5), "01234");
  EXPECT_TRUE(order.ends_with("567891")) << order;
  EXPECT_EQ(order.find('L'), std::string::npos);
}

TEST(KafkaEmitter, TransactionsOverSeveralTopicsAreWholeWhenDurable) {
  const auto emitter = kafka(broker().bootstrap(), {{"topic.partitions", "3"}});
  event::Position before = 0;
  std::size_t checked = 0;
  for (int i = 1; i <= 400; ++i) {
    std::vector<Record> batch;
    for (const char* topic : {"several.a", "several.b", "several.c"}) {
      batch.push_back(record(topic, "k" + std::to_string(i % 7), std::to_string(i)));
    }
    give(*emitter, {batch[0], batch[1]}, i, false);
    give(*emitter, {batch[2]}, i, true);
    const event::Position now = emitter->durable_through();
    ASSERT_GE(now, before);
    if (now > before && now > static_cast<event::Position>(checked) + 100) {
      checked = static_cast<std::size_t>(now);
      EXPECT_GE(read(broker().bootstrap(), {"several.a", "several.b", "several.c"}).size(), checked * 3);
    }
    before = now;
  }
  ASSERT_TRUE(wait_durable(*emitter, 400)) << emitter->trouble();
  const auto records = read(broker().bootstrap(), {"several.a", "several.b", "several.c"});
  EXPECT_EQ(records.size(), 1200u);
  std::map<std::pair<std::string, std::string>, int> last;
  for (const KafkaRecord& one : records) {
    int& previous = last[{one.topic, *one.key}];
    EXPECT_LT(previous, std::stoi(*one.value)) << one.topic << " " << *one.key;
    previous = std::stoi(*one.value);
  }
  EXPECT_EQ(last.size(), 21u);
}

TEST(KafkaEmitter, NewTopicsGetTheirFirstRecordsOnceAndInOrder) {
  // A broker answers "not leader" for a topic it has just made; what comes first must not be overtaken or lost.
  for (int round = 0; round < 15; ++round) {
    const auto emitter = kafka(broker().bootstrap(), {{"topic.partitions", "3"}});
    const std::string prefix = "new" + std::to_string(round) + ".";
    const std::vector<std::string> topics{prefix + "a", prefix + "b", prefix + "c"};
    for (int i = 1; i <= 20; ++i) {
      std::vector<Record> batch;
      for (const std::string& topic : topics) batch.push_back(record(topic, std::to_string(i % 7), std::to_string(i)));
      give(*emitter, batch, i);
    }
    ASSERT_TRUE(wait_durable(*emitter, 20)) << emitter->trouble();
    std::map<std::pair<std::string, std::string>, int> last;
    const auto records = read(broker().bootstrap(), topics);
    EXPECT_EQ(records.size(), 60u);
    for (const KafkaRecord& one : records) {
      int& previous = last[{one.topic, *one.key}];
      EXPECT_LT(previous, std::stoi(*one.value)) << one.topic << " " << *one.key;
      previous = std::stoi(*one.value);
    }
  }
}

TEST(KafkaEmitter, ATopicDeletedUnderwayIsMadeAgain) {
  const auto emitter = kafka(broker().bootstrap());
  give(*emitter, {record("deleted.t", "k", "1")}, 1);
  ASSERT_TRUE(wait_durable(*emitter, 1)) << emitter->trouble();
  delete_topic(broker().bootstrap(), "deleted.t");
  for (int i = 2; i <= 20; ++i) {
    give(*emitter, {record("deleted.t", "k", std::to_string(i))}, i);
    ASSERT_TRUE(wait_durable(*emitter, i, seconds(60))) << emitter->trouble();
  }
  EXPECT_EQ(read(broker().bootstrap(), {"deleted.t"}).back().value, "20");
}

/// Order and completeness while the broker goes away and comes back: `interrupt` is called
/// between batches, and with how often a batch has been refused for want of room.
template <typename Interrupt>
void keeps_order_while(KafkaBroker& hurt, const std::string& topic, Interrupt interrupt) {
  constexpr int keys = 10;
  constexpr int rounds = 600;
  const auto emitter = kafka(hurt.bootstrap(), {{"topic.partitions", "3"}, {"queue.buffering.max.messages", "500"}});
  event::Position before = 0;
  for (int i = 1; i <= rounds; ++i) {
    std::vector<Record> batch;
    for (int key = 0; key < keys; ++key) batch.push_back(record(topic, std::to_string(key), std::to_string(i)));
    interrupt(i, 0);
    for (int refusals = 1; !emitter->offer(std::vector<Record>(batch), i, true).value(); ++refusals) {
      interrupt(i, refusals);
      emitter->wait(milliseconds(10));
    }
    ASSERT_GE(emitter->durable_through(), before);
    before = emitter->durable_through();
  }
  ASSERT_TRUE(wait_durable(*emitter, rounds, seconds(90))) << emitter->trouble();
  EXPECT_EQ(emitter->trouble(), "");
  EXPECT_TRUE(emitter->take_refused().empty());
  std::map<std::string, int> last;
  for (const KafkaRecord& one : read(hurt.bootstrap(), {topic})) {
    int& previous = last[*one.key];
    EXPECT_EQ(std::stoi(*one.value), previous + 1) << "key " << *one.key;
    previous = std::stoi(*one.value);
  }
  ASSERT_EQ(last.size(), static_cast<std::size_t>(keys));
  for (const auto& [key, value] : last) EXPECT_EQ(value, rounds);
}

TEST(KafkaOutage, AStoppedBrokerLosesDoublesAndReordersNothing) {
  KafkaBroker hurt;
  bool stopped = false;
  bool started = false;
  keeps_order_while(hurt, "stopped.t", [&](int i, int refusals) {
    if (i == 100 && !stopped) {
      hurt.stop();
      stopped = true;
    } else if (stopped && refusals == 100) {
      hurt.start();
      started = true;
    }
  });
  EXPECT_TRUE(stopped && started);
}

TEST(KafkaOutage, AKilledBrokerLosesDoublesAndReordersNothing) {
  KafkaBroker hurt;
  bool killed = false;
  bool started = false;
  keeps_order_while(hurt, "killed.t", [&](int i, int refusals) {
    if (i == 100 && !killed) {
      hurt.kill_hard();
      killed = true;
    } else if (killed && refusals == 100) {
      hurt.start();
      started = true;
    }
  });
  EXPECT_TRUE(killed && started);
}

}  // namespace
}  // namespace weir::emitters
