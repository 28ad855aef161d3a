// Records to Kafka, through librdkafka's idempotent producer.
//
// What reaches a topic partition is in the order in which it was offered, also when requests are repeated, brokers
// restart or the producer must be made anew; a record that had to go again takes all later records of its topic with
// it, so a consumer may see a stretch twice (with the same ids) but its last state is right. Records with a key go
// where Java's default partitioner puts that key; records without one all go to one partition per topic.
// A broker that is down is waited for, for ever and within the memory limits queue.buffering.max.messages and
// queue.buffering.max.kbytes; `trouble` says what is wrong. A record is only handed back as refused when the brokers,
// or the limits of the client, refused it sent alone: too large, invalid, or for a topic whose name can never exist.
// librdkafka's own threads touch nothing of Weir: the emitter is used, and its answers are read, by one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "emitters/emitter.h"

namespace weir::emitters {

struct KafkaUri {
  std::string brokers;  ///< "10.0.0.1:9092,[::1]:9093", as librdkafka's bootstrap.servers takes it
  std::string prefix;   ///< of the topics; empty where the URI has none
};

/// Reads kafka://HOST[:PORT][,HOST[:PORT]…][/PREFIX]; a missing port is 9092. An error does not repeat the URI.
Result<KafkaUri> parse_kafka_uri(std::string_view uri);

/// The topic a record goes to: characters that Kafka does not allow become '_', a name longer than 249 is cut and ends
/// with a hash of the whole. Different names can become one topic ("a b" and "a_b").
std::string kafka_topic_name(std::string_view name);

struct KafkaOptions {
  std::string name;     ///< the emitter's name, stable over restarts
  std::string brokers;  ///< KafkaUri::brokers
  /// Any property of librdkafka, and topic.partitions, topic.replication (-1: the broker's default) and topic.create
  /// for topics that do not exist yet. Those that Weir's guarantees rest on are refused where they would weaken them.
  std::map<std::string, std::string> properties;
  /// What librdkafka logs, with syslog's level; called by the thread that uses the emitter.
  std::function<void(int level, const std::string& line)> log;
};

/// Fails on a wrong property, naming it. No broker has to answer for it to succeed.
Result<std::unique_ptr<Emitter>> make_kafka_emitter(const KafkaOptions& options);

}  // namespace weir::emitters
