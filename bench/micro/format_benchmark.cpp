// What one event costs in each format: a transaction of one row with a 400-byte image.
#include <benchmark/benchmark.h>

#include "emitters/format.h"

namespace weir::emitters {
namespace {

void FormatEvent(benchmark::State& state, const char* name) {
  auto format = make_format(name, {});
  if (!format) return state.SkipWithError(format.error().message.c_str());
  event::Transaction transaction;
  transaction.xid = 80795;
  transaction.database = "shop";
  transaction.event_count = 1;
  transaction.committed_us = 1'795'247'617'702'980;
  transaction.context = {"anne", "psql", "10.0.0.7:51234", "17"};
  event::ChangeEvent change;
  change.op = event::Op::update;
  change.schema = "public";
  change.table = "orders";
  change.lsn = 37'677'488;
  change.ordinal = change.statement_order = 1;
  change.key = R"({"id":1})";
  change.after = R"({"id":1,"customer":")" + std::string(380, 'x') + "\"}";
  std::vector<Record> records;
  for (auto _ : state) {
    records.clear();
    (*format)->begin(transaction, records);
    (*format)->change(change, 1'795'247'617'712'345, records);
    (*format)->end(records);
    benchmark::DoNotOptimize(records.data());
  }
}
BENCHMARK_CAPTURE(FormatEvent, debezium, "debezium");
BENCHMARK_CAPTURE(FormatEvent, flat, "flat");
BENCHMARK_CAPTURE(FormatEvent, readable, "readable");

}  // namespace
}  // namespace weir::emitters
