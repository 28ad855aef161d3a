#include "capture/journal/log_scan.h"

#include <algorithm>

#include "capture/journal/segment_log.h"
#include "tests/capture/journal/contract.h"
#include "tests/capture/journal/model_files.h"

namespace weir::capture {
namespace {

using Kind = ScannedRecord::Kind;
const std::string first_segment = "journal/log/0000000000000000.log";

class LogScanTest : public testing::Test {
 protected:
  LogScanTest() {
    auto opened = open_segment_log({"journal", Durability::answer, 16 << 10}, files_);
    log_ = std::move(*opened);
  }
  std::int64_t write(std::uint32_t events = 1, std::uint32_t spilled = 0) {
    const std::int64_t id = log_->next_id();
    std::unique_ptr<Spill> spill;
    if (spilled > 0) {
      spill = std::move(*log_->open_spill(id));
      EXPECT_TRUE(spill->append(rows(1, spilled)));
    }
    EXPECT_TRUE(
        log_->write(transaction(id, events + spilled), rows(spilled + 1, spilled + events), std::move(spill), nullptr));
    return id;
  }
  std::vector<ScannedRecord> scan() {
    scan_ = std::move(*scan_log("journal", files_));
    std::vector<ScannedRecord> found;
    for (;;) {
      auto next = scan_->next();
      EXPECT_TRUE(next) << next.error().message;
      if (!next || !*next) return found;
      found.push_back(std::move(**next));
    }
  }
  std::string kinds() {
    std::string text;
    for (const ScannedRecord& each : scan()) text += "stob"[static_cast<int>(each.kind)];
    return text;
  }

  ModelFiles files_;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<LogScan> scan_;
};

TEST_F(LogScanTest, SaysWhatEveryRecordOfALiveLogSays) {
  const auto one = write(2, 3);
  const auto two = write();
  ASSERT_TRUE(log_->note(std::vector{released(one, 1), acknowledged(two)}));
  ASSERT_TRUE(log_->sync());
  ASSERT_TRUE(log_->note(std::vector{aborted(two)}));
  const auto found = scan();
  ASSERT_EQ(found.size(), 5u);
  EXPECT_EQ(found[0].kind, Kind::segment);
  EXPECT_EQ(found[0].file, first_segment);
  EXPECT_EQ(found[0].segment.size, 16u << 10);
  EXPECT_EQ(found[1].kind, Kind::transaction);
  EXPECT_EQ(found[1].place, segment_header_size);
  EXPECT_EQ(found[1].transaction.id, one);
  EXPECT_EQ(found[1].transaction.context.user, "anne");
  EXPECT_GT(found[1].written_us, 1'700'000'000'000'000);
  EXPECT_EQ(found[1].spill.events, 3u);
  EXPECT_EQ(found[2].place, found[1].place + found[1].size);
  ASSERT_EQ(found[3].outcomes.size(), 2u);
  EXPECT_EQ(found[3].outcomes[0].told.position, 1);
  EXPECT_EQ(found[3].outcomes[0].place, found[1].place);
  EXPECT_EQ(found[4].outcomes[0].told.kind, LogOutcome::Kind::aborted);
  EXPECT_EQ(scan_->durable(), found[4].place);
  const auto events = scan_->events(found[1], 1, 3);
  ASSERT_TRUE(events) << events.error().message;
  ASSERT_EQ(events->size(), 3u);
  EXPECT_EQ(events->at(0).ordinal, 2u);
  EXPECT_EQ(events->at(2).ordinal, 4u);
  EXPECT_EQ(scan_->events(found[1], 4, 10)->size(), 1u);
}

TEST_F(LogScanTest, GoesOnBehindWhatIsBroken) {
  write();
  write();
  ASSERT_TRUE(log_->sync());
  write();
  const ScannedRecord second = scan().at(2);
  files_.contents(first_segment)[second.place + 50] ^= 1;
  EXPECT_EQ(kinds(), "stbt");
  const ScannedRecord broken = scan().at(2);
  EXPECT_EQ(broken.place, second.place);
  EXPECT_EQ(broken.size, second.size);
  EXPECT_LT(broken.place, scan_->durable());
  EXPECT_NE(broken.wrong, "");
}

TEST_F(LogScanTest, SaysWhatIsMissingOfASegment) {
  while (files_.paths().size() < 3) write(10);
  write(10);
  const std::string all = kinds();
  EXPECT_EQ(std::count(all.begin(), all.end(), 's'), 3) << all;
  const std::string second = files_.paths()[1];
  files_.contents(second).resize(5000);
  const std::string damaged = kinds();
  EXPECT_EQ(std::count(damaged.begin(), damaged.end(), 's'), 2) << damaged;
  EXPECT_EQ(std::count(damaged.begin(), damaged.end(), 'b'), 2) << damaged;
  EXPECT_TRUE(damaged.ends_with("bstt")) << damaged;
}

TEST_F(LogScanTest, ReadsRecordsBehindABrokenHeader) {
  while (files_.paths().size() < 2) write(10);
  files_.contents(files_.paths()[1])[20] ^= 1;
  EXPECT_TRUE(kinds().ends_with("bt")) << kinds();
}

TEST_F(LogScanTest, ABrokenSpillIsAnErrorOfItsEvents) {
  const auto id = write(1, 3);
  files_.contents("journal/spill/" + std::to_string(id))[30] ^= 1;
  const ScannedRecord record = scan().at(1);
  const auto events = scan_->events(record, 0, 10);
  ASSERT_FALSE(events);
  EXPECT_NE(events.error().message.find("journal/spill/" + std::to_string(id)), std::string::npos);
}

TEST(ScanLog, NeedsALog) {
  ModelFiles files;
  const auto scan = scan_log("journal", files);
  ASSERT_FALSE(scan);
  EXPECT_NE(scan.error().message.find("journal/log"), std::string::npos);
}

}  // namespace
}  // namespace weir::capture
