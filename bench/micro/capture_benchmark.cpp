// What a statement costs before it is sent (found in the cache, or parsed and planned), and what one row of it does.
#include <benchmark/benchmark.h>

#include "capture/facts_shape.h"
#include "capture/plan.h"
#include "capture/session/row_reader.h"
#include "capture/sql/statement_cache.h"

namespace weir::capture {
namespace {

constexpr std::string_view kUpdate = "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2;";
constexpr std::string_view kSelect = "SELECT abalance FROM pgbench_accounts WHERE aid = $1;";

void CacheHit(benchmark::State& state) {
  StatementCache cache;
  for (int i = 0; i < 1000; ++i) cache.find_or_parse("SELECT " + std::to_string(i), {}, true);
  for (auto _ : state) benchmark::DoNotOptimize(cache.find_or_parse(kUpdate, {}));
}
BENCHMARK(CacheHit);

/// The simple protocol with literals: every text is a new one.
void CacheMiss(benchmark::State& state) {
  StatementCache cache({.cache_bytes = 1 << 20});
  std::size_t number = 0;
  for (auto _ : state) {
    const std::string text =
        "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = " + std::to_string(++number);
    benchmark::DoNotOptimize(cache.find_or_parse(text, {}));
  }
}
BENCHMARK(CacheMiss);

void Parse(benchmark::State& state, std::string_view text) {
  for (auto _ : state) benchmark::DoNotOptimize(parse(text, {}));
}
BENCHMARK_CAPTURE(Parse, update, kUpdate);
BENCHMARK_CAPTURE(Parse, select, kSelect);

std::shared_ptr<const RelationFacts> accounts() {
  RelationFacts facts;
  facts.oid = 16384;
  facts.name = {"public", "pgbench_accounts"};
  facts.kind = 'r';
  facts.persistence = 'p';
  facts.selectable = true;
  facts.key = {"aid"};
  facts.columns = {{"aid", 'N'}, {"bid", 'N'}, {"abalance", 'N'}, {"filler", 'S'}};
  return std::make_shared<const RelationFacts>(std::move(facts));
}

void MakePlan(benchmark::State& state, int version) {
  const auto parsed = parse(kUpdate, {});
  const std::vector<std::shared_ptr<const RelationFacts>> relations = {accounts()};
  const ServerSettings server{.version = version};
  const Scope scope;
  for (auto _ : state) {
    const Plan plan = make_plan({kUpdate, *parsed.single(), relations, server, scope});
    if (plan.how != Plan::How::returning) return state.SkipWithError("not the plan that is measured");
    benchmark::DoNotOptimize(plan.suffix.data());
  }
}
BENCHMARK_CAPTURE(MakePlan, postgresql_15, 15);
BENCHMARK_CAPTURE(MakePlan, postgresql_18, 18);

/// One row of pgbench's UPDATE becomes an event. `with_shape`: its columns are compared with the table's shape.
void ReadRow(benchmark::State& state, bool with_shape) {
  RelationFacts facts = *accounts();
  facts.leaves = {{16384, facts.name}};
  for (const Column& column : facts.columns)
    facts.types.push_back({column.name, 1, 23, "pg_catalog", "int4", -1, 'b', 0, false});
  if (with_shape) facts.shape = shape_of(facts, {});
  const auto parsed = parse(kUpdate, {});
  const std::vector<std::shared_ptr<const RelationFacts>> relations = {
      std::make_shared<const RelationFacts>(std::move(facts))};
  const ServerSettings server{.version = 15};
  const Scope scope;
  const Plan plan = make_plan({kUpdate, *parsed.single(), relations, server, scope});
  const std::string image = R"({"aid":4711,"bid":1,"abalance":-1234,"filler":")" + std::string(84, ' ') + "\"}";
  const wire::RowView row = {image, "16384", "80795", "0/23EE9B0"};
  for (auto _ : state) {
    const auto read = read_row(row, plan, scope);
    if (read.events.size() != 1 || (read.events[0].shape != nullptr) != with_shape)
      return state.SkipWithError("not the event that is measured");
    benchmark::DoNotOptimize(read.events.data());
  }
}
BENCHMARK_CAPTURE(ReadRow, alone, false);
BENCHMARK_CAPTURE(ReadRow, shape, true);

}  // namespace
}  // namespace weir::capture
