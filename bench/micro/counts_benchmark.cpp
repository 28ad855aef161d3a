// What a committed transaction pays for being counted: on its session's worker, on the stream's thread, and on the
// thread of one destination. Clock readings included.
#include <benchmark/benchmark.h>

#include "proxy/counts/commit_counts.h"
#include "proxy/counts/destination_counts.h"
#include "proxy/counts/metrics_text.h"
#include "proxy/counts/stream_counts.h"
#include "proxy/process/clock.h"

namespace weir::proxy {
namespace {

/// As pgbench's transaction has it: three tables and one INSERT.
capture::Released transaction() {
  auto events = std::make_shared<std::vector<event::ChangeEvent>>();
  for (const char* table : {"pgbench_accounts", "pgbench_tellers", "pgbench_branches", "pgbench_history"}) {
    event::ChangeEvent change;
    change.op = events->size() == 3 ? event::Op::create : event::Op::update;
    change.schema = "public";
    change.table = table;
    events->push_back(change);
  }
  capture::Released released;
  released.transaction.database = "bench";
  released.transaction.position = 1;
  released.transaction.committed_us = 1;
  released.transaction.event_count = 4;
  released.events = std::move(events);
  return released;
}

void CountOnWorker(benchmark::State& state) {
  CommitCounts counts;
  auto& shard = counts.shard(0);
  for (auto _ : state) {
    const auto since = std::chrono::steady_clock::now();
    shard.gate.observe(std::chrono::steady_clock::now() - since);
    shard.committed.add();
  }
}
BENCHMARK(CountOnWorker);

void CountInStream(benchmark::State& state) {
  StreamCounts counts;
  const auto released = transaction();
  for (auto _ : state) counts.add({&released, 1});
}
BENCHMARK(CountInStream);

/// In one destination, with the transaction's begin, its batch and its confirmation by itself.
void CountAtDestination(benchmark::State& state) {
  DestinationCounts counts("bench", wall_us);
  auto one = transaction().transaction;
  for (auto _ : state) {
    ++one.position;
    counts.begun(one);
    counts.offered(4, 2000);
    counts.durable(one.position);
  }
}
BENCHMARK(CountAtDestination);

}  // namespace
}  // namespace weir::proxy
