// What a synced group of the journal costs: so many transactions of one 400-byte event each are written, made durable
// by one sync, and noted as released.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "capture/journal/journal.h"

namespace weir::capture {
namespace {

event::ChangeEvent event_of_400_bytes() {
  event::ChangeEvent change;
  change.schema = "public";
  change.table = "orders";
  change.lsn = 37'677'488;
  change.ordinal = change.statement_order = 1;
  change.key = R"({"id":1})";
  change.after = R"({"id":1,"customer":")" + std::string(380, 'x') + "\"}";
  return change;
}

/// The whole life of its transactions; what the destinations have goes now and then, as it does while Weir runs.
Result<void> write_group(EventLog& log, std::int64_t size, event::Position& position) {
  const auto change = event_of_400_bytes();
  std::vector<LogOutcome> released;
  for (std::int64_t i = 0; i < size; ++i) {
    event::Transaction transaction;
    transaction.id = log.next_id();
    transaction.xid = static_cast<event::Xid>(transaction.id);
    transaction.event_count = 1;
    const auto end = log.write(transaction, {&change, 1}, nullptr, [](Place) {});
    if (!end) return end.error();
    released.push_back({LogOutcome::Kind::released, transaction.id, ++position, 1, 1});
  }
  if (auto done = log.sync(); !done) return done;
  if (auto done = log.note(released); !done) return done;
  constexpr event::Position kKept = 10'000;
  return position % 1'000 < size ? log.keep_from(std::max<event::Position>(position - kKept, 0)) : Result<void>();
}

void JournalGroup(benchmark::State& state) {
  std::string folder = (std::filesystem::temp_directory_path() / "journal-benchmark-XXXXXX").string();
  if (!mkdtemp(folder.data())) return state.SkipWithError("no temporary folder");
  {
    JournalOptions options;
    options.path = folder + "/journal";
    auto journal = open_journal(options);
    if (!journal) return state.SkipWithError(journal.error().message.c_str());
    event::Position position = 0;
    for (auto _ : state) {
      if (auto done = write_group(*journal->log, state.range(0), position); !done) {
        state.SkipWithError(done.error().message.c_str());
        break;
      }
    }
  }
  std::filesystem::remove_all(folder);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(JournalGroup)->Arg(1)->Arg(8)->Arg(64)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace weir::capture
