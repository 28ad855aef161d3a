// What the tests of the Kafka emitter share: records made in one line, and the delivery loop's part in small.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "emitters/kafka.h"

namespace weir::emitters {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline Record record(const std::string& topic, std::optional<std::string> key, std::optional<std::string> value) {
  Record made;
  made.topic = topic;
  made.key = std::move(key);
  made.value = std::move(value);
  return made;
}

inline std::unique_ptr<Emitter> kafka(const std::string& brokers, std::map<std::string, std::string> properties = {}) {
  KafkaOptions options;
  options.name = "kafka://" + brokers + "/test";
  options.brokers = brokers;
  options.properties = std::move(properties);
  Result<std::unique_ptr<Emitter>> made = make_kafka_emitter(options);
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(made.value());
}

/// Waits, as the delivery loop does, until `done` says so; false where it does not within the time.
template <typename Condition>
bool wait_until(Emitter& emitter, milliseconds at_most, Condition done) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    emitter.wait(milliseconds(10));
  }
  return true;
}

inline bool wait_durable(Emitter& emitter, event::Position position, milliseconds at_most = seconds(30)) {
  return wait_until(emitter, at_most, [&] { return emitter.durable_through() >= position; });
}

/// Offers until it is taken.
inline void give(Emitter& emitter, const std::vector<Record>& batch, event::Position position, bool ends = true) {
  bool taken = false;
  ASSERT_TRUE(wait_until(emitter, seconds(60),
                         [&] {
                           const Result<bool> answer = emitter.offer(std::vector<Record>(batch), position, ends);
                           if (!answer) throw std::runtime_error(answer.error().message);
                           taken = *answer;
                           return taken;
                         }))
      << "not taken: " << emitter.trouble();
}

/// The last version of each key, by topic and key: what a consumer ends with.
template <typename Records>
std::map<std::pair<std::string, std::string>, std::string> last_versions(const Records& records) {
  std::map<std::pair<std::string, std::string>, std::string> last;
  for (const auto& one : records) last[{one.topic, one.key.value_or("")}] = one.value.value_or("(tombstone)");
  return last;
}

}  // namespace weir::emitters
