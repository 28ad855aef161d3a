// Which stretch of the stream is sent again, what of it, and how a destination's thread does it between two
// transactions.
#include "proxy/delivery/replay.h"

#include <condition_variable>

#include "proxy/delivery/delivery.h"
#include "tests/proxy/delivery/delivery_fixture.h"

namespace weir::proxy {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNoon = 1'795'262'400 * kSecond;  // 2026-11-21T12:00:00Z

std::int64_t at(const std::string& text) {
  const auto point = read_replay_point(text);
  EXPECT_TRUE(point) << text;
  return point && point->at_us ? *point->at_us : 0;
}

TEST(ReplayPoint, IsAPositionOrATime) {
  EXPECT_EQ(read_replay_point("4711")->position, 4711);
  EXPECT_FALSE(read_replay_point("4711")->at_us);
  for (const auto* noon : {"2026-11-21T12:00:00Z", "2026-11-21 12:00", "2026-11-21t12:00:00.000000z",
                           "2026-11-21T13:00:00+01:00", "2026-11-21 06:30:00-0530", "2026-11-21T14:00+02"})
    EXPECT_EQ(at(noon), kNoon) << noon;
  EXPECT_EQ(at("2026-11-21T12:00:00.25Z"), kNoon + 250'000);
  EXPECT_EQ(at("2026-11-21T12:00:01.702980999"), kNoon + kSecond + 702'980);
  for (const auto* wrong : {"", "0", "-1", "now", "yesterday", "2026-11-21", "2026-13-21T12:00Z", "2026-02-30 12:00",
                            "2026-11-21T25:00", "2026-11-21T12:60", "2026-11-21T12:00:00.Z", "2026-11-21T12:00 CET",
                            "2026-11-21T12:00:00+1", "99999999999999999999"})
    EXPECT_FALSE(read_replay_point(wrong)) << wrong;
}

/// Position n committed n seconds behind noon; the first two are not there any more.
ReplayScene scene(event::Position stands = 20, event::Position erased = 2) {
  ReplayScene made{"file:/x", stands, erased, {}};
  made.committed_after = [erased](event::Position after) -> Result<std::optional<std::int64_t>> {
    if (after < erased) return Error{"asked for what is not there", ""};
    return std::optional(kNoon + (after + 1) * kSecond);
  };
  return made;
}
ReplayPoint position(event::Position position) {
  return {position, std::nullopt};
}
ReplayPoint time(std::int64_t seconds) {
  return {0, kNoon + seconds * kSecond};
}
std::string planned(const ReplayPoint& from, const std::optional<ReplayPoint>& to, const ReplayScene& scene) {
  const auto replay = plan_replay(from, to, scene);
  return replay ? std::to_string(replay->from) + "-" + std::to_string(replay->to) : replay.error().message;
}

TEST(ReplayPlan, GoesFromAPlaceToWhereTheDestinationStandsOrToAnother) {
  EXPECT_EQ(planned(position(3), {}, scene()), "3-0");
  EXPECT_EQ(planned(position(20), {}, scene()), "20-0");
  EXPECT_EQ(planned(position(5), position(7), scene()), "5-7");
  EXPECT_EQ(planned(position(1), {}, scene(20, 0)), "1-0");
  EXPECT_EQ(planned(time(10), {}, scene()), "9-0") << "a little before: acknowledgements may stand in another order";
  EXPECT_EQ(planned(time(10), time(12), scene()), "9-12");
  EXPECT_EQ(planned(time(-100), {}, scene(20, 0)), "1-0") << "nothing was before";
}

TEST(ReplayPlan, WhatIsGoneIsRefusedAndFromWhereOnThereIsSomething) {
  const std::string from_three =
      "the journal has the stream from position 3 on, committed 2026-11-21T12:00:03.000000Z; what is before that is "
      "not "
      "there any more";
  EXPECT_EQ(planned(position(2), {}, scene()), from_three);
  EXPECT_EQ(planned(position(1), position(9), scene()), from_three);
  EXPECT_EQ(planned(time(1), {}, scene()), from_three);
  EXPECT_EQ(planned(time(3), {}, scene()), from_three) << "another one may have committed at that time";
}

TEST(ReplayPlan, WhatWasNotSentYetIsNotSentAgain) {
  EXPECT_EQ(planned(position(21), {}, scene()),
            "file:/x has the stream up to position 20, and nothing from 21 on was sent to it yet");
  EXPECT_EQ(planned(time(100), {}, scene()),
            "file:/x has the stream up to position 20, and nothing behind that time was sent to it yet");
  EXPECT_EQ(planned(position(3), {}, scene(2, 2)),
            "file:/x has the stream up to position 2, and nothing from 3 on was sent to it yet");
  EXPECT_EQ(planned(position(7), position(6), scene()), "to is before from: nothing lies between them");
}

TEST(ReplayStream, EndsAtItsPositionAndHasNoHoles) {
  auto made = std::make_unique<FakeReader>();
  auto* reader = made.get();
  for (int i = 0; i < 5; ++i) reader->release(1);
  const auto stream = up_to(std::move(made), 3);
  EXPECT_EQ((*stream->next(2))->position, 3);
  EXPECT_FALSE(*stream->next(3));
  reader->transactions.erase(reader->transactions.begin(), reader->transactions.begin() + 2);
  const auto gone = stream->next(0);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().message, "the journal has not got transactions 1 to 3 of the stream any more");
}

TEST(ReplayFormat, TakesOutWhatIsOfOtherTablesAndChangesNothingElse) {
  emitters::FormatOptions options;
  options.prefix = "shop-{db}";
  options.transaction_topic = true;
  event::Transaction transaction;
  transaction.id = 17;
  transaction.xid = 80795;
  transaction.database = "d";
  std::vector<event::ChangeEvent> events(4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    events[i].schema = "public";
    events[i].table = i % 2 == 0 ? "orders" : "lines";
    events[i].ordinal = events[i].statement_order = i + 1;
    events[i].key = events[i].after = "{\"id\":" + std::to_string(i) + "}";
  }
  events[2].op = event::Op::remove;
  events[3].op = event::Op::gap;
  const auto write = [&](emitters::Format& format) {
    std::vector<Record> records;
    format.begin(transaction, records);
    for (const auto& one : events) format.change(one, 1, records);
    format.end(records);
    return records;
  };
  const auto whole = write(**emitters::make_format("debezium", options));
  const auto some =
      write(*only_of({"public.ord*"}, std::move(*emitters::make_format("debezium", options)), options.prefix));
  std::vector<const Record*> expected;
  for (const auto& one : whole)
    if (one.topic != "shop-d.public.lines") expected.push_back(&one);
  ASSERT_EQ(some.size(), expected.size());
  ASSERT_EQ(some.size(), whole.size() - 1);
  for (std::size_t i = 0; i < some.size(); ++i) {
    EXPECT_EQ(some[i].topic, expected[i]->topic);
    EXPECT_EQ(some[i].value, expected[i]->value);
    EXPECT_EQ(some[i].headers, expected[i]->headers);
  }
}

/// A destination that is opened anew, and what all its openings took.
class ReplayDelivery : public testing::Test {
 protected:
  /// Says what it took when it goes.
  class Remembered final : public emitters::Emitter {
   public:
    explicit Remembered(ReplayDelivery& all) : all_(all) {}
    ~Remembered() override { all_.note("closed"); }
    const std::string& name() const override { return name_; }
    Result<bool> offer(std::vector<Record>&& batch, event::Position position, bool ends) override {
      for (const auto& record : batch) all_.note(*record.value + "@" + std::to_string(position));
      if (ends) durable_ = position;
      return true;
    }
    Result<std::optional<event::Position>> resume_after() override { return all_.own_position; }
    event::Position durable_through() override { return durable_; }
    void wait(milliseconds) override {}
    bool close(milliseconds) override { return true; }

   private:
    ReplayDelivery& all_;
    const std::string name_ = "fake:";
    event::Position durable_ = 0;
  };

  ReplayDelivery() {
    auto made = std::make_unique<FakeReader>();
    reader = made.get();
    DeliveryLoop::Sinks sinks;
    sinks.checkpoint = [this](event::Position position) { note("checkpoint " + std::to_string(position)); };
    sinks.dead_letter = [](const emitters::Refused&) {};
    sinks.tell = [this](const Notice& notice) { note("told " + notice.text); };
    delivery = std::make_unique<Delivery>(std::make_unique<Remembered>(*this), std::make_unique<FakeFormat>(), sinks);
    delivery->attach(std::move(made));
    delivery->open_anew_with([this](const std::vector<std::string>& tables) {
      note("opened" + (tables.empty() ? std::string() : " for " + tables[0]));
      return OpenDestination{std::make_unique<Remembered>(*this), std::make_unique<FakeFormat>()};
    });
  }
  void note(const std::string& text) {
    const std::lock_guard lock(mutex);
    notes.push_back(text);
    changed.notify_all();
  }
  bool comes(const std::string& text) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20),
                            [&] { return std::find(notes.begin(), notes.end(), text) != notes.end(); });
  }
  /// Since `first`.
  Strings since(const std::string& first) {
    const std::lock_guard lock(mutex);
    return {std::find(notes.begin(), notes.end(), first), notes.end()};
  }
  void release() {
    reader->release(1);
    delivery->wake();
  }
  Result<void> send_again(Replay what) {
    auto stream = std::make_unique<FakeReader>();
    for (int i = 0; i < 9; ++i) stream->release(1);
    return delivery->send_again({std::move(what), std::move(stream),
                                 [this](event::Position done) { note("again through " + std::to_string(done)); }});
  }

  std::mutex mutex;
  std::condition_variable changed;
  Strings notes;
  std::optional<event::Position> own_position;
  FakeReader* reader = nullptr;
  std::unique_ptr<Delivery> delivery;
};

TEST_F(ReplayDelivery, GoesBetweenTwoTransactionsAndMovesNoCheckpoint) {
  for (int i = 0; i < 3; ++i) release();
  delivery->start(0, 3);
  ASSERT_TRUE(comes("checkpoint 3"));
  ASSERT_TRUE(send_again({2, 0, {"a.b"}}));
  EXPECT_FALSE(send_again({1, 0, {}})) << "one at a time";
  ASSERT_TRUE(comes("told fake:: has positions 2 to 3 of the stream again"));
  release();
  ASSERT_TRUE(comes("checkpoint 4"));
  const auto all = since("told fake:: positions 2 to 3 of the stream are sent again");
  const Strings expected = {"told fake:: positions 2 to 3 of the stream are sent again",
                            "opened for a.b",
                            "closed",
                            "b102@2",
                            "1@2",
                            "e@2",
                            "b103@3",
                            "1@3",
                            "e@3"};
  ASSERT_GE(all.size(), expected.size());
  Strings sent;
  for (const auto& one : all)
    if (!one.starts_with("again through")) sent.push_back(one);
  EXPECT_EQ(Strings(sent.begin(), sent.begin() + 9), expected);
  EXPECT_EQ(Strings(sent.end() - 4, sent.end()), (Strings{"b104@4", "1@4", "e@4", "checkpoint 4"}));
  EXPECT_NE(std::find(all.begin(), all.end(), "again through 3"), all.end());
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& one) { return one.starts_with("checkpoint"); }), 1);
  EXPECT_TRUE(send_again({4, 4, {}})) << "the next one";
  ASSERT_TRUE(comes("told fake:: has positions 4 to 4 of the stream again"));
  EXPECT_TRUE(delivery->stop(std::chrono::seconds(20)));
}

TEST_F(ReplayDelivery, EndsAtAnotherPlaceAndNeverBeyondWhereItStands) {
  for (int i = 0; i < 5; ++i) release();
  delivery->start(0, 5);
  ASSERT_TRUE(comes("checkpoint 5"));
  ASSERT_TRUE(send_again({1, 2, {}}));
  ASSERT_TRUE(comes("told fake:: has positions 1 to 2 of the stream again"));
  ASSERT_TRUE(send_again({5, 9, {}}));
  ASSERT_TRUE(comes("told fake:: has positions 5 to 5 of the stream again"));
  delivery->stop(std::chrono::seconds(20));
}

TEST_F(ReplayDelivery, OneThatKeepsItsOwnPositionTakesNothingTwice) {
  own_position = 3;
  for (int i = 0; i < 3; ++i) release();
  delivery->start(3, 3);
  ASSERT_TRUE(send_again({1, 0, {}}));
  ASSERT_TRUE(comes(
      "told fake:: positions 1 to 3 of the stream were asked for again; it keeps its own position, and takes nothing "
      "twice"));
  EXPECT_TRUE(since("b101@1").empty());
  EXPECT_TRUE(delivery->stop(std::chrono::seconds(20)));
}

TEST_F(ReplayDelivery, APauseHoldsItBackAndAnEndIsSaid) {
  release();
  delivery->start(1, 1);
  delivery->pause(true);
  ASSERT_TRUE(send_again({1, 0, {}}));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_TRUE(since("opened").empty());
  delivery->stop(std::chrono::milliseconds(0));
  EXPECT_FALSE(send_again({1, 0, {}}));
}

}  // namespace
}  // namespace weir::proxy
