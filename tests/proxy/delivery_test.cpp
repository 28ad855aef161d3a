// The delivery loop sentence by sentence, with a destination and a journal that do as they are told; then its thread.
#include "proxy/delivery/delivery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace weir::proxy {
namespace {

using emitters::Record;
using std::chrono::milliseconds;
using What = DeliveryLoop::Next::What;

class FakeEmitter final : public emitters::Emitter {
 public:
  const std::string& name() const override { return name_; }
  Result<bool> offer(std::vector<Record>&& batch, event::Position position, bool ends) override {
    const std::lock_guard lock(mutex);
    ++offers;
    if (error) return *error;
    if (busy) return false;
    for (const auto& record : batch) taken.push_back(*record.value + "@" + std::to_string(position));
    largest = std::max(largest, batch.size());
    if (ends) ended = position;
    if (ends && confirms) durable = position;
    return true;
  }
  event::Position durable_through() override {
    const std::lock_guard lock(mutex);
    return durable;
  }
  std::vector<emitters::Refused> take_refused() override { return std::move(refused); }
  void wait(milliseconds) override {}
  bool close(milliseconds) override {
    const std::lock_guard lock(mutex);
    closed = true;
    durable = ended;
    return true;
  }
  std::string trouble() override { return troubled; }

  std::mutex mutex;
  std::optional<Error> error;
  bool busy = false;
  bool confirms = true;
  bool closed = false;
  event::Position durable = 0;
  event::Position ended = 0;
  int offers = 0;
  std::size_t largest = 0;
  std::vector<std::string> taken;
  std::vector<emitters::Refused> refused;
  std::string troubled;

 private:
  std::string name_ = "fake:";
};

/// "b7" for a begin of xid 7, "1", "2", … for its events, "e" for its end.
class FakeFormat final : public emitters::Format {
 public:
  void begin(const event::Transaction& transaction, std::vector<Record>& out) override {
    add("b" + std::to_string(transaction.xid), out);
  }
  void change(const event::ChangeEvent& change, std::int64_t, std::vector<Record>& out) override {
    add(std::to_string(change.ordinal) + std::string(padding, '.'), out);
  }
  void end(std::vector<Record>& out) override { add("e", out); }

  std::size_t padding = 0;

 private:
  static void add(const std::string& value, std::vector<Record>& out) {
    Record record;
    record.value = value;
    out.push_back(record);
  }
};

class FakeReader final : public capture::StreamReader {
 public:
  Result<std::shared_ptr<const event::Transaction>> next(event::Position after) override {
    const std::lock_guard lock(mutex);
    ++reads;
    if (error) return *error;
    for (const auto& transaction : transactions) {
      if (transaction.position > after) return std::make_shared<const event::Transaction>(transaction);
    }
    return std::shared_ptr<const event::Transaction>();
  }
  Result<capture::LentEvents> events(std::int64_t id, std::uint32_t after, std::size_t limit) override {
    const std::lock_guard lock(mutex);
    if (error) return *error;
    std::vector<event::ChangeEvent> result;
    const auto count = transactions.at(static_cast<std::size_t>(id - 1)).event_count;
    for (auto ordinal = after + 1; ordinal <= count && result.size() < limit; ++ordinal) {
      event::ChangeEvent event;
      event.ordinal = ordinal;
      event.after = std::string(row_size, '.');
      result.push_back(event);
      if (event::memory_of(result) >= capture::JournalReader::kMostBytes) break;
    }
    const bool last = capture::JournalReader::are_last(result, limit);
    const auto owner = std::make_shared<const std::vector<event::ChangeEvent>>(std::move(result));
    return capture::LentEvents{owner, *owner, last};
  }
  void release(std::uint32_t events) {
    const std::lock_guard lock(mutex);
    event::Transaction transaction;
    transaction.id = transaction.position = static_cast<std::int64_t>(transactions.size()) + 1;
    transaction.xid = 100 + static_cast<event::Xid>(transaction.id);
    transaction.event_count = events;
    transactions.push_back(transaction);
  }

  std::mutex mutex;
  std::vector<event::Transaction> transactions;
  std::optional<Error> error;
  int reads = 0;
  std::size_t row_size = 1;
};

class DeliveryLoopTest : public testing::Test {
 protected:
  DeliveryLoop::Sinks sinks() {
    return {[this](event::Position position) { said.push_back("checkpoint " + std::to_string(position)); },
            [this](emitters::Refused refused) { said.push_back("dead letter " + refused.reason); }};
  }
  DeliveryLoop& loop() {
    if (!loop_) loop_ = std::make_unique<DeliveryLoop>(emitter, format, reader, after, sinks(), pace);
    return *loop_;
  }
  /// Notices since the last call, with their level before the text.
  std::vector<std::string> told() {
    std::vector<std::string> texts;
    for (const auto& notice : loop().take_notices())
      texts.push_back((notice.level == Notice::Level::info ? "info " : "warning ") + notice.text);
    return texts;
  }
  DeliveryLoop::Next step() { return loop().step({DeliveryLoop::Clock::time_point{} + clock, 0}); }
  /// Steps until there is nothing more to do at once.
  DeliveryLoop::Next settle() {
    for (int i = 0; i < 10'000; ++i) {
      if (const auto next = step(); next.what != What::again) return next;
    }
    ADD_FAILURE() << "the loop never rests";
    return {};
  }
  void release(std::uint32_t events) {
    reader.release(events);
    loop().released();
  }
  /// As many as may be sent before their time; the last one's position.
  event::Position send_early() {
    for (int i = 0; i <= emitters::Pacer::most_early; ++i) {
      release(1);
      settle();
    }
    EXPECT_EQ(emitter.ended, emitters::Pacer::most_early + 1);
    return emitter.ended;
  }

  FakeEmitter emitter;
  FakeFormat format;
  FakeReader reader;
  event::Position after = 0;
  std::chrono::microseconds clock{1'000'000};
  milliseconds pace{0};
  std::vector<std::string> said;

 private:
  std::unique_ptr<DeliveryLoop> loop_;
};

using Strings = std::vector<std::string>;

TEST_F(DeliveryLoopTest, DeliversWholeTransactionsInOrderThenIsIdle) {
  release(2);
  release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "2@1", "e@1", "b102@2", "1@2", "e@2"}));
  EXPECT_TRUE(loop().finished());
  EXPECT_EQ(said.back(), "checkpoint 2");
}

TEST_F(DeliveryLoopTest, BeginsBehindItsCheckpoint) {
  after = 1;
  release(1);
  release(1);
  settle();
  EXPECT_EQ(emitter.taken, (Strings{"b102@2", "1@2", "e@2"}));
}

TEST_F(DeliveryLoopTest, DoesNotReadTheJournalWhileNothingWasReleased) {
  settle();
  const auto reads = reader.reads;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(reader.reads, reads);
  release(1);
  settle();
  EXPECT_EQ(emitter.taken.size(), 3u);
}

TEST_F(DeliveryLoopTest, ALargeTransactionComesInBoundedSlices) {
  release(2'000);
  settle();
  EXPECT_EQ(emitter.taken.size(), 2'002u);
  EXPECT_LE(emitter.largest, DeliveryLoop::kMaxBatchRecords + 1);
  EXPECT_EQ(emitter.taken.back(), "e@1");
  for (std::size_t i = 1; i <= 2'000; ++i) ASSERT_EQ(emitter.taken[i], std::to_string(i) + "@1");
}

TEST_F(DeliveryLoopTest, LargeRowsMakeSmallerSlices) {
  format.padding = 400'000;
  release(10);
  settle();
  EXPECT_LE(emitter.largest, 5u);
  EXPECT_EQ(emitter.taken.size(), 12u);
}

TEST_F(DeliveryLoopTest, RowsTooLargeForOneReadAllCome) {
  reader.row_size = capture::JournalReader::kMostBytes / 2;
  release(5);
  release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "2@1", "3@1", "4@1", "5@1", "e@1", "b102@2", "1@2", "e@2"}));
}

TEST_F(DeliveryLoopTest, ATransactionWhoseEventsFillReadsExactlyStillEnds) {
  release(DeliveryLoop::kEventsPerRead);
  release(DeliveryLoop::kEventsPerRead * 2);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, 2);
}

TEST_F(DeliveryLoopTest, ABusyDestinationIsWaitedForAndThenOfferedTheSame) {
  release(1);
  emitter.busy = true;
  EXPECT_EQ(settle().what, What::look);
  EXPECT_TRUE(emitter.taken.empty());
  emitter.busy = false;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "e@1"}));
}

TEST_F(DeliveryLoopTest, LooksGrowLongerWhileNothingMovesAndShortWhenItDoes) {
  emitter.confirms = false;
  release(1);
  EXPECT_EQ(settle().at_most, DeliveryLoop::kShortestLook);
  EXPECT_EQ(settle().at_most, DeliveryLoop::kShortestLook * 2);
  for (int i = 0; i < 20; ++i) settle();
  EXPECT_EQ(settle().at_most, DeliveryLoop::kLongestLook);
  release(1);
  EXPECT_EQ(settle().at_most, DeliveryLoop::kShortestLook);
}

TEST_F(DeliveryLoopTest, AFailingDestinationIsOfferedTheSameAgainEverMoreSlowly) {
  release(1);
  emitter.error = Error{"no route to host", ""};
  DeliveryLoop::Microseconds expected = DeliveryLoop::kFirstBackoff;
  for (int i = 0; i < 10; ++i) {
    const auto next = settle();
    EXPECT_EQ(next.what, What::pause);
    EXPECT_EQ(next.at_most, expected);
    clock += next.at_most;
    expected = std::min<DeliveryLoop::Microseconds>(expected * 2, DeliveryLoop::kLongestBackoff);
  }
  emitter.error.reset();
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken, (Strings{"b101@1", "1@1", "e@1"}));
  release(1);
  emitter.error = Error{"again", ""};
  EXPECT_EQ(settle().at_most, DeliveryLoop::kFirstBackoff);
}

TEST_F(DeliveryLoopTest, AFailureIsToldOnceAndThatItIsOver) {
  release(1);
  emitter.error = Error{"no route to host", ""};
  for (int i = 0; i < 3; ++i) clock += settle().at_most;
  EXPECT_EQ(told(), (Strings{"warning fake:: no route to host; its events wait in the journal"}));
  emitter.error = Error{"fake:: connection refused", ""};
  clock += settle().at_most;
  EXPECT_EQ(told(), (Strings{"warning fake:: connection refused; its events wait in the journal"}));
  emitter.error.reset();
  settle();
  EXPECT_EQ(told(), (Strings{"info fake:: goes on"}));
}

TEST_F(DeliveryLoopTest, ATroubleIsToldAgainOnceInAWhileWhateverItsText) {
  emitter.troubled = "one broker is down";
  settle();
  emitter.troubled = "two brokers are down";
  settle();
  EXPECT_EQ(told(), (Strings{"warning one broker is down"}));
  clock += DeliveryLoop::kTroubleInterval;
  settle();
  EXPECT_EQ(told(), (Strings{"warning two brokers are down"}));
  emitter.troubled.clear();
  settle();
  EXPECT_EQ(told(), (Strings{"info fake:: well again"}));
}

TEST_F(DeliveryLoopTest, DuringABackoffNothingIsOffered) {
  release(1);
  emitter.error = Error{"down", ""};
  settle();
  const auto offers = emitter.offers;
  clock += milliseconds(99);
  EXPECT_EQ(step().what, What::pause);
  EXPECT_EQ(emitter.offers, offers);
}

TEST_F(DeliveryLoopTest, AJournalThatCannotBeReadIsTriedAgain) {
  reader.release(1);
  reader.error = Error{"journal: I/O error", ""};
  EXPECT_EQ(settle().what, What::pause);
  reader.error.reset();
  clock += DeliveryLoop::kFirstBackoff;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.taken.size(), 3u);
}

TEST_F(DeliveryLoopTest, TheCheckpointComesOnlyOnceTheDestinationHasIt) {
  emitter.confirms = false;
  release(1);
  release(1);
  EXPECT_EQ(settle().what, What::look);
  EXPECT_TRUE(said.empty());
  EXPECT_FALSE(loop().finished());
  emitter.durable = 2;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(said, Strings{"checkpoint 2"});
}

TEST_F(DeliveryLoopTest, CheckpointsOnTheWayAreCoalesced) {
  emitter.confirms = false;
  for (int i = 0; i < 10; ++i) release(1);
  settle();
  for (int i = 1; i <= 9; ++i) {
    emitter.durable = i;
    settle();
  }
  EXPECT_EQ(said, Strings{"checkpoint 1"});
  clock += DeliveryLoop::kCheckpointInterval;
  settle();
  EXPECT_EQ(said, (Strings{"checkpoint 1", "checkpoint 9"}));
  emitter.durable = 10;
  settle();
  EXPECT_EQ(said.back(), "checkpoint 10") << "the last one does not wait";
}

TEST_F(DeliveryLoopTest, ARefusedRecordIsADeadLetterBeforeTheCheckpointThatPassesIt) {
  emitter.confirms = false;
  release(1);
  settle();
  emitter.refused.push_back({{}, 1, "too large"});
  emitter.durable = 1;
  settle();
  EXPECT_EQ(said, (Strings{"dead letter too large", "checkpoint 1"}));
  const auto notices = loop().take_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].kind, "dead letters") << "a broken table may have one for each write";
}

TEST_F(DeliveryLoopTest, WithAPaceWhatComesAfterAPauseLeavesAtOnce) {
  pace = milliseconds(5);
  for (int i = 1; i <= 10; ++i) {
    release(1);
    EXPECT_EQ(settle().what, What::idle);
    EXPECT_EQ(emitter.ended, i);
    clock += pace;
  }
}

TEST_F(DeliveryLoopTest, WithAPaceWhatComesAtOnceIsCollectedAndReadTogether) {
  pace = milliseconds(5);
  const auto sent = send_early();
  const auto reads = reader.reads;
  release(1);
  clock += std::chrono::microseconds(1'200);
  const auto next = settle();
  EXPECT_EQ(next.what, What::pace);
  EXPECT_EQ(next.at_most, std::chrono::microseconds(3'800));
  EXPECT_EQ(next.releases, DeliveryLoop::kMaxBatchRecords - 1);
  release(1);
  EXPECT_EQ(settle().what, What::pace);
  EXPECT_EQ(reader.reads, reads) << "what is collected is not even read";
  clock += next.at_most;
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, sent + 2);
}

TEST_F(DeliveryLoopTest, AFullBatchDoesNotWaitForThePace) {
  pace = milliseconds(5);
  const auto sent = send_early();
  for (std::size_t i = 1; i < DeliveryLoop::kMaxBatchRecords; ++i) release(1);
  const auto next = settle();
  ASSERT_EQ(next.what, What::pace);
  EXPECT_EQ(next.releases, 1u);
  release(1);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, sent + static_cast<event::Position>(DeliveryLoop::kMaxBatchRecords));
}

TEST_F(DeliveryLoopTest, ALargeTransactionAndABacklogGoOnWithoutAPause) {
  pace = milliseconds(5);
  for (int i = 0; i < 3; ++i) release(2'000);
  EXPECT_EQ(settle().what, What::idle);
  EXPECT_EQ(emitter.ended, 3);
}

TEST_F(DeliveryLoopTest, ThePaceDoesNotKeepConfirmationsBack) {
  pace = milliseconds(5);
  emitter.confirms = false;
  const auto sent = send_early();
  release(1);
  EXPECT_EQ(settle().what, What::pace);
  emitter.durable = sent;
  EXPECT_EQ(settle().what, What::pace);
  EXPECT_EQ(said, Strings{"checkpoint " + std::to_string(sent)});
  clock += pace;
  EXPECT_EQ(settle().what, What::look);
  EXPECT_EQ(emitter.ended, sent + 1);
}

// -- the thread -------------------------------------------------------------------------------------------------------

class DeliveryTest : public testing::Test {
 protected:
  DeliveryTest() {
    auto e = std::make_unique<FakeEmitter>();
    auto r = std::make_unique<FakeReader>();
    emitter = e.get();
    reader = r.get();
    delivery = std::make_unique<Delivery>(std::move(e), std::make_unique<FakeFormat>(), std::move(r),
                                          DeliveryLoop::Sinks{[this](event::Position position) { heard(position); },
                                                              [](emitters::Refused) {},
                                                              {},
                                                              [this](const Notice& notice) { told = notice.text; }});
  }
  void heard(event::Position position) {
    const std::lock_guard lock(mutex);
    checkpoint = position;
    changed.notify_all();
  }
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
  delivery->start(0);
  reader->release(3);
  delivery->wake();
  EXPECT_TRUE(reaches(1));
  reader->release(1);
  delivery->wake();
  EXPECT_TRUE(delivery->stop(std::chrono::seconds(20)));
  EXPECT_EQ(checkpoint, 2);
  EXPECT_TRUE(emitter->closed);
}

TEST_F(DeliveryTest, WithAPaceEverythingComesAndNothingWaitsForAnotherRelease) {
  auto e = std::make_unique<FakeEmitter>();
  auto r = std::make_unique<FakeReader>();
  emitter = e.get();
  reader = r.get();
  delivery = std::make_unique<Delivery>(
      std::move(e), std::make_unique<FakeFormat>(), std::move(r),
      DeliveryLoop::Sinks{[this](event::Position position) { heard(position); }, [](emitters::Refused) {}},
      milliseconds(5));
  delivery->start(0);
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
      std::move(e), std::make_unique<FakeFormat>(), std::move(r),
      DeliveryLoop::Sinks{[this](event::Position position) { heard(position); }, [](emitters::Refused) {}},
      std::chrono::hours(1));
  delivery->start(0);
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
  delivery->start(0);
  EXPECT_FALSE(delivery->stop(milliseconds(10)));
  EXPECT_EQ(checkpoint, 0);
  EXPECT_EQ(told, "fake:: has not taken all events");
}

TEST_F(DeliveryTest, ClosingConfirmsTheLastOnes) {
  emitter->confirms = false;
  reader->release(1);
  delivery->start(0);
  delivery->stop(milliseconds(200));
  EXPECT_EQ(checkpoint, 1);
}

}  // namespace
}  // namespace weir::proxy
