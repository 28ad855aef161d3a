#include "emitters/kafka_settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "emitters/kafka.h"

namespace weir::emitters {
namespace {

std::string uri_error(const std::string& uri) {
  const Result<KafkaUri> parsed = parse_kafka_uri(uri);
  return parsed ? "(no error)" : parsed.error().message;
}

TEST(KafkaUri, ReadsBrokersAndPrefix) {
  const Result<KafkaUri> parsed =
      parse_kafka_uri("kafka://10.0.0.1:9092,broker.example:19092,[::1]:9093/shop-1.eu_west");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->brokers, "10.0.0.1:9092,broker.example:19092,[::1]:9093");
  EXPECT_EQ(parsed->prefix, "shop-1.eu_west");
}

TEST(KafkaUri, AddsThePort) {
  const Result<KafkaUri> parsed = parse_kafka_uri("kafka://a,[::1]/p");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->brokers, "a:9092,[::1]:9092");
}

TEST(KafkaUri, ThePrefixMayBeLeftToOthers) {
  for (const char* uri : {"kafka://a:9092", "kafka://a:9092/"}) {
    const Result<KafkaUri> parsed = parse_kafka_uri(uri);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->brokers, "a:9092");
    EXPECT_EQ(parsed->prefix, "");
  }
}

TEST(KafkaUri, SaysWhatIsWrong) {
  EXPECT_NE(uri_error("file:x").find("does not start with kafka://"), std::string::npos);
  EXPECT_NE(uri_error("kafka://a:9092/p q").find("letters, digits"), std::string::npos);
  EXPECT_NE(uri_error("kafka://a:9092/p/q").find("letters, digits"), std::string::npos);
  for (const char* uri :
       {"kafka:///p", "kafka://a:/p", "kafka://a:0/p", "kafka://a:65536/p", "kafka://a:9x/p", "kafka://a:9092,/p",
        "kafka://,a:9092/p", "kafka://user@a:9092/p", "kafka://::1/p", "kafka://[::1/p", "kafka://a b:1/p"}) {
    EXPECT_NE(uri_error(uri).find("is no HOST:PORT; expected kafka://HOST"), std::string::npos) << uri_error(uri);
  }
  const std::string secret = uri_error("kafka://a:9092,user:secret@b:9092/p");
  EXPECT_NE(secret.find("its broker number 2 is no HOST:PORT"), std::string::npos);
  EXPECT_EQ(secret.find("secret"), std::string::npos);
}

TEST(KafkaTopicName, KeepsWhatKafkaAllows) {
  EXPECT_EQ(kafka_topic_name("shop.public.order_items-2"), "shop.public.order_items-2");
  const std::string longest(249, 'a');
  EXPECT_EQ(kafka_topic_name(longest), longest);
}

TEST(KafkaTopicName, ReplacesTheRest) {
  EXPECT_EQ(kafka_topic_name("shop.public.Order Items"), "shop.public.Order_Items");
  EXPECT_EQ(kafka_topic_name("shop.public.\xC3\xA9"), "shop.public.__");
  EXPECT_EQ(kafka_topic_name(""), "_");
  EXPECT_EQ(kafka_topic_name("."), "_");
  EXPECT_EQ(kafka_topic_name(".."), "__");
}

TEST(KafkaTopicName, ShortensStablyAndKeepsLongNamesApart) {
  const std::string one = kafka_topic_name(std::string(300, 'a') + "1");
  const std::string two = kafka_topic_name(std::string(300, 'a') + "2");
  EXPECT_EQ(one.size(), 249u);
  EXPECT_NE(one, two);
  // FNV-1a with 64 bits, computed outside: the name must be the same for ever.
  EXPECT_EQ(kafka_topic_name(std::string(250, 'a')), std::string(232, 'a') + "_924785600b73a84f");
}

std::string settings_error(const std::string& property, const std::string& value) {
  const Result<KafkaSettings> made = kafka_settings({{property, value}});
  return made ? "" : made.error().message;
}

TEST(KafkaSettings, RefusesWhatWeakensTheGuaranteesByName) {
  const std::vector<std::pair<std::string, std::string>> weaker{
      {"enable.idempotence", "false"},
      {"acks", "1"},
      {"acks", "0"},
      {"request.required.acks", "1"},
      {"message.timeout.ms", "300000"},
      {"delivery.timeout.ms", "1000"},
      {"retries", "3"},
      {"message.send.max.retries", "0"},
      {"max.in.flight", "6"},
      {"max.in.flight.requests.per.connection", "1000000"},
      {"max.in.flight", "-1"},
      {"max.in.flight", "0"},
      {"transactional.id", "weir"},
      {"delivery.report.only.error", "true"},
      {"partitioner", "random"},
      {"sticky.partitioning.linger.ms", "10"},
      {"queuing.strategy", "lifo"},
      {"bootstrap.servers", "elsewhere:9092"},
      {"metadata.broker.list", "x:1"},
      {"log.queue", "false"},
      {"topic.create", "perhaps"},
      {"topic.partitions", "0"},
      {"topic.partitions", "many"},
      {"topic.replication", "1x"},
      {"test.mock.num.brokers", "3"},
      {"enable.idempotence", ""},
  };
  for (const auto& [property, value] : weaker) {
    const std::string message = settings_error(property, value);
    EXPECT_NE(message.find("kafka property \"" + property + "\" cannot be \"" + value + "\": "), std::string::npos)
        << property << "=" << value << ": " << message;
  }
}

TEST(KafkaSettings, TakesGuaranteesAsTheyAre) {
  for (const auto& [property, value] :
       std::vector<std::pair<std::string, std::string>>{{"enable.idempotence", "true"},
                                                        {"acks", "all"},
                                                        {"acks", "-1"},
                                                        {"message.timeout.ms", "0"},
                                                        {"max.in.flight", "1"},
                                                        {"max.in.flight", "5"},
                                                        {"partitioner", "consistent_random"}}) {
    EXPECT_EQ(settings_error(property, value), "") << property << "=" << value;
  }
}

TEST(KafkaSettings, LeavesTheRestToLibrdkafkaAfterTheDefaults) {
  const Result<KafkaSettings> made = kafka_settings({{"compression.codec", "none"}, {"ssl.ca.location", "/ca.pem"}});
  ASSERT_TRUE(made);
  const auto place = [&](const std::string& property) {
    const auto& all = made->properties;
    return std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == property; }) - all.begin();
  };
  EXPECT_LT(place("compression.type"), place("compression.codec")) << "an alias must win over the default";
  EXPECT_LT(place("ssl.ca.location"), static_cast<long>(made->properties.size()));
}

TEST(KafkaSettings, KeepsItsOwnPropertiesFromLibrdkafka) {
  const Result<KafkaSettings> made = kafka_settings(
      {{"topic.partitions", "12"}, {"topic.replication", "-1"}, {"topic.create", "false"}, {"partitioner", "fnv1a"}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->topic_partitions, 12);
  EXPECT_EQ(made->topic_replication, -1);
  EXPECT_FALSE(made->create_topics);
  EXPECT_EQ(made->partitioner, "fnv1a");
  for (const auto& [property, value] : made->properties) {
    EXPECT_FALSE(property.starts_with("topic.p") || property.starts_with("topic.r") || property == "partitioner");
  }
}

std::string emitter_error(const std::map<std::string, std::string>& properties) {
  KafkaOptions options;
  options.brokers = "127.0.0.1:1";
  options.properties = properties;
  const auto made = make_kafka_emitter(options);
  return made ? "" : made.error().message;
}

TEST(KafkaProperties, UnknownOrWrongOnesAreNamed) {
  EXPECT_EQ(emitter_error({{"lingr.ms", "1"}}),
            "kafka property \"lingr.ms\": No such configuration property: \"lingr.ms\"");
  EXPECT_NE(emitter_error({{"compression.type", "rar"}}).find("kafka property \"compression.type\": "),
            std::string::npos);
  EXPECT_NE(emitter_error({{"linger.ms", "soon"}}).find("kafka property \"linger.ms\": "), std::string::npos);
  EXPECT_NE(emitter_error({{"dr_msg_cb", "x"}}).find("kafka property \"dr_msg_cb\": "), std::string::npos);
}

TEST(KafkaProperties, WhatOnlyTheWholeCanShowIsSaidToo) {
  EXPECT_NE(emitter_error({{"security.protocol", "ssl"}, {"ssl.ca.location", "/no/such/ca.pem"}})
                .find("kafka 127.0.0.1:1: ssl.ca.location failed"),
            std::string::npos);
  EXPECT_NE(emitter_error({{"queue.buffering.max.messages", "0"}}).find("queue.buffering.max.messages"),
            std::string::npos);
  EXPECT_NE(emitter_error({{"message.max.bytes", "100000000"}}).find("raise that too"), std::string::npos);
  EXPECT_EQ(emitter_error({{"message.max.bytes", "100000000"}, {"queue.buffering.max.kbytes", "200000"}}), "");
}

}  // namespace
}  // namespace weir::emitters
