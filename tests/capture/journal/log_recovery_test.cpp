#include "capture/journal/log_recovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "capture/journal/log_scan.h"
#include "capture/journal/segment_log.h"
#include "tests/capture/journal/contract.h"
#include "tests/capture/journal/model_files.h"

namespace weir::capture {
namespace {

using Ids = std::vector<std::int64_t>;
const std::string first_segment = "journal/log/0000000000000000.log";

Result<std::unique_ptr<EventLog>> open(ModelFiles& files, std::uint64_t segment_bytes = 16 << 10) {
  return open_segment_log({"journal", Durability::answer, segment_bytes}, files);
}

Ids pending(const EventLog& log) {
  Ids ids;
  for (const auto& each : log.recovered().pending) ids.push_back(each.id);
  return ids;
}

/// What is in a log's folder, record by record.
std::vector<ScannedRecord> scan(ModelFiles& files) {
  auto scanning = scan_log("journal", files);
  std::vector<ScannedRecord> found;
  for (;;) {
    auto next = (*scanning)->next();
    EXPECT_TRUE(next);
    if (!next || !*next) return found;
    found.push_back(std::move(**next));
  }
}

/// Two that are synced, two that are not; no outcome.
std::unique_ptr<ModelFiles> four_transactions() {
  auto files = std::make_unique<ModelFiles>();
  auto log = std::move(*open(*files));
  for (int i = 1; i <= 4; ++i) {
    EXPECT_TRUE(log->write(transaction(log->next_id(), 2), rows(1, 2), nullptr, nullptr));
    if (i == 2) {
      EXPECT_TRUE(log->sync());
    }
  }
  log.reset();
  return files->copy();
}

TEST(LogRecoveryTest, ATornEndIsCutOffAtAnyByte) {
  const auto whole = four_transactions();
  const auto records = scan(*whole);
  ASSERT_EQ(records.size(), 5u);
  const Place end = records[4].place + records[4].size;
  for (Place cut = segment_header_size; cut < end; ++cut) {
    const auto files = whole->copy();
    std::string& bytes = files->contents(first_segment);
    std::memset(bytes.data() + cut, 0xA5, bytes.size() - cut);
    const auto log = open(*files);
    ASSERT_TRUE(log) << cut << ": " << log.error().message;
    Ids expected;
    for (std::int64_t id = 1; id <= 4; ++id)
      if (records[static_cast<std::size_t>(id)].place + records[static_cast<std::size_t>(id)].size <= cut)
        expected.push_back(id);
    EXPECT_EQ(pending(**log), expected) << cut;
    // It goes on there, and nothing that was behind comes back.
    const auto next = (*log)->next_id();
    EXPECT_GT(next, expected.empty() ? 0 : expected.back());
    ASSERT_TRUE((*log)->write(transaction(next, 1), rows(1, 1), nullptr, nullptr));
    expected.push_back(next);
    const auto left = files->copy();
    const auto again = open(*left);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(pending(**again), expected) << cut;
  }
}

TEST(LogRecoveryTest, DamageAtAnyByteIsRefusedOrBehindAllThatIsKnownToBeSafe) {
  const auto whole = four_transactions();
  const auto records = scan(*whole);
  const Place end = records[4].place + records[4].size;
  int refused = 0;
  for (Place at = 0; at < end; ++at) {
    if (at >= 84 && at < segment_header_size) continue;  // nothing is there
    const auto files = whole->copy();
    char& byte = files->contents(first_segment)[at];
    byte = static_cast<char>(byte ^ (1 << (at % 8)));
    const auto log = open(*files);
    const bool is_safe = at < records[3].durable;  // as the third and the fourth say
    EXPECT_EQ(static_cast<bool>(log), !is_safe) << at;
    if (!log) {
      ++refused;
      EXPECT_EQ(log.error().sqlstate, "58030");
      EXPECT_NE(log.error().message.find(first_segment), std::string::npos) << log.error().message;
      const bool is_version = at >= 8 && at < 12;
      EXPECT_NE(log.error().message.find(is_version ? "newer Weir" : "weir journal check"), std::string::npos) << at;
      continue;
    }
    // Of the last record's header nothing may be left: then there is none.
    EXPECT_TRUE((*log)->recovered().torn || (at >= records[4].place && at < records[4].place + record_header_size));
    EXPECT_EQ(pending(**log), at < records[4].place ? (Ids{1, 2}) : (Ids{1, 2, 3})) << at;
  }
  EXPECT_EQ(refused, static_cast<int>(records[3].place - segment_header_size) + 84);
}

TEST(LogRecoveryTest, WholeRecordsBehindATornOneAreNotReadWhenItIsOverwritten) {
  const auto files = four_transactions();
  const auto records = scan(*files);
  files->contents(first_segment)[records[3].place + 40] ^= 1;
  {
    const auto log = open(*files);
    ASSERT_TRUE(log);
    // The same size as the torn one: what was behind it would be the next record.
    ASSERT_TRUE((*log)->write(transaction((*log)->next_id(), 2), rows(1, 2), nullptr, nullptr));
  }
  const auto log = open(*files);
  ASSERT_TRUE(log);
  EXPECT_EQ(pending(**log), (Ids{1, 2, 3}));
  EXPECT_FALSE((*log)->recovered().torn);
}

/// Several segments, all of them needed.
std::unique_ptr<ModelFiles> three_segments() {
  auto files = std::make_unique<ModelFiles>();
  auto log = std::move(*open(*files));
  const auto segments = [&] {
    const auto paths = files->paths();
    return std::count_if(paths.begin(), paths.end(), [](const auto& each) { return each.ends_with(".log"); });
  };
  for (event::Position position = 1; segments() < 3; ++position) {
    const auto id = log->next_id();
    EXPECT_TRUE(log->write(transaction(id, 20), rows(1, 20), nullptr, nullptr));
    EXPECT_TRUE(log->sync());
    EXPECT_TRUE(log->note(std::vector{released(id, position)}));
  }
  log.reset();
  return files->copy();
}

TEST(LogRecoveryTest, AMissingSegmentIsRefused) {
  const auto whole = three_segments();
  std::vector<std::string> segments;
  for (const auto& path : whole->paths())
    if (path.ends_with(".log")) segments.push_back(path);
  ASSERT_EQ(segments.size(), 3u);
  const auto without_second = whole->copy();
  ASSERT_TRUE(without_second->remove(segments[1]));
  const auto refused = open(*without_second);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(segments[0]), std::string::npos) << refused.error().message;
  // The oldest may be missing: it could have been delivered.
  const auto without_first = whole->copy();
  ASSERT_TRUE(without_first->remove(segments[0]));
  const auto log = open(*without_first);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_GT((*log)->erased().through, 0);
  const auto next = (*(*log)->reader())->next(0);
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((**next).position, (*log)->erased().through + 1);
}

TEST(LogRecoveryTest, ASegmentThatWasCutOffIsRefused) {
  for (std::size_t which = 0; which < 3; ++which) {
    for (const std::size_t size : {0u, 4000u, 4096u, 9000u, 16383u}) {
      const auto files = three_segments();
      std::vector<std::string> segments;
      for (const auto& path : files->paths())
        if (path.ends_with(".log")) segments.push_back(path);
      files->contents(segments[which]).resize(size);
      const auto log = open(*files);
      // Of the last one nothing but a few notes was written, and those were not synced.
      if (which < 2 && size < 16383) {
        EXPECT_FALSE(log) << which << ", " << size;
      }
      if (!log) {
        EXPECT_EQ(log.error().sqlstate, "58030");
      }
    }
  }
}

TEST(LogRecoveryTest, ASegmentOfAnotherLogIsRefused) {
  const auto files = three_segments();
  const auto other = three_segments();
  std::vector<std::string> segments;
  for (const auto& path : files->paths())
    if (path.ends_with(".log")) segments.push_back(path);
  if (!other->has(segments[1])) GTEST_FAIL() << "the two logs are not alike";
  files->contents(segments[1]) = other->contents(segments[1]);
  EXPECT_FALSE(open(*files));
}

TEST(LogRecoveryTest, ANewerFormatIsRefusedByItsVersion) {
  const auto files = four_transactions();
  files->contents(first_segment)[8] = 7;
  const auto log = open(*files);
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("newer Weir (format 7"), std::string::npos) << log.error().message;
}

TEST(LogRecoveryTest, OrphanedSpillsGo) {
  std::unique_ptr<ModelFiles> left;  // by a killed process
  {
    ModelFiles files;
    const auto log = open(files);
    auto kept = (*log)->open_spill(7);
    auto orphan = (*log)->open_spill(9);
    ASSERT_TRUE((*kept)->append(rows(1, 3)));
    ASSERT_TRUE((*log)->write(transaction(7, 3), {}, std::move(*kept), nullptr));
    ASSERT_TRUE((*orphan)->append(std::vector{row(1, std::string(200'000, 'x'))}));
    left = files.copy();
  }
  ModelFiles& files = *left;
  EXPECT_TRUE(files.has("journal/spill/9"));
  const auto log = open(files);
  EXPECT_FALSE(files.has("journal/spill/9"));
  EXPECT_TRUE(files.has("journal/spill/7"));
  EXPECT_EQ(pending(**log), Ids{7});
  EXPECT_EQ((*log)->next_id(), 10);
}

TEST(LogRecoveryTest, ADurableSpillThatIsGoneOrBrokenIsRefused) {
  ModelFiles files;
  {
    const auto log = open(files);
    auto spill = (*log)->open_spill(7);
    ASSERT_TRUE((*spill)->append(rows(1, 3)));
    ASSERT_TRUE((*log)->write(transaction(7, 3), {}, std::move(*spill), nullptr));
    ASSERT_TRUE((*log)->sync());
    ASSERT_TRUE((*log)->write(transaction(8, 1), rows(1, 1), nullptr, nullptr));
  }
  const auto whole = files.copy();
  for (std::size_t at = 0; at < whole->contents("journal/spill/7").size(); ++at) {
    const auto broken = whole->copy();
    broken->contents("journal/spill/7")[at] ^= 4;
    const auto log = open(*broken);
    ASSERT_FALSE(log) << at;
    EXPECT_NE(log.error().message.find("journal/spill/7"), std::string::npos);
  }
  const auto without = whole->copy();
  ASSERT_TRUE(without->remove("journal/spill/7"));
  EXPECT_FALSE(open(*without));
}

TEST(LogRecoveryTest, SaysWhenTheLastRecordWasWritten) {
  ModelFiles files;
  const auto first = open(files);
  EXPECT_EQ((*first)->recovered().last_us, 0);
  ASSERT_TRUE((*first)->write(transaction(1, 1), rows(1, 1), nullptr, nullptr));
  const auto records = scan(files);
  const auto second = open(files);
  EXPECT_EQ((*second)->recovered().last_us, records.back().written_us);
  EXPECT_GT(records.back().written_us, 1'700'000'000'000'000);
}

}  // namespace
}  // namespace weir::capture
