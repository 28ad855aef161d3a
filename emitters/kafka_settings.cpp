#include "emitters/kafka_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "emitters/kafka.h"

namespace weir::emitters {
namespace {

constexpr std::size_t max_topic_length = 249;
constexpr std::string_view uri_shape = "expected kafka://HOST[:PORT][,HOST[:PORT]...][/PREFIX]";

bool allowed_in_topic(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// FNV-1a: the same on every machine and in every version, which std::hash does not promise.
std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ULL;
  return hash;
}

/// Without the URI itself: who takes it for one of another kind may have written a password into it.
Error uri_error(const std::string& what) {
  return Error{what + "; " + std::string(uri_shape), ""};
}

/// "host", "host:port", "[::1]:port" with the port filled in; empty where it is none of them.
std::string with_port(std::string_view broker) {
  const std::size_t bracket = broker.rfind(']');
  const std::size_t colon = broker.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = broker.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (host.empty() || (!bracketed && host.find_first_of("[]@ ?#") != std::string_view::npos)) return {};
  if (colon == std::string_view::npos) return std::string(host) + ":9092";
  const std::string_view port = broker.substr(colon + 1);
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (failure != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535) return {};
  return std::string(broker);
}

struct Guarantee {
  std::string_view property;
  std::array<std::string_view, 3> allowed;  ///< empty: no value is
  std::string_view why;
};

constexpr std::array<Guarantee, 17> guarantees{{
    {"enable.idempotence", {"true", "t", "1"}, "without it a repeated request duplicates and reorders events"},
    {"acks", {"all", "-1"}, "with fewer acknowledgements a broker's failure loses events"},
    {"request.required.acks", {"all", "-1"}, "with fewer acknowledgements a broker's failure loses events"},
    {"message.timeout.ms", {"0"}, "an event is never given up because a broker is away"},
    {"delivery.timeout.ms", {"0"}, "an event is never given up because a broker is away"},
    {"retries", {"2147483647"}, "an event is never given up because a broker is away"},
    {"message.send.max.retries", {"2147483647"}, "an event is never given up because a broker is away"},
    {"delivery.report.only.error", {"false", "f", "0"}, "Weir must hear of every acknowledgement"},
    {"sticky.partitioning.linger.ms", {"0"}, "events without a key would change partition and lose their order"},
    {"queuing.strategy", {"fifo"}, "events would lose their order"},
    {"transactional.id", {}, "Kafka transactions are not supported yet"},
    {"transaction.timeout.ms", {}, "Kafka transactions are not supported yet"},
    {"bootstrap.servers", {}, "the brokers come from the kafka:// address"},
    {"metadata.broker.list", {}, "the brokers come from the kafka:// address"},
    {"log.queue", {"true", "t", "1"}, "librdkafka's log lines are printed by Weir"},
    {"enabled_events", {}, "Weir chooses the events it needs"},
    {"test.mock.num.brokers", {}, "it would deliver to a broker that does not exist"},
}};

std::string list_of(const std::array<std::string_view, 3>& allowed) {
  std::string text;
  for (const std::string_view value : allowed) {
    if (!value.empty()) text += (text.empty() ? "" : " or ") + std::string(value);
  }
  return text;
}

Result<void> check_guarantee(const std::string& property, const std::string& value) {
  const auto found = std::find_if(guarantees.begin(), guarantees.end(),
                                  [&](const Guarantee& guarantee) { return guarantee.property == property; });
  if (found == guarantees.end()) return {};
  if (!value.empty() && std::find(found->allowed.begin(), found->allowed.end(), value) != found->allowed.end())
    return {};
  const std::string only = list_of(found->allowed);
  return Error{"kafka property \"" + property + "\" cannot be \"" + value + "\": " + std::string(found->why) +
                   (only.empty() ? "; remove it" : "; remove it, or say " + only),
               ""};
}

Result<int> number_of(const std::string& property, const std::string& value, int lowest, int highest) {
  int number = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = failure == std::errc{} && end == value.data() + value.size();
  const bool in_range = number == -1 || (number >= lowest && number <= highest);
  if (whole && in_range) return number;
  return Error{"kafka property \"" + property + "\" cannot be \"" + value + "\": a number from " +
                   std::to_string(lowest) + " to " + std::to_string(highest) + ", or -1 for the broker's default",
               ""};
}

Result<void> set_partitioner(const std::string& value, KafkaSettings& settings) {
  constexpr std::array<std::string_view, 6> known{"murmur2_random",    "murmur2",      "consistent",
                                                  "consistent_random", "fnv1a_random", "fnv1a"};
  if (std::find(known.begin(), known.end(), value) == known.end()) {
    return Error{"kafka property \"partitioner\" cannot be \"" + value +
                     "\": events of one key must keep to one partition; use murmur2_random (as Java's producers), "
                     "murmur2, consistent, consistent_random, fnv1a or fnv1a_random",
                 ""};
  }
  settings.partitioner = value;
  return {};
}

Result<void> set_max_in_flight(const std::string& property, const std::string& value, KafkaSettings& settings) {
  const Result<int> number = number_of(property, value, 1, 5);
  if (!number || *number == -1) {
    return Error{"kafka property \"" + property + "\" cannot be \"" + value +
                     "\": Kafka keeps the order of repeated requests only with 1 to 5 in flight",
                 ""};
  }
  settings.properties.emplace_back(property, value);
  return {};
}

Result<void> set_create(const std::string& value, KafkaSettings& settings) {
  if (value != "true" && value != "false") {
    return Error{"kafka property \"topic.create\" cannot be \"" + value + "\": true or false", ""};
  }
  settings.create_topics = value == "true";
  return {};
}

Result<void> set_number(const std::string& property, const std::string& value, int highest, int& out) {
  const Result<int> number = number_of(property, value, 1, highest);
  if (!number) return number.error();
  out = *number;
  return {};
}

Result<void> set_one(const std::string& property, const std::string& value, KafkaSettings& settings) {
  if (property == "topic.partitions") return set_number(property, value, 100'000, settings.topic_partitions);
  if (property == "topic.replication") return set_number(property, value, 32'767, settings.topic_replication);
  if (property == "topic.create") return set_create(value, settings);
  if (property == "partitioner") return set_partitioner(value, settings);
  if (property == "max.in.flight" || property == "max.in.flight.requests.per.connection") {
    return set_max_in_flight(property, value, settings);
  }
  if (const Result<void> safe = check_guarantee(property, value); !safe) return safe;
  settings.properties.emplace_back(property, value);
  return {};
}

}  // namespace

Result<KafkaUri> parse_kafka_uri(std::string_view uri) {
  constexpr std::string_view scheme = "kafka://";
  if (!uri.starts_with(scheme)) return uri_error("it does not start with kafka://");
  const std::string_view rest = uri.substr(scheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  KafkaUri result;
  result.prefix = slash == rest.size() ? "" : rest.substr(slash + 1);
  std::string letters = result.prefix;
  if (const auto place = letters.find("{db}"); place != std::string::npos) letters.erase(place, 4);
  if (!std::all_of(letters.begin(), letters.end(), allowed_in_topic)) {
    return uri_error("a topic prefix has letters, digits, '.', '_' and '-' only, and {db} for the database");
  }
  int number = 0;
  for (std::size_t start = 0; start <= slash;) {
    const std::size_t end = std::min(rest.find(',', start), slash);
    const std::string address = with_port(rest.substr(start, end - start));
    ++number;
    if (address.empty()) return uri_error("its broker number " + std::to_string(number) + " is no HOST:PORT");
    result.brokers += (result.brokers.empty() ? "" : ",") + address;
    start = end + 1;
  }
  return result;
}

std::string kafka_topic_name(std::string_view name) {
  std::string topic(name);
  for (char& c : topic) {
    if (!allowed_in_topic(c)) c = '_';
  }
  if (topic.empty() || topic == "." || topic == "..") return std::string(std::max<std::size_t>(1, topic.size()), '_');
  if (topic.size() <= max_topic_length) return topic;
  return topic.substr(0, max_topic_length - 17) + "_" + hex(stable_hash(name));
}

Result<KafkaSettings> kafka_settings(const std::map<std::string, std::string>& properties) {
  KafkaSettings settings;
  settings.properties = {
      {"client.id", "weir"},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"message.timeout.ms", "0"},             // for ever: order would be lost with a record given up
      {"sticky.partitioning.linger.ms", "0"},  // or librdkafka would place records without a key itself
      {"max.in.flight", "1"},  // with more, a new topic's first request may be overtaken (README, Decisions)
      {"log.queue", "true"},
      {"linger.ms", "0"},  // batches form by themselves while the one request is in flight
      {"socket.nagle.disable", "true"},
      {"compression.type", "lz4"},
      {"reconnect.backoff.max.ms", "2000"},
      {"queue.buffering.max.messages", "100000"},
      {"queue.buffering.max.kbytes", "65536"},
  };
  for (const auto& [property, value] : properties) {
    if (const Result<void> set = set_one(property, value, settings); !set) return set.error();
  }
  return settings;
}

}  // namespace weir::emitters
