// Destinations that come, take other names and go while the stream runs.
#include "tests/capture/journal/stream_fixture.h"

namespace weir::capture {
namespace {

class StreamDestinations : public StreamTest {
 protected:
  using Places = std::map<std::string, event::Position>;

  /// The places that there are then; "" and its position where it failed.
  Places change(command::ChangeDestinations wanted) {
    Places places;
    wanted.done = [&](Result<std::vector<Checkpoint>> done) {
      if (!done) places[done.error().message] = -1;
      if (done)
        for (const auto& one : *done) places[one.emitter] = one.position;
    };
    queue.emplace_back(std::move(wanted));
    turn();
    return places;
  }
  void commit(std::int64_t id) {
    prepare(id, id * 10, id * 10);
    end(id);
    turn_and_sync();
  }
  void reports(const std::string& name, event::Position position) {
    checkpoint(name, position);
    for (int i = 0; i < 3; ++i) {  // it waits for others, then for the sync of its position
      turn_and_sync();
      clock_ms += 1'000;
    }
  }
};

TEST_F(StreamDestinations, OneThatComesHasASayFromThenOn) {
  commit(1);
  EXPECT_EQ(change({.added = {"f"}}), (Places{{"e", 0}, {"f", 0}}));
  reports("e", 1);
  EXPECT_EQ(stream->checkpoint("e"), 1);
  EXPECT_EQ(stream->checkpoint("f"), 0);
  EXPECT_FALSE(stream->trim_due()) << "f has nothing yet";
  reports("f", 1);
  EXPECT_TRUE(stream->trim_due());
  EXPECT_EQ(shelf.destinations["f"].position, 1);
}

TEST_F(StreamDestinations, OneThatComesBackGoesOnWhereItWasForgotten) {
  commit(1);
  reports("e", 1);
  change({.added = {"f"}});
  EXPECT_EQ(change({.forgotten = {"e"}}), (Places{{"f", 0}}));
  EXPECT_FALSE(stream->trim_due());
  EXPECT_EQ(change({.added = {"e"}}), (Places{{"e", 1}, {"f", 0}}));
}

TEST_F(StreamDestinations, OneThatIsForgottenHoldsNothingBack) {
  commit(1);
  change({.added = {"f"}});
  reports("e", 1);
  EXPECT_FALSE(stream->trim_due());
  change({.forgotten = {"f"}});
  EXPECT_TRUE(stream->trim_due());
}

TEST_F(StreamDestinations, WhatIsReportedUnderAnEarlierNameCounts) {
  commit(1);
  commit(2);
  checkpoint("e", 1);
  EXPECT_EQ(change({.renamed = {{"e", "e2"}}}), (Places{{"e2", 1}})) << "what was reported before is noted first";
  reports("e", 2);
  EXPECT_EQ(stream->checkpoint("e2"), 2);
  EXPECT_EQ(shelf.destinations["e2"].position, 2);
  EXPECT_EQ(change({.renamed = {{"e2", "e3"}}}), (Places{{"e3", 2}}));
  commit(3);
  reports("e", 3);
  EXPECT_EQ(stream->checkpoint("e3"), 3) << "over two changes";
  EXPECT_EQ(change({.added = {"e"}}), (Places{{"e", 0}, {"e3", 3}}));
  reports("e", 1);
  EXPECT_EQ(stream->checkpoint("e"), 1) << "the name is another destination's by now";
  EXPECT_EQ(stream->checkpoint("e3"), 3);
}

TEST_F(StreamDestinations, WhereTheBookFailsNothingIsChanged) {
  commit(1);
  fail_book(kDiskFull);
  EXPECT_EQ(change({.added = {"f"}}), (Places{{kDiskFull.message, -1}}));
  EXPECT_EQ(change({.renamed = {{"e", "g"}}}), (Places{{kDiskFull.message, -1}}));
  fail_book({});
  // The second step fails: there is no such destination.
  EXPECT_EQ(change({.added = {"f"}, .forgotten = {"nobody"}}).begin()->second, -1);
  EXPECT_EQ(change({.added = {"g"}, .renamed = {{"e", "g"}}}).begin()->second, -1);
  EXPECT_EQ(change({}), (Places{{"e", 0}}));
  reports("e", 1);
  EXPECT_TRUE(stream->trim_due());
}

}  // namespace
}  // namespace weir::capture
