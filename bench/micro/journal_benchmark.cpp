// What a synced group of the journal costs: so many transactions of one 400-byte event each are prepared and synced.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "capture/journal.h"

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

/// begin, append, prepare, sync, and the release of the group before: the whole life of its transactions but trimming.
Result<void> write_group(Journal& journal, std::int64_t size, event::Position& position,
                         std::vector<std::int64_t>& prepared) {
  for (const auto id : prepared) {
    if (auto done = journal.release(id, ++position, 1, 1); !done) return done;
  }
  prepared.clear();
  const auto change = event_of_400_bytes();
  for (std::int64_t i = 0; i < size; ++i) {
    auto id = journal.begin();
    if (!id) return id.error();
    if (auto done = journal.append(*id, {&change, 1}); !done) return done;
    event::Transaction transaction;
    transaction.id = *id;
    transaction.xid = static_cast<event::Xid>(*id);
    transaction.event_count = 1;
    if (auto done = journal.prepare(transaction); !done) return done;
    prepared.push_back(*id);
  }
  return journal.sync();
}

void JournalGroup(benchmark::State& state) {
  std::string folder = (std::filesystem::temp_directory_path() / "journal-benchmark-XXXXXX").string();
  if (!mkdtemp(folder.data())) return state.SkipWithError("no temporary folder");
  {
    auto journal = Journal::open({folder + "/journal", Journal::Durability::gate});
    if (!journal) return state.SkipWithError(journal.error().message.c_str());
    event::Position position = 0;
    std::vector<std::int64_t> prepared;
    for (auto _ : state) {
      if (auto done = write_group(**journal, state.range(0), position, prepared); !done) {
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
