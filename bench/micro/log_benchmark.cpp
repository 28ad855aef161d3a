// What the journal's log costs: a record of one event, its sync, reading it all once at the start, and reading the
// stream.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "capture/journal/segment_log.h"

namespace weir::capture {
namespace {

class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "log-benchmark-XXXXXX").string()) {
    if (!mkdtemp(path_.data())) std::abort();
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Some 600 bytes of record.
event::ChangeEvent event_of_500_bytes() {
  event::ChangeEvent change;
  change.schema = "public";
  change.table = "orders";
  change.lsn = 37'677'488;
  change.ordinal = change.statement_order = 1;
  change.key = R"({"id":1})";
  change.after = R"({"id":1,"customer":")" + std::string(420, 'x') + "\"}";
  return change;
}

event::Transaction transaction_of(std::int64_t id) {
  event::Transaction made;
  made.id = id;
  made.xid = static_cast<event::Xid>(id);
  made.database = "shop";
  made.first_lsn = made.last_lsn = 37'677'488;
  made.event_count = 1;
  made.prepared_us = 1'795'247'617'702'980;
  made.context = {"anne", "psql", "10.0.0.7:51234", "17"};
  return made;
}

/// Writes and lets go of what is behind, so that segments are used again.
class Writer {
 public:
  explicit Writer(const std::string& path, Durability durability)
      : log_(std::move(*open_segment_log({path, durability, 64 << 20}))) {}
  EventLog& log() { return *log_; }
  std::int64_t write() {
    const auto id = log_->next_id();
    const auto written = log_->write(transaction_of(id), {&change_, 1}, nullptr, nullptr);
    if (!written) std::abort();
    outcomes_.push_back({LogOutcome::Kind::released, id, ++position_, 37'677'488, 1'795'247'617'702'999});
    return id;
  }
  void note() {
    if (!log_->note(outcomes_)) std::abort();
    outcomes_.clear();
  }
  void keep() {
    if (!log_->keep_from(position_)) std::abort();
  }

 private:
  event::ChangeEvent change_ = event_of_500_bytes();
  std::unique_ptr<EventLog> log_;
  std::vector<LogOutcome> outcomes_;
  event::Position position_ = 0;
};

/// The file call alone, on blocks that were written before.
void Pwrite600(benchmark::State& state) {
  const Folder folder;
  const int file = open((folder.path() + "/file").c_str(), O_RDWR | O_CREAT, 0600);
  const std::string bytes(600, 'x');
  constexpr off_t size = 64 << 20;
  for (off_t at = 0; at < size; at += 600) benchmark::DoNotOptimize(pwrite(file, bytes.data(), bytes.size(), at));
  off_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(pwrite(file, bytes.data(), bytes.size(), at));
    at = (at + 600) % size;
  }
  close(file);
}
BENCHMARK(Pwrite600);

void LogWrite(benchmark::State& state) {
  const Folder folder;
  Writer writer(folder.path(), Durability::process);
  std::int64_t count = 0;
  for (auto _ : state) {
    writer.write();
    if (++count % 10'000 != 0) continue;
    state.PauseTiming();
    writer.note();
    writer.keep();
    state.ResumeTiming();
  }
}
BENCHMARK(LogWrite);

void LogNote(benchmark::State& state) {
  const Folder folder;
  Writer writer(folder.path(), Durability::process);
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 1000; ++i) writer.write();
    state.ResumeTiming();
    writer.note();
    state.PauseTiming();
    writer.keep();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(LogNote);

void LogWriteAndSync(benchmark::State& state) {
  const Folder folder;
  Writer writer(folder.path(), Durability::answer);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) writer.write();
    if (!writer.log().sync()) std::abort();
    writer.note();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(LogWriteAndSync)->Arg(1)->Arg(8)->UseRealTime();

/// A log of 1 GB in the system's cache; each transaction has its outcome.
void LogRecovery(benchmark::State& state) {
  const Folder folder;
  {
    Writer writer(folder.path(), Durability::process);
    while (writer.log().end() < (std::uint64_t{1} << 30)) {
      for (int i = 0; i < 8; ++i) writer.write();
      writer.note();
    }
    if (!writer.log().sync()) std::abort();
  }
  for (auto _ : state) {
    const auto log = open_segment_log({folder.path(), Durability::process, 64 << 20});
    if (!log) std::abort();
    state.counters["transactions"] = static_cast<double>((*log)->recovered().last_position);
  }
  state.SetBytesProcessed(state.iterations() << 30);
}
BENCHMARK(LogRecovery)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(3);

/// next() and events() of each transaction.
void LogRead(benchmark::State& state) {
  const Folder folder;
  Writer writer(folder.path(), Durability::process);
  constexpr int count = 100'000;
  for (int i = 0; i < count; i += 8) {
    for (int j = 0; j < 8; ++j) writer.write();
    writer.note();
  }
  for (auto _ : state) {
    const auto reader = std::move(*writer.log().reader());
    for (event::Position position = 0;; ++position) {
      const auto next = reader->next(position);
      if (!next || !*next) break;
      benchmark::DoNotOptimize(reader->events((**next).id, 0, 1000));
    }
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(LogRead)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::capture
