// A look at a Kafka before it is used: do its brokers answer, are the topics there, may missing ones be made.
//
// Writes nothing: topics that are not there are asked for with "validate only". What a user may write is seen with the
// first record alone, so nothing is said of it. Blocks.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "emitters/destination.h"
#include "emitters/kafka.h"

namespace weir::emitters {

std::vector<DestinationKind::Look> look_at_kafka(const KafkaOptions& options, const std::vector<std::string>& topics,
                                                 std::chrono::milliseconds patience);

}  // namespace weir::emitters
