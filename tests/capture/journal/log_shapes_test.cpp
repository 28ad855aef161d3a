// Shapes in the log: stated once for each segment, found from wherever a reader begins, gone with what needs them, and
// a log of before they were known.
#include "capture/journal/log_shapes.h"

#include <gtest/gtest.h>

#include <map>

#include "capture/journal/crc32c.h"
#include "capture/journal/log_fields.h"
#include "capture/journal/log_scan.h"
#include "capture/journal/segment_log.h"
#include "tests/capture/journal/contract.h"
#include "tests/capture/journal/model_files.h"

namespace weir::capture {
namespace {

TEST(LogShapesTest, AShapeGoesWithTheLastSegmentThatStatesIt) {
  LogShapes shapes;
  shapes.stated(shape());
  EXPECT_FALSE(shapes.find(shape()->fingerprint)) << "there is no segment";
  shapes.begin_segment();
  shapes.stated(shape());
  shapes.stated(shape());
  EXPECT_TRUE(shapes.is_stated(shape()->fingerprint));
  shapes.begin_segment();
  EXPECT_FALSE(shapes.is_stated(shape()->fingerprint));
  EXPECT_TRUE(shapes.find(shape()->fingerprint));
  shapes.stated(shape());
  shapes.drop_segment();
  EXPECT_TRUE(shapes.is_stated(shape()->fingerprint));
  shapes.begin_segment();
  shapes.drop_segment();
  EXPECT_FALSE(shapes.find(shape()->fingerprint));
  EXPECT_EQ(shapes.size(), 0u);
  shapes.drop_segment();
  shapes.drop_segment();
}

TEST(ShapeNumbersTest, GoOnBehindThoseOfBefore) {
  ShapeNumbers numbers({shape("a", 1), nullptr});
  EXPECT_EQ(numbers.number_of(nullptr), 0u);
  EXPECT_EQ(numbers.number_of(shape("b", 2)), 3u);
  EXPECT_EQ(numbers.number_of(shape("a", 1)), 1u) << "another object of the same shape";
  EXPECT_EQ(numbers.number_of(shape("b", 2)), 3u);
  EXPECT_EQ(numbers.all().size(), 3u);
}

class ShapesInLogTest : public testing::Test {
 protected:
  ShapesInLogTest() { open(); }
  ~ShapesInLogTest() override { log_.reset(); }
  void open() {
    log_.reset();
    auto opened = open_segment_log({"journal", Durability::answer, 16 << 10}, files_);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }
  static std::vector<event::ChangeEvent> shaped(std::vector<event::ChangeEvent> events, const event::ShapePtr& shape) {
    for (event::ChangeEvent& event : events) event.shape = shape;
    return events;
  }
  std::int64_t write(std::uint32_t events, const event::ShapePtr& of, std::uint32_t spilled = 0) {
    const std::int64_t id = log_->next_id();
    std::unique_ptr<Spill> spill;
    if (spilled > 0) {
      spill = std::move(*log_->open_spill(id));
      EXPECT_TRUE(spill->append(shaped(rows(1, spilled), of)));
    }
    const auto rest = shaped(rows(spilled + 1, spilled + events), of);
    EXPECT_TRUE(log_->write(transaction(id, spilled + events), rest, std::move(spill), nullptr));
    return id;
  }
  void release(std::int64_t id) { EXPECT_TRUE(log_->note(std::vector{released(id, ++position_)})); }
  /// How many of a transaction's events have a shape whose second column has this name.
  std::map<std::string, int> columns(std::int64_t id) {
    std::map<std::string, int> found;
    const auto reader = std::move(*log_->reader());
    const auto events = reader->events(id, 0, 100000);
    EXPECT_TRUE(events) << events.error().message;
    if (!events) return found;
    for (const auto& event : *events) ++found[event.shape ? event.shape->columns.at(1).name : "none"];
    return found;
  }
  /// Records of each kind, and the shapes that an operator sees of each transaction.
  std::map<ScannedRecord::Kind, int> scanned() {
    std::map<ScannedRecord::Kind, int> kinds;
    const auto scan = std::move(*scan_log("journal", files_));
    for (auto next = scan->next(); next && *next; next = scan->next()) {
      ++kinds[(**next).kind];
      if ((**next).kind != ScannedRecord::Kind::transaction) continue;
      const auto events = scan->events(**next, 0, 100000);
      EXPECT_TRUE(events);
      for (const auto& event : *events) EXPECT_TRUE(event.shape);
    }
    return kinds;
  }

  using Found = std::map<std::string, int>;
  ModelFiles files_;
  std::unique_ptr<EventLog> log_;
  event::Position position_ = 0;
};

TEST_F(ShapesInLogTest, IsStatedOnceForASegmentAndFoundFromAnywhere) {
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 200; ++i) {
    ids.push_back(write(5, shape()));
    release(ids.back());
  }
  const auto kinds = scanned();
  EXPECT_GT(kinds.at(ScannedRecord::Kind::segment), 3);
  EXPECT_EQ(kinds.at(ScannedRecord::Kind::shape), kinds.at(ScannedRecord::Kind::segment));
  open();
  for (const auto id : ids) EXPECT_EQ(columns(id), (Found{{"note", 5}}));
  const auto event = (*log_->reader())->events(ids.back(), 0, 1)->at(0);
  EXPECT_EQ(event.shape->columns, shape()->columns);
  EXPECT_EQ(event.shape->key, shape()->key);
  EXPECT_EQ(event.shape->fingerprint, shape()->fingerprint);
  EXPECT_EQ(event.fidelity, event::Fidelity::row);
}

TEST_F(ShapesInLogTest, SeveralInOneTransactionAreToldApart) {
  const auto id = log_->next_id();
  std::vector<event::ChangeEvent> events = rows(1, 4);
  events[0].shape = shape("a", 1);
  events[1].shape = shape("b", 2);
  events[2].shape = shape("a", 1);
  ASSERT_TRUE(log_->write(transaction(id, 4), events, nullptr, nullptr));
  EXPECT_EQ(columns(id), (Found{{"a", 2}, {"b", 1}, {"none", 1}}));
  open();
  EXPECT_EQ(columns(id), (Found{{"a", 2}, {"b", 1}, {"none", 1}}));
}

TEST_F(ShapesInLogTest, OfSpilledEventsToo) {
  const auto id = write(3, shape(), 4000);
  release(id);
  EXPECT_EQ(columns(id), (Found{{"note", 4003}}));
  EXPECT_EQ(scanned().at(ScannedRecord::Kind::shape), 1);
  open();
  EXPECT_EQ(columns(id), (Found{{"note", 4003}}));
}

TEST_F(ShapesInLogTest, AReopenedTransactionKeepsThemAndMayHaveMore) {
  const auto id = write(3, shape("a", 1), 4000);
  auto spill = log_->reopen(id);
  ASSERT_TRUE(spill);
  ASSERT_TRUE((*spill)->cut(3002));
  ASSERT_TRUE((*spill)->append(shaped(rows(3002, 3003), shape("b", 2))));
  const auto rest = shaped(rows(3004, 3004), shape("a", 1));
  ASSERT_TRUE(log_->write(transaction(id, 3004), rest, std::move(*spill), nullptr));
  EXPECT_EQ(columns(id), (Found{{"a", 3002}, {"b", 2}}));
  open();
  EXPECT_EQ(columns(id), (Found{{"a", 3002}, {"b", 2}}));
}

TEST_F(ShapesInLogTest, IsThereForOneInDoubtThatIsCopiedOut) {
  const auto doubtful = write(2, shape("old", 1), 500);
  for (int i = 0; i < 300; ++i) release(write(5, shape("new", 2)));
  ASSERT_TRUE(log_->sync());
  ASSERT_TRUE(log_->keep_from(position_));
  EXPECT_LT(scanned().at(ScannedRecord::Kind::segment), 4) << "it was copied";
  EXPECT_EQ(columns(doubtful), (Found{{"old", 502}}));
  open();
  EXPECT_EQ(columns(doubtful), (Found{{"old", 502}}));
}

TEST_F(ShapesInLogTest, AShapeThatIsLargerThanASegmentHasOneOfItsSize) {
  auto wide = std::make_shared<event::TableShape>(*shape());
  for (int i = 0; i < 1600; ++i) {
    wide->columns.push_back(wide->columns[1]);
    wide->columns.back().name = "column " + std::to_string(i);
  }
  const auto id = write(1, wide);
  open();
  EXPECT_EQ(columns(id), (Found{{"note", 1}}));
  EXPECT_EQ((*log_->reader())->events(id, 0, 1)->at(0).shape->columns, wide->columns);
}

TEST_F(ShapesInLogTest, WhereAWriteFailsNothingIsStated) {
  files_.fail({0, ~std::size_t{0}, 28, true, false});
  EXPECT_FALSE(log_->write(transaction(log_->next_id()), shaped(rows(1, 1), shape()), nullptr, nullptr));
  files_.stop_failing();
  const auto id = write(1, shape());
  open();
  EXPECT_EQ(columns(id), (Found{{"note", 1}}));
}

TEST_F(ShapesInLogTest, ALogOfBeforeIsReadAndGoesOnInASegmentOfItsOwn) {
  const auto old = write(2, nullptr);
  ASSERT_TRUE(log_->sync());
  log_.reset();
  const std::string first = "journal/log/0000000000000000.log";
  std::string& bytes = files_.contents(first);
  put_number(bytes.data() + 8, std::uint32_t{1});  // as Weirs wrote it that knew no shapes
  put_number(bytes.data() + 80, crc32c(std::string_view(bytes).substr(0, 80)));
  open();
  EXPECT_EQ(columns(old), (Found{{"none", 2}}));
  const auto id = write(2, shape());
  EXPECT_EQ(columns(id), (Found{{"note", 2}}));
  const auto& kept = files_.contents(first);
  EXPECT_EQ(number_at<std::uint32_t>(kept.data() + 8), 1u);
  release(old);
  release(id);
  open();
  EXPECT_EQ(columns(old), (Found{{"none", 2}}));
  EXPECT_EQ(columns(id), (Found{{"note", 2}}));
  int segments = 0;
  const auto scan = std::move(*scan_log("journal", files_));
  for (auto next = scan->next(); next && *next; next = scan->next())
    if ((**next).kind == ScannedRecord::Kind::segment) ++segments;
  EXPECT_EQ(segments, 2) << "and only one more: the new one is of this form";
}

}  // namespace
}  // namespace weir::capture
