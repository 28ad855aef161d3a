// Readers of the stream that come and go while a committer runs.
#include "proxy/commit/subscriptions.h"

#include "tests/proxy/commit/committer_fixture.h"

namespace weir::proxy {
namespace {

class SubscriptionsTest : public CommitterTest {
 protected:
  SubscriptionsTest() {
    on_log = [this](FakeLog& log, Committer::Options& with) {
      subscriptions = std::make_unique<Subscriptions>(
          log, [this](capture::StreamCommand command) { committer->tell(std::move(command)); });
      with.tail = &subscriptions->tail();
      with.on_released = [this] {
        heard.add("released");
        subscriptions->released();
      };
    };
    start();
    gate = make_gate();
  }
  ~SubscriptionsTest() override { committer.reset(); }
  std::unique_ptr<capture::StreamReader> subscribe(Subscriptions::Options with = {}) {
    auto made = subscriptions->subscribe(std::move(with));
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  void commit_and_release() {
    const auto before = heard.count("released");
    commit(*gate);
    ASSERT_TRUE(heard.hears("released", before + 1));
  }
  /// The transactions behind `after`, by their xids.
  static std::string read(capture::StreamReader& reader, event::Position after) {
    std::string all;
    for (auto next = *reader.next(after); next; next = *reader.next(after)) {
      all += (all.empty() ? "" : " ") + std::to_string(next->xid);
      after = next->position;
    }
    return all;
  }

  std::unique_ptr<Subscriptions> subscriptions;
  std::unique_ptr<capture::CommitGate> gate;
};

TEST_F(SubscriptionsTest, NothingNeedsToExistBeforeTheFirstTransaction) {
  commit_and_release();
  commit_and_release();
  const auto late = subscribe();
  EXPECT_EQ(read(*late, 0), "701 702");
  commit_and_release();
  EXPECT_EQ(read(*late, 2), "703");
  gate.reset();
}

TEST_F(SubscriptionsTest, EachIsWokenWhileItLivesAndNotAfterwards) {
  auto one = subscribe({.wake = [this] { heard.add("one"); }});
  const auto two = subscribe({.wake = [this] { heard.add("two"); }});
  commit_and_release();
  ASSERT_TRUE(heard.hears("two"));
  EXPECT_TRUE(heard.hears("one"));
  one.reset();
  const auto before = heard.count("one");
  commit_and_release();
  ASSERT_TRUE(heard.hears("two", 2));
  EXPECT_EQ(heard.count("one"), before);
  gate.reset();
}

TEST_F(SubscriptionsTest, OneWithASayKeepsTheJournalFromErasingAndWhoComesTooLateSeesAGap) {
  auto keeper = subscribe({.name = "keeper", .keep_after = 0});
  for (int i = 0; i < 3; ++i) commit_and_release();
  committer->set_checkpoint("e", 3);
  committer->drain();
  EXPECT_EQ(erased_through(), 0) << "the keeper is at the beginning";
  EXPECT_EQ(read(*keeper, 0), "701 702 703");
  keeper.reset();
  committer->drain();
  ASSERT_TRUE(disk->await_erased(3));
  const auto late = subscribe();
  const auto first = *late->next(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->position, 3);
  EXPECT_EQ(late->events(first->id, 0, 10)->events[0].op, event::Op::gap);
  EXPECT_EQ(read(*late, 3), "");
  gate.reset();
}

}  // namespace
}  // namespace weir::proxy
