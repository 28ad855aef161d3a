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

namespace weir::capture {
namespace {

namespace fs = std::filesystem;

class SegmentLogTest : public testing::Test {
 protected:
  SegmentLogTest() {
    std::string name = (fs::temp_directory_path() / "segment_log_test-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    open();
  }
  ~SegmentLogTest() override {
    log_.reset();
    fs::remove_all(folder_);
  }
  void open(Durability durability = Durability::answer) {
    log_.reset();
    auto opened = open_segment_log({folder_.string(), durability, 64 << 10});
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

  fs::path folder_;
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

/// Small ones, some with a spill, some that are taken back; who stays is announced.
void write_many(EventLog& log, int writer, int count, const std::function<void(Place, std::int64_t)>& announced) {
  for (int i = 0; i < count; ++i) {
    const auto id = log.next_id();
    std::unique_ptr<Spill> spill;
    if (i % 20 == writer) {
      spill = std::move(*log.open_spill(id));
      EXPECT_TRUE(spill->append(rows(1, 3)));
    }
    const bool is_taken_back = i % 50 == 7;
    const auto rest = rows(spill ? 4 : 1, 5);
    EXPECT_TRUE(log.write(transaction(id, 5), rest, std::move(spill), [&](Place end) {
      if (!is_taken_back) announced(end, id);
    }));
    EXPECT_TRUE(!is_taken_back || log.reopen(id));
  }
}

/// All that the interface allows at the same time: for ThreadSanitizer, and that everything is there in the end.
TEST_F(SegmentLogTest, ManyThreadsWriteSyncNoteAndRead) {
  constexpr int writers = 4;
  constexpr int each_writes = 300;
  std::mutex mutex;
  std::vector<std::pair<Place, std::int64_t>> announced;  // in the order of the log
  std::atomic<int> writing = writers;
  std::atomic<event::Position> read_up_to = 0;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      write_many(*log_, writer, each_writes, [&](Place end, std::int64_t id) {
        const std::lock_guard lock(mutex);
        announced.emplace_back(end, id);
      });
      --writing;
    });
  }
  std::thread syncer([&] {
    while (writing > 0) EXPECT_TRUE(log_->sync());
    EXPECT_TRUE(log_->sync());
  });
  std::thread stream([&] {
    event::Position position = 0;
    std::size_t at = 0;
    for (bool last = false;;) {
      std::vector<std::pair<Place, std::int64_t>> fresh;
      {
        const bool over = writing == 0;
        const std::lock_guard lock(mutex);
        fresh.assign(announced.begin() + static_cast<std::ptrdiff_t>(at), announced.end());
        last = over && fresh.empty();
      }
      for (const auto& [end, id] : fresh) {
        while (log_->durable() < end) std::this_thread::yield();
        ++at;
        EXPECT_TRUE(log_->note(std::vector{released(id, ++position)}));
      }
      EXPECT_TRUE(log_->keep_from(read_up_to));
      EXPECT_TRUE(log_->look());
      (void)log_->bytes();
      if (last) break;
    }
  });
  std::thread reading([&] {
    const auto reader = std::move(*log_->reader());
    event::Position position = 0;
    while (position < writers * (each_writes - 6)) {
      const auto next = reader->next(position);
      ASSERT_TRUE(next) << next.error().message;
      if (!*next) continue;
      ASSERT_EQ((**next).position, position + 1);
      const auto events = reader->events((**next).id, 0, 100);
      ASSERT_TRUE(events) << events.error().message;
      ASSERT_EQ(events->size(), 5u);
      read_up_to = ++position;
    }
  });
  for (std::thread& each : threads) each.join();
  syncer.join();
  stream.join();
  reading.join();
  EXPECT_EQ(announced.size(), static_cast<std::size_t>(writers * (each_writes - 6)));
  EXPECT_TRUE(std::is_sorted(announced.begin(), announced.end()));
  open();
  EXPECT_TRUE(log_->recovered().pending.empty());
  EXPECT_EQ(log_->recovered().last_position, writers * (each_writes - 6));
}

}  // namespace
}  // namespace weir::capture
