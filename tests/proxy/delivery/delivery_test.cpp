// A destination's thread: when it wakes, sleeps and ends.
#include "proxy/delivery/delivery.h"

#include <deque>
#include <thread>

#include "tests/proxy/delivery/delivery_fixture.h"

namespace weir::proxy {
namespace {

class DeliveryTest : public testing::Test {
 protected:
  DeliveryTest() {
    auto e = std::make_unique<FakeEmitter>();
    auto r = std::make_unique<FakeReader>();
    emitter = e.get();
    reader = r.get();
    delivery = std::make_unique<Delivery>(std::move(e), std::make_unique<FakeFormat>(),
                                          DeliveryLoop::Sinks{[this](event::Position position) { heard(position); },
                                                              [](emitters::Refused) {},
                                                              {},
                                                              [this](const Notice& notice) { told = notice.text; }});
    delivery->attach(std::move(r));
  }
  void heard(event::Position position) {
    const std::lock_guard lock(mutex);
    checkpoint = position;
    changed.notify_all();
  }
  int offers() {
    const std::lock_guard lock(emitter->mutex);
    return emitter->offers;
  }
  void start() { delivery->start(0, 0); }
  bool reaches(event::Position position) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return checkpoint >= position; });
  }

  FakeEmitter* emitter = nullptr;
  FakeReader* reader = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  event::Position checkpoint = 0;
  std::string told;  // last, by the delivery's thread
  std::unique_ptr<Delivery> delivery;
};

TEST_F(DeliveryTest, WakesForWhatIsReleasedAndFinishesBeforeItStops) {
  start();
  reader->release(3);
  delivery->wake();
  EXPECT_TRUE(reaches(1));
  reader->release(1);
  delivery->wake();
  EXPECT_TRUE(delivery->stop(std::chrono::seconds(20)));
  EXPECT_EQ(checkpoint, 2);
  EXPECT_TRUE(emitter->closed);
}

TEST_F(DeliveryTest, OneThatLeavesEndsWhatIsUnderWayAndBeginsNothingMore) {
  {
    const std::lock_guard lock(emitter->mutex);
    emitter->busy = true;
  }
  start();
  reader->release(3);
  reader->release(1);
  delivery->wake();
  while (offers() == 0) std::this_thread::yield();
  delivery->leave(std::chrono::seconds(20));
  {
    const std::lock_guard lock(emitter->mutex);
    emitter->busy = false;
  }
  EXPECT_TRUE(delivery->stop(std::chrono::seconds(20))) << "all that was begun is confirmed";
  EXPECT_EQ(checkpoint, 1);
  EXPECT_EQ(delivery->durable(), 1);
  EXPECT_EQ(emitter->taken.back(), "e@1");
  EXPECT_EQ(told, "") << "the rest is no loss";
}

TEST_F(DeliveryTest, OneThatLeavesAndIsNeverDoneEndsInTimeAndSaysSo) {
  {
    const std::lock_guard lock(emitter->mutex);
    emitter->busy = true;
  }
  start();
  reader->release(3);
  delivery->wake();
  const auto begun = std::chrono::steady_clock::now();
  while (offers() == 0) std::this_thread::yield();
  delivery->leave(std::chrono::milliseconds(300));
  EXPECT_FALSE(delivery->stop(std::chrono::milliseconds(300)));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  EXPECT_EQ(delivery->durable(), 0);
}

TEST_F(DeliveryTest, APauseKeepsEverythingBackUntilItIsResumed) {
  delivery->start(0, 0);
  delivery->pause(true);
  reader->release(3);
  delivery->wake();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  {
    const std::lock_guard lock(emitter->mutex);
    EXPECT_EQ(emitter->offers, 0);
  }
  delivery->pause(false);
  EXPECT_TRUE(reaches(1));
  EXPECT_TRUE(delivery->stop(std::chrono::seconds(20)));
}

TEST_F(DeliveryTest, OneThatIsPausedEndsAtOnceAndIsNotComplete) {
  delivery->start(0, 0);
  delivery->pause(true);
  reader->release(1);
  delivery->wake();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(delivery->stop(std::chrono::seconds(20)));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

TEST_F(DeliveryTest, WithAPaceEverythingComesAndNothingWaitsForAnotherRelease) {
  auto e = std::make_unique<FakeEmitter>();
  auto r = std::make_unique<FakeReader>();
  emitter = e.get();
  reader = r.get();
  delivery = std::make_unique<Delivery>(
      std::move(e), std::make_unique<FakeFormat>(),
      DeliveryLoop::Sinks{[this](event::Position position) { heard(position); }, [](emitters::Refused) {}},
      milliseconds(5));
  delivery->attach(std::move(r));
  start();
  for (int i = 1; i <= 50; ++i) {
    reader->release(1);
    delivery->wake();
    if (i % 10 == 0) {
      EXPECT_TRUE(reaches(i));
    }
  }
  EXPECT_TRUE(delivery->stop(std::chrono::seconds(20)));
}

TEST_F(DeliveryTest, AFullBatchEndsTheCollecting) {
  auto e = std::make_unique<FakeEmitter>();
  auto r = std::make_unique<FakeReader>();
  reader = r.get();
  delivery = std::make_unique<Delivery>(
      std::move(e), std::make_unique<FakeFormat>(),
      DeliveryLoop::Sinks{[this](event::Position position) { heard(position); }, [](emitters::Refused) {}},
      std::chrono::hours(1));
  delivery->attach(std::move(r));
  start();
  const auto release = [this](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      reader->release(1);
      delivery->wake();
    }
  };
  constexpr event::Position early = emitters::Pacer::most_early + 1;
  for (event::Position i = 1; i <= early; ++i) {
    release(1);
    EXPECT_TRUE(reaches(i));
  }
  release(DeliveryLoop::kMaxBatchRecords);
  EXPECT_TRUE(reaches(early + static_cast<event::Position>(DeliveryLoop::kMaxBatchRecords)));
  delivery->stop(milliseconds(10));
}

TEST_F(DeliveryTest, ADestinationThatNeverTakesAnythingDoesNotKeepItFromStopping) {
  emitter->error = Error{"down", ""};
  reader->release(1);
  start();
  EXPECT_FALSE(delivery->stop(milliseconds(10)));
  EXPECT_EQ(checkpoint, 0);
  EXPECT_EQ(told, "fake:: has not taken all events");
}

TEST_F(DeliveryTest, ClosingConfirmsTheLastOnes) {
  emitter->confirms = false;
  reader->release(1);
  start();
  delivery->stop(milliseconds(200));
  EXPECT_EQ(checkpoint, 1);
}

}  // namespace
}  // namespace weir::proxy
