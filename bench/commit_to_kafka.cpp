// From the commit's acknowledgement at the client to the record read from Kafka.
//
//   commit_to_kafka latency CONNINFO BROKERS TOPIC WRITES_PER_SECOND SECONDS
//     updates one row at this rate (autocommit, prepared) and prints one line: p50, p99 and maximum in milliseconds,
//     and how many records never came. With 0 seconds it ends with the first record that it reads of its own.
//   commit_to_kafka count BROKERS TOPIC IDLE_SECONDS
//     prints the time (seconds since the epoch) and the number of records read so far, ten times a second, until none
//     came for so long.
//
// The row is bench_latency(id integer primary key, n bigint); its n is the number of the write.
#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "bench/kafka_reader.h"

namespace {

using Clock = std::chrono::steady_clock;
using weir::bench::KafkaReader;

constexpr auto kLastRecordPatience = std::chrono::seconds(10);
/// Who captures may be behind by what was written before.
constexpr auto kWarmUpPatience = std::chrono::seconds(300);

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "commit_to_kafka: %s\n", what.c_str());
  std::exit(1);
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

/// What was written: the first member "n" behind "after"; 0 where there is none.
std::size_t number_of(std::string_view value) {
  auto at = value.find("\"after\"");
  if (at == std::string_view::npos) return 0;
  at = value.find("\"n\":", at);
  if (at == std::string_view::npos) return 0;
  return std::strtoull(std::string(value.substr(at + 4, 20)).c_str(), nullptr, 10);
}

class Writer {
 public:
  explicit Writer(const char* conninfo) : connection_(PQconnectdb(conninfo)) {
    if (PQstatus(connection_) != CONNECTION_OK) fail(PQerrorMessage(connection_));
    check(PQprepare(connection_, "write", "UPDATE bench_latency SET n = $1::bigint WHERE id = 1", 0, nullptr));
  }
  ~Writer() { PQfinish(connection_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void write(std::size_t number) {
    const std::string text = std::to_string(number);
    const char* values[] = {text.c_str()};
    check(PQexecPrepared(connection_, "write", 1, values, nullptr, nullptr, 0));
  }

 private:
  void check(PGresult* result) {
    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail(PQerrorMessage(connection_));
    PQclear(result);
  }
  PGconn* connection_;
};

void print_latencies(const std::vector<std::int64_t>& acknowledged, const std::vector<std::int64_t>& read) {
  std::vector<double> milliseconds;
  for (std::size_t i = 1; i < read.size(); ++i) {
    if (read[i]) milliseconds.push_back(static_cast<double>(read[i] - acknowledged[i]) / 1e6);
  }
  if (milliseconds.empty()) fail("no record came");
  std::sort(milliseconds.begin(), milliseconds.end());
  const auto at = [&](double part) {
    return milliseconds[std::min(milliseconds.size() - 1, static_cast<std::size_t>(part * milliseconds.size()))];
  };
  std::printf("p50 %.2f p99 %.2f max %.2f lost %zu\n", at(0.5), at(0.99), milliseconds.back(),
              read.size() - 1 - milliseconds.size());
}

/// Writes number 0 until it was read: then the topic is there and the reader has caught up with it.
void warm_up(Writer& writer, std::size_t first, const std::atomic<bool>& ready) {
  const auto deadline = Clock::now() + kWarmUpPatience;
  while (!ready) {
    if (Clock::now() > deadline) fail("no record came from Kafka");
    writer.write(first);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

int measure_latency(const char* conninfo, const char* brokers, const char* topic, int rate, int seconds) {
  const auto writes = static_cast<std::size_t>(rate) * static_cast<std::size_t>(seconds);
  std::vector<std::int64_t> acknowledged(writes + 1), read(writes + 1);
  std::atomic<std::size_t> records = 0;
  std::atomic<bool> stop = false, ready = false;
  // Numbers of this run alone, so that records of an earlier one are not taken for its own.
  const auto first = static_cast<std::size_t>(std::chrono::system_clock::now().time_since_epoch().count());
  KafkaReader reader(brokers, topic);
  std::thread reading([&] {
    while (!stop) {
      reader.read(50, [&](std::string_view value) {
        const auto number = number_of(value) - first;
        if (number == 0) ready = true;
        if (number == 0 || number > writes || read[number]) return;
        read[number] = now_ns();
        ++records;
      });
    }
  });

  Writer writer(conninfo);
  warm_up(writer, first, ready);
  if (seconds == 0) {
    stop = true;
    reading.join();
    return 0;
  }
  const auto begin = Clock::now();
  for (std::size_t number = 1; number <= writes; ++number) {
    std::this_thread::sleep_until(begin + std::chrono::nanoseconds(1'000'000'000LL * static_cast<long>(number) / rate));
    writer.write(first + number);
    acknowledged[number] = now_ns();
  }
  const auto deadline = Clock::now() + kLastRecordPatience;
  while (records < writes && Clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  stop = true;
  reading.join();
  print_latencies(acknowledged, read);
  return 0;
}

int count_records(const char* brokers, const char* topic, int idle_seconds) {
  KafkaReader reader(brokers, topic);
  std::size_t records = 0;
  auto last = Clock::now();
  auto printed = last;
  while (Clock::now() - last < std::chrono::seconds(idle_seconds)) {
    if (reader.read(100, [&](std::string_view) { ++records; })) last = Clock::now();
    if (Clock::now() - printed < std::chrono::milliseconds(100)) continue;
    printed = Clock::now();
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    std::printf("%.3f %zu\n", std::chrono::duration<double>(since_epoch).count(), records);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 7 && std::strcmp(argv[1], "latency") == 0) {
    return measure_latency(argv[2], argv[3], argv[4], std::atoi(argv[5]), std::atoi(argv[6]));
  }
  if (argc == 5 && std::strcmp(argv[1], "count") == 0) return count_records(argv[2], argv[3], std::atoi(argv[4]));
  fail("usage: latency CONNINFO BROKERS TOPIC RATE SECONDS, or count BROKERS TOPIC IDLE_SECONDS");
}
