// Reads one partition of one topic from its beginning, as a consumer that wants every record at once does it.
// For the benchmarks: errors end the program with a message. Used by one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

struct rd_kafka_s;

namespace weir::bench {

class KafkaReader {
 public:
  /// Partition 0 of the topic; the topic may come into being later.
  KafkaReader(const std::string& brokers, const std::string& topic);
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;
  ~KafkaReader();

  /// Hands over the next record's value, waiting for it at most so long; false where none came.
  bool read(int at_most_ms, const std::function<void(std::string_view value)>& take);

 private:
  rd_kafka_s* consumer_ = nullptr;
};

}  // namespace weir::bench
