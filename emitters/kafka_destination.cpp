// What Kafka can be told, and how it is known: with one more broker it is the same destination.
#include <algorithm>
#include <set>

#include "emitters/destination.h"
#include "emitters/kafka.h"
#include "emitters/kafka_look.h"

namespace weir::emitters {

namespace {

/// A produce request costs a broker about as much whether it brings one record or fifty.
constexpr std::chrono::milliseconds pace{5};
/// Connections to brokers are made when they are needed, long after clients have come.
constexpr unsigned broker_connections = 16;

std::set<std::string> split(const std::string& list) {
  std::set<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find(',', begin), list.size());
    parts.insert(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool share_a_broker(const std::string& one, const std::string& other) {
  const auto brokers = split(one);
  const auto others = split(other);
  return std::any_of(brokers.begin(), brokers.end(), [&](const auto& broker) { return others.count(broker) > 0; });
}

Result<KafkaOptions> kafka_options(const DestinationOptions& options) {
  const auto parsed = parse_kafka_uri(options.uri);
  if (!parsed) return parsed.error();
  KafkaOptions kafka;
  kafka.name = options.name;
  kafka.brokers = parsed->brokers;
  kafka.properties = options.own;
  kafka.log = [debug = options.debug](int, const std::string& line) { debug("librdkafka: " + line); };
  return kafka;
}

class KafkaDestination final : public DestinationKind {
 public:
  std::string_view name() const override { return "kafka"; }
  std::string_view scheme() const override { return "kafka://"; }
  std::string_view form() const override { return "kafka://HOST[:PORT][,HOST[:PORT]...][/PREFIX]"; }
  Result<Uri> read(const std::string& uri) const override {
    const auto parsed = parse_kafka_uri(uri);
    if (!parsed) return Error{"is no address of Kafka: " + parsed.error().message, ""};
    return Uri{parsed->prefix};
  }
  std::string_view other_settings() const override { return "any property of librdkafka"; }

  bool is_same(const std::string& earlier, const std::string& uri) const override {
    const auto before = parse_kafka_uri(earlier);
    const auto now = parse_kafka_uri(uri);
    return before && now && before->prefix == now->prefix && share_a_broker(before->brokers, now->brokers);
  }

  Result<std::unique_ptr<Emitter>> open(const DestinationOptions& options) const override {
    const auto kafka = kafka_options(options);
    if (!kafka) return kafka.error();
    return make_kafka_emitter(*kafka);
  }

  std::vector<Look> look(const DestinationOptions& options, const std::vector<std::string>& topics,
                         std::chrono::milliseconds patience) const override {
    const auto kafka = kafka_options(options);
    if (!kafka) return {{Look::Is::bad, kafka.error().message}};
    return look_at_kafka(*kafka, topics, patience);
  }

  Statements usual_statements() const override { return Statements::gap; }
  std::chrono::milliseconds usual_pace() const override { return pace; }
  unsigned descriptors() const override { return broker_connections; }
};

}  // namespace

const DestinationKind& kafka_destination() {
  static const KafkaDestination kind;
  return kind;
}

}  // namespace weir::emitters
