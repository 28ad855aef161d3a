// What every relayed and every captured message costs in wire.
#include <benchmark/benchmark.h>

#include <string>

#include "wire/message.h"
#include "wire/relay.h"

namespace weir::wire {
namespace {

/// A DataRow's body with one column for each text.
std::string data_row(std::initializer_list<std::string_view> columns) {
  std::string body;
  const auto append_integer = [&](std::uint32_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) body += static_cast<char>(value >> shift);
  };
  append_integer(static_cast<std::uint32_t>(columns.size()), 2);
  for (const auto column : columns) {
    append_integer(static_cast<std::uint32_t>(column.size()), 4);
    body += column;
  }
  return body;
}

/// What the database sends for one `SELECT abalance …` of pgbench.
std::string answer_to_select() {
  std::string answer;
  append_frame(answer, backend::kDataRow, data_row({"-1234"}));
  append_frame(answer, backend::kCommandComplete, std::string_view("SELECT 1\0", 9));
  append_ready_for_query(answer, TransactionStatus::idle);
  return answer;
}

void RelayFrames(benchmark::State& state) {
  std::string received;
  for (int i = 0; i < state.range(0); ++i) received += answer_to_select();
  Relay relay;
  Turn turn;
  for (auto _ : state) {
    benchmark::DoNotOptimize(relay.from_upstream(received, turn));
    turn.to_client.clear();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * 3);
}
BENCHMARK(RelayFrames)->Arg(1)->Arg(64);

/// A captured row: two columns of the client's, four of Weir's with a 400-byte image.
std::string captured_row() {
  return data_row({"17", "Ada", std::string(400, 'x'), "16384", "80795", "0/23EE9B0"});
}

void ReadDataRow(benchmark::State& state) {
  const std::string body = captured_row();
  RowView row;
  for (auto _ : state) benchmark::DoNotOptimize(read_data_row(body, row));
}
BENCHMARK(ReadDataRow);

void TrimDataRow(benchmark::State& state) {
  const std::string body = captured_row();
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(append_data_row_without_last(out, body, 4));
  }
}
BENCHMARK(TrimDataRow);

}  // namespace
}  // namespace weir::wire
