// What a configuration of the Kafka emitter means, before librdkafka sees it. Pure: no I/O, no librdkafka.
//
// Defaults come first and may be overridden; properties that Weir's guarantees rest on may be repeated with the value
// they have, any other value is refused by name and reason. Properties not known here are left for librdkafka to judge.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::emitters {

struct KafkaSettings {
  /// For rd_kafka_conf_set, in this order: a later one wins, also where it is an alias of an earlier one.
  std::vector<std::pair<std::string, std::string>> properties;
  std::string partitioner = "murmur2_random";  ///< for records with a key; one of librdkafka's names
  int topic_partitions = -1;                   ///< of topics that are created; -1: the broker's default
  int topic_replication = -1;
  bool create_topics = true;
};

Result<KafkaSettings> kafka_settings(const std::map<std::string, std::string>& properties);

}  // namespace weir::emitters
