// The log on real files: what is left of them, and many threads at once.
#include "capture/journal/segment_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "tests/capture/journal/contract.h"
#include "tests/capture/journal/model_files.h"
#include "tests/support/temp_folder.h"

namespace weir::capture {
namespace {

namespace fs = std::filesystem;

class SegmentLogTest : public testing::Test {
 protected:
  SegmentLogTest() { open(); }
  ~SegmentLogTest() override { log_.reset(); }
  void open(Durability durability = Durability::answer) {
    log_.reset();
    auto opened = open_segment_log({folder_.path().string(), durability, 64 << 10});
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }
  /// Written, durable and released.
  std::int64_t release(event::Position position, std::uint32_t events = 100) {
    const auto id = log_->next_id();
    EXPECT_TRUE(log_->write(transaction(id, events), rows(1, events), nullptr, nullptr));
    EXPECT_TRUE(log_->sync());
    EXPECT_TRUE(log_->note(std::vector{released(id, position)}));
    return id;
  }
  std::map<std::string, std::uint64_t> files(const char* of) {
    std::map<std::string, std::uint64_t> found;
    for (const auto& each : fs::directory_iterator(folder_ / of))
      found[each.path().filename().string()] = each.file_size();
    return found;
  }

  test_support::TempFolder folder_{"segment_log_test"};
  std::unique_ptr<EventLog> log_;
};

TEST_F(SegmentLogTest, SegmentsAreMadeInFullUsedAgainAndComeToAnEnd) {
  std::uint64_t most = 0;
  for (event::Position position = 1; position <= 400; ++position) {
    release(position);
    ASSERT_TRUE(log_->keep_from(position));
    most = std::max(most, log_->bytes());
  }
  EXPECT_LE(most, 3u * (64 << 10));
  for (const auto& [name, size] : files("log")) EXPECT_EQ(size, 64u << 10) << name;
  EXPECT_LE(files("log").size(), 4u);
  const std::uint64_t place = log_->end();
  EXPECT_GT(place, 1u << 20);
  open();
  EXPECT_EQ(log_->end(), place);
  EXPECT_EQ(log_->recovered().last_position, 400);
}

TEST_F(SegmentLogTest, BytesComeDownAgain) {
  for (event::Position position = 1; position <= 400; ++position) release(position);
  const std::uint64_t full = log_->bytes();
  EXPECT_GT(full, 1u << 20);
  EXPECT_GT(files("log").size(), 20u);
  ASSERT_TRUE(log_->keep_from(400));
  EXPECT_LT(log_->bytes(), 2u * (64 << 10));
  EXPECT_LE(files("log").size(), 4u);
  release(401);
  const auto next = (*log_->reader())->next(400);
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((**next).position, 401);
}

TEST_F(SegmentLogTest, ARecordLargerThanASegmentHasOneOfItsOwnAndGoes) {
  const auto id = log_->next_id();
  const std::vector<event::ChangeEvent> large = {row(1, std::string(300'000, 'x'))};
  ASSERT_TRUE(log_->write(transaction(id, 1), large, nullptr, nullptr));
  ASSERT_TRUE(log_->sync());
  EXPECT_EQ((*log_->reader())->events(id, 0, 10)->at(0).after, large[0].after);
  open();
  EXPECT_EQ((*log_->reader())->events(id, 0, 10)->at(0).after, large[0].after);
  ASSERT_TRUE(log_->note(std::vector{released(id, 1)}));
  ASSERT_TRUE(log_->keep_from(1));
  EXPECT_LT(log_->bytes(), 2u * (64 << 10));  // or writes would be held for ever
  EXPECT_EQ(log_->erased().through, 1);
}

TEST_F(SegmentLogTest, SpillsGoAsWholeFiles) {
  for (event::Position position = 1; position <= 3; ++position) {
    const auto id = log_->next_id();
    auto spill = std::move(*log_->open_spill(id));
    ASSERT_TRUE(spill->append(rows(1, 5000)));
    ASSERT_TRUE(log_->write(transaction(id, 5000), {}, std::move(spill), nullptr));
    ASSERT_TRUE(log_->sync());
    ASSERT_TRUE(log_->note(std::vector{released(id, position)}));
  }
  EXPECT_EQ(files("spill").size(), 3u);
  ASSERT_TRUE(log_->keep_from(2));
  EXPECT_EQ(files("spill").size(), 1u);
  EXPECT_EQ(log_->erased().through, 2);
  const auto next = (*log_->reader())->next(0);
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((**next).position, 3);
  open();
  EXPECT_EQ(log_->erased().through, 2);
  EXPECT_EQ(files("spill").size(), 1u);
}

TEST_F(SegmentLogTest, LooksWhetherItsFilesAreThere) {
  ASSERT_TRUE(log_->look());
  const fs::path segment = folder_ / "log" / "0000000000000000.log";
  fs::rename(segment, folder_ / "away");
  auto looked = log_->look();
  ASSERT_FALSE(looked);
  EXPECT_EQ(looked.error().sqlstate, "58030");
  EXPECT_NE(looked.error().message.find("was removed"), std::string::npos) << looked.error().message;
  fs::copy(folder_ / "away", segment);
  EXPECT_NE(log_->look().error().message.find("was replaced"), std::string::npos);
  fs::rename(folder_ / "away", segment);
  ASSERT_TRUE(log_->look());
  fs::resize_file(segment, 5000);
  EXPECT_NE(log_->look().error().message.find("was cut off"), std::string::npos);
}

TEST_F(SegmentLogTest, AFileThatIsNotOursStaysAndHurtsNobody) {
  std::ofstream(folder_ / "log" / "notes.txt") << "kept";
  std::ofstream(folder_ / "log" / "0000.log") << "no segment";
  release(1);
  open();
  EXPECT_EQ(log_->recovered().last_position, 1);
  EXPECT_TRUE(fs::exists(folder_ / "log" / "notes.txt"));
}

TEST_F(SegmentLogTest, InMemoryNothingIsSyncedAndAllElseIsTheSame) {
  open(Durability::memory);
  for (event::Position position = 1; position <= 50; ++position) {
    release(position);
    ASSERT_TRUE(log_->keep_from(position));
  }
  EXPECT_LE(log_->bytes(), 2u * (64 << 10));
}

/// Blocks that were allocated and never written are dear to sync.
TEST(SegmentLogOnModelTest, WhatANewSegmentGetsNextWasWrittenBeforeAndSynced) {
  ModelFiles files;
  const auto log = std::move(*open_segment_log({"journal", Durability::answer, 1 << 20}, files));
  using Call = ModelFiles::Call;
  std::map<int, std::uint64_t> ready;   // of each file: written and synced without a hole
  std::map<int, std::uint64_t> behind;  // the same, not synced
  std::size_t seen = 0;
  std::size_t records = 0;
  std::size_t late = 0;
  for (event::Position position = 1; position <= 1000; ++position) {
    const auto id = log->next_id();
    ASSERT_TRUE(log->write(transaction(id, 50), rows(1, 50), nullptr, nullptr));
    ASSERT_TRUE(log->sync());
    for (; seen < files.calls().size(); ++seen) {
      const Call& call = files.calls()[seen];
      if (call.kind == Call::Kind::sync) ready[call.inode] = behind[call.inode];
      if (call.kind != Call::Kind::write) continue;
      const std::uint64_t end = call.offset + call.bytes.size();
      const bool is_record = call.bytes.find_first_not_of('\0') != std::string::npos && call.offset > 0;
      records += is_record ? 1 : 0;
      late += is_record && end > ready[call.inode] ? 1 : 0;
      behind[call.inode] = std::max(behind[call.inode], end);
    }
  }
  EXPECT_EQ(records, 1000u);
  EXPECT_GT(log->end(), 1u << 20) << "more than one segment";
  EXPECT_LE(late, 2u) << "only the first record of a segment";
}

/// All that the interface allows at the same time.
class Threads {
 public:
  static constexpr int writers = 4;
  static constexpr int each_writes = 300;
  static constexpr event::Position released_in_the_end = writers * (each_writes - 6);

  explicit Threads(EventLog& log) : log_(log) {}

  void run() {
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) threads.emplace_back([this, writer] { write_all(writer); });
    threads.emplace_back([this] { sync_all(); });
    threads.emplace_back([this] { release_all(); });
    threads.emplace_back([this] { read_all(); });
    for (std::thread& each : threads) each.join();
  }
  const std::vector<std::pair<Place, std::int64_t>>& announced() const { return announced_; }

 private:
  void write_all(int writer) {
    for (int i = 0; i < each_writes; ++i) write(i % 20 == writer, i % 50 == 7);
    --writing_;
  }
  void write(bool is_spilled, bool is_taken_back) {
    const auto id = log_.next_id();
    std::unique_ptr<Spill> spill;
    if (is_spilled) {
      spill = std::move(*log_.open_spill(id));
      EXPECT_TRUE(spill->append(rows(1, 3)));
    }
    const auto announce = [&](Place end) {
      if (is_taken_back) return;
      const std::lock_guard lock(mutex_);
      announced_.emplace_back(end, id);
    };
    EXPECT_TRUE(log_.write(transaction(id, 5), rows(is_spilled ? 4 : 1, 5), std::move(spill), announce));
    EXPECT_TRUE(!is_taken_back || log_.reopen(id));
  }
  void sync_all() {
    while (writing_ > 0) EXPECT_TRUE(log_.sync());
    EXPECT_TRUE(log_.sync());
    all_synced_ = true;
  }
  void release_all() {
    event::Position position = 0;
    for (bool last = false; !last;) {
      last = all_synced_;
      std::vector<std::pair<Place, std::int64_t>> durable;
      {
        const std::lock_guard lock(mutex_);
        for (auto at = static_cast<std::size_t>(position); at < announced_.size(); ++at)
          if (announced_[at].first <= log_.durable()) durable.push_back(announced_[at]);
      }
      for (const auto& [end, id] : durable) EXPECT_TRUE(log_.note(std::vector{released(id, ++position)}));
      EXPECT_TRUE(log_.keep_from(read_up_to_));
      EXPECT_TRUE(log_.look());
      (void)log_.bytes();
    }
    all_released_ = true;
  }
  void read_all() {
    const auto reader = std::move(*log_.reader());
    event::Position position = 0;
    for (;;) {
      const bool last = all_released_;
      const auto next = reader->next(position);
      ASSERT_TRUE(next) << next.error().message;
      if (!*next && last) break;
      if (!*next) continue;
      ASSERT_EQ((**next).position, position + 1);
      const auto events = reader->events((**next).id, 0, 100);
      ASSERT_TRUE(events) << events.error().message;
      ASSERT_EQ(events->size(), 5u);
      read_up_to_ = ++position;
    }
    EXPECT_EQ(position, released_in_the_end);
  }

  EventLog& log_;
  std::mutex mutex_;
  std::vector<std::pair<Place, std::int64_t>> announced_;  // in the order of the log
  std::atomic<int> writing_ = writers;
  std::atomic<bool> all_synced_ = false;
  std::atomic<bool> all_released_ = false;
  std::atomic<event::Position> read_up_to_ = 0;
};

TEST_F(SegmentLogTest, ManyThreadsWriteSyncNoteAndRead) {
  Threads threads(*log_);
  threads.run();
  EXPECT_EQ(threads.announced().size(), static_cast<std::size_t>(Threads::released_in_the_end));
  EXPECT_TRUE(std::is_sorted(threads.announced().begin(), threads.announced().end()));
  open();
  EXPECT_TRUE(log_->recovered().pending.empty());
  EXPECT_EQ(log_->recovered().last_position, Threads::released_in_the_end);
}

}  // namespace
}  // namespace weir::capture
