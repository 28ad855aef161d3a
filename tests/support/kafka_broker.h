// A real Kafka broker (KRaft, one node) on a free port of 127.0.0.1, and a reader of everything that stands on its
// topics.
//
// The broker's data lives in a temporary folder and survives stop, kill_hard and start on the same port; all is gone
// with the object. Its jars come from `.deps/kafka` (tests/support/fetch_servers.sh); where they are missing the
// constructor throws with a message that says so. Topics are made on first use, with `partitions` partitions each.
// Use the broker on the thread that made it (see child_process.h). A KafkaReader belongs to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"

struct rd_kafka_s;

namespace weir::test_support {

class KafkaBroker {
 public:
  explicit KafkaBroker(int partitions = 1);
  KafkaBroker(const KafkaBroker&) = delete;
  KafkaBroker& operator=(const KafkaBroker&) = delete;
  ~KafkaBroker();

  int port() const { return port_; }
  /// "127.0.0.1:PORT", as bootstrap.servers wants it.
  std::string bootstrap() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string log() const;

  void start();
  /// A controlled shutdown; clients are told.
  void stop();
  void kill_hard();

 private:
  void format_storage();
  std::vector<std::string> java(const std::string& main_class) const;

  int partitions_;
  TempFolder folder_;
  int port_;
  int controller_port_;
  std::unique_ptr<ChildProcess> process_;
};

struct KafkaRecord {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;  ///< absent: a tombstone
  std::vector<std::pair<std::string, std::string>> headers;

  /// The first header of that name; empty where there is none.
  std::string header(const std::string& name) const;
};

/// Reads topics from their first record on. Committed records only, as a careful consumer does.
class KafkaReader {
 public:
  explicit KafkaReader(const std::string& bootstrap);
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;
  ~KafkaReader();

  /// Topics that exist now and start with `prefix`, sorted.
  std::vector<std::string> topics(const std::string& prefix = "");
  /// What stands in all partitions of these topics beyond what was already returned, up to their ends as of now.
  /// Records of one partition come in its order. Throws where the broker does not answer within `at_most`.
  std::vector<KafkaRecord> read_to_end(const std::vector<std::string>& topics,
                                       std::chrono::milliseconds at_most = std::chrono::seconds(30));

 private:
  using Partition = std::pair<std::string, std::int32_t>;

  std::vector<Partition> partitions_of(const std::vector<std::string>& topics, std::chrono::milliseconds at_most);
  void assign(const std::vector<Partition>& partitions);

  rd_kafka_s* consumer_ = nullptr;
  std::map<Partition, std::int64_t> next_;
};

}  // namespace weir::test_support
