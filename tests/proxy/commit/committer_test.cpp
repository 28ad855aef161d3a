// The stream's thread and the syncer's together, over a log and a book that fail on demand: who waits for whom, and
// what is left at each end. What the stream and a gate do by themselves have tests of their own.
#include "tests/proxy/commit/committer_fixture.h"

namespace weir::proxy {
namespace {

// -- from a commit to the destinations --------------------------------------------------------------------------------

class DurabilityTest : public CommitterTest, public testing::WithParamInterface<Durability> {};

TEST_P(DurabilityTest, ASessionPreparesCommitsAndIsReleased) {
  start(GetParam());
  auto made = committer->reader();
  const auto reader = tail.make_reader(std::move(*made));
  auto gate = make_gate();
  const auto id = commit(*gate);
  ASSERT_TRUE(heard.hears("released"));
  const auto next = *reader->next(0);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->id, id);
  EXPECT_EQ(reader->events(id, 0, 10)->events.size(), 1u);
  gate.reset();
  EXPECT_EQ(left(), "701@1");
}

TEST_P(DurabilityTest, WhatIsStoppedAtOnceIsNotLost) {
  start(GetParam());
  auto gate = make_gate();
  commit(*gate);
  const auto open = gate->open();
  EXPECT_TRUE(prepare(*gate, open));
  gate.reset();
  committer->stop();
  EXPECT_TRUE(heard.has("doubt 2"));
  EXPECT_EQ(left(), "701@1 702?");
  EXPECT_EQ(disk->syncs > 0, GetParam() != Durability::memory);
}

/// One of many, on its own thread: some of its commits fail at first, some are rolled back, and now and then it is cut
/// off behind a COMMIT.
class BusySession {
 public:
  static constexpr int kTransactions = 60;
  static constexpr int kCommitted = kTransactions * 4 / 5;

  BusySession(Committer& committer, std::atomic<event::Lsn>& lsns) : committer_(committer), lsns_(lsns) { connect(); }

  void run() {
    for (int i = 0; i < kTransactions; ++i) {
      const auto id = gate_->open();
      if (i % 3 == 0) gate_->append(id, {change(1)});
      const auto first = lsns_.fetch_add(1);
      const auto one = transaction(id, first, lsns_.fetch_add(1));
      prepare(one);
      if (i % 7 == 0) {
        gate_->reopen(id);
        gate_->truncate(id, 1);
        prepare(one);
      }
      const auto told = heard_.count("durable");
      ASSERT_TRUE(gate_->may_be_told(id) || heard_.hears("durable", told + 1));
      if (i % 10 == 9) {
        connect();
      } else {
        gate_->outcome(id, i % 5 == 0 ? Outcome::aborted : Outcome::committed);
      }
    }
    committer_.drain();
  }

 private:
  void connect() {
    GateAnswers answers;
    answers.prepared = [this](std::int64_t, const Result<void>& result) { heard_.add(result ? "ok" : "refused"); };
    answers.durable = [this] { heard_.add("durable"); };
    gate_ = committer_.make_gate(std::move(answers));
  }
  void prepare(const event::Transaction& one) {
    const auto prepared = heard_.count("ok");
    const auto answer = gate_->prepare(one, {change(2)});
    ASSERT_TRUE(answer ? static_cast<bool>(*answer) : heard_.hears("ok", prepared + 1));
  }

  Committer& committer_;
  std::atomic<event::Lsn>& lsns_;
  Heard heard_;
  std::unique_ptr<capture::CommitGate> gate_;
};

TEST_P(DurabilityTest, ManySessionsAreOneStreamInOrder) {
  constexpr int kSessions = 8;
  auto with = options(GetParam());
  with.max_bytes = 0;
  with.on_doubt = [this](const std::vector<capture::Doubt>& doubts) {
    for (const auto& doubt : doubts) committer->resolve(doubt.transaction.id, Outcome::committed);
  };
  start(std::move(with));
  auto made = committer->reader();
  const auto reader = tail.make_reader(std::move(*made));
  std::atomic<event::Lsn> lsns{100};
  std::deque<BusySession> sessions;
  std::vector<std::thread> threads;
  for (int i = 0; i < kSessions; ++i) {
    auto& session = sessions.emplace_back(*committer, lsns);
    threads.emplace_back([&session] { session.run(); });
  }
  constexpr event::Position kAll = kSessions * BusySession::kCommitted;
  event::Position position = 0;
  event::Lsn resolved = 0;
  for (std::ptrdiff_t looks = 1; position < kAll && heard.hears("released", looks); ++looks) {
    for (auto next = *reader->next(position); next; next = *reader->next(position)) {
      EXPECT_EQ(next->position, position + 1);
      EXPECT_GT(next->first_lsn, resolved) << "promised before";
      EXPECT_FALSE(reader->events(next->id, 0, 10)->events.empty());
      resolved = next->resolved;
      committer->set_checkpoint("e", position = next->position);
    }
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(position, kAll);
  sessions.clear();
  committer->stop();
  EXPECT_EQ(shelf.destinations["e"].position, kAll);
}

std::string name_of(const testing::TestParamInfo<Durability>& info) {
  constexpr std::array kNames = {"Answer", "Commit", "Process", "Memory"};
  return kNames.at(static_cast<std::size_t>(info.param));
}
INSTANTIATE_TEST_SUITE_P(All, DurabilityTest,
                         testing::Values(Durability::answer, Durability::commit, Durability::process,
                                         Durability::memory),
                         name_of);

TEST_F(CommitterTest, NothingIsReleasedBeforeItsSyncAndThenAtOnce) {
  start();
  disk->hold_sync();
  auto gate = make_gate();
  const auto id = commit(*gate);
  disk->await_held_syncs(1);
  auto drained = std::async(std::launch::async, [this] { committer->drain(); });
  EXPECT_FALSE(heard.has("released"));
  disk->let_sync_go();
  drained.get();
  EXPECT_TRUE(heard.has("released")) << "who drains waits for the sync as well";
  EXPECT_EQ(id, 1);
}

TEST_F(CommitterTest, WhileSyncsFailNothingIsReleasedAndItGoesOnWhenTheyDo) {
  start();
  disk->hold_sync();
  fail_syncs(kDiskFull);
  auto gate = make_gate();
  const auto first = gate->open();
  ASSERT_TRUE(prepare(*gate, first));
  EXPECT_FALSE(gate->may_be_told(first));
  gate->outcome(first, Outcome::committed);
  disk->let_sync_go();
  await_syncs(2);
  const auto second = gate->open();
  EXPECT_FALSE(prepare(*gate, second)) << "new commits are refused";
  gate->outcome(second, Outcome::aborted);
  EXPECT_TRUE(heard.all().empty());
  fail_syncs(std::nullopt);
  EXPECT_TRUE(heard.hears("durable"));
  EXPECT_TRUE(heard.hears("released"));
  commit(*gate);
  EXPECT_TRUE(heard.hears("released", 2));
}

TEST_F(CommitterTest, AnOutcomeSurvivesADiskThatTakesNothing) {
  start();
  auto gate = make_gate();
  const auto id = gate->open();
  ASSERT_TRUE(prepare(*gate, id));
  fail_writes(kDiskFull);
  gate->outcome(id, Outcome::committed);
  committer->drain();
  EXPECT_FALSE(heard.has("released"));
  fail_writes(std::nullopt);
  EXPECT_TRUE(heard.hears("released"));
}

TEST_F(CommitterTest, ASessionThatDiesAfterItsCommitWasSentLeavesADoubt) {
  start();
  auto gate = make_gate();
  const auto id = gate->open();
  ASSERT_TRUE(prepare(*gate, id));
  gate.reset();
  ASSERT_TRUE(heard.hears("doubt 1"));
  auto other = make_gate();
  commit(*other);
  committer->drain();
  EXPECT_FALSE(heard.has("released"));
  EXPECT_EQ(committer->waiting(), 1u);
  committer->resolve(id, Outcome::committed);
  EXPECT_TRUE(heard.hears("released"));
  committer->drain();
  EXPECT_EQ(committer->waiting(), 0u);
}

TEST_F(CommitterTest, WhatNobodyWillEverKnowIsGivenUp) {
  start();
  auto gate = make_gate();
  const auto id = gate->open();
  ASSERT_TRUE(prepare(*gate, id));
  gate.reset();
  ASSERT_TRUE(heard.hears("doubt 1"));
  committer->give_up(id, {change()});
  EXPECT_TRUE(heard.hears("released"));
}

TEST_F(CommitterTest, ASessionThatDiesBeforeItsCommitLeavesNothing) {
  start();
  auto gate = make_gate();
  gate->append(gate->open(), {change()});
  gate.reset();
  committer->drain();
  committer->stop();
  EXPECT_TRUE(heard.all().empty());
  EXPECT_EQ(left(), "");
}

// -- a full journal ---------------------------------------------------------------------------------------------------

TEST_F(CommitterTest, AHeldCommitGoesOnWhenADestinationHasCaughtUp) {
  start();
  auto gate = make_gate();
  commit(*gate);
  ASSERT_TRUE(heard.hears("released"));
  gate.reset();
  committer.reset();
  disk->bytes.reset();
  auto with = options();
  with.max_bytes = FakeLog(disk).bytes();
  ASSERT_TRUE(try_start(std::move(with)));
  gate = make_gate();
  const auto id = gate->open();
  EXPECT_FALSE(gate->prepare(transaction(id, 20, 20), {change()}));
  committer->drain();
  EXPECT_FALSE(heard.has("2 ok"));
  committer->set_checkpoint("e", 1);
  EXPECT_TRUE(heard.hears("2 ok"));
  EXPECT_TRUE(gate->may_be_told(id));
}

TEST_F(CommitterTest, AHeldCommitIsDurableWhenItIsAnswered) {
  for (const auto durability : {Durability::answer, Durability::commit}) {
    start(durability);
    fill(1000);
    auto gate = make_gate();
    const auto id = gate->open();
    EXPECT_FALSE(gate->prepare(transaction(id, 10, 10), {change()}));
    committer->drain();
    disk->hold_sync();
    fill(0);
    disk->await_held_syncs(1);
    EXPECT_FALSE(heard.has(std::to_string(id) + " ok"));
    disk->let_sync_go();
    EXPECT_TRUE(heard.hears(std::to_string(id) + " ok"));
    EXPECT_TRUE(gate->may_be_told(id));
    gate->outcome(id, Outcome::aborted);
    gate.reset();
  }
}

TEST_F(CommitterTest, AProcessAnswersAHeldCommitAtOnce) {
  start(Durability::process);
  fill(1000);
  auto gate = make_gate();
  const auto id = gate->open();
  EXPECT_FALSE(gate->prepare(transaction(id, 10, 10), {change()}));
  disk->hold_sync();
  fill(0);
  EXPECT_TRUE(heard.hears(std::to_string(id) + " ok"));
}

TEST_F(CommitterTest, AHeldCommitIsRefusedWhenItsTimeIsOver) {
  auto with = options();
  with.hold_timeout = milliseconds(1);
  start(std::move(with));
  fill(1000);
  auto gate = make_gate();
  const auto id = gate->open();
  EXPECT_FALSE(gate->prepare(transaction(id, 10, 10), {change()}));
  EXPECT_TRUE(heard.hears("1 refused 53100"));
  gate->outcome(id, Outcome::aborted);
}

// -- the book ---------------------------------------------------------------------------------------------------------

TEST_F(CommitterTest, CheckpointsAndDeadLettersAreWrittenWithoutAnyoneWaiting) {
  start();
  auto gate = make_gate();
  commit(*gate);
  ASSERT_TRUE(heard.hears("released"));
  committer->dead_letter({"e", 1, "t", "k", "v", "too large", {}});
  committer->set_checkpoint("e", 1);
  gate.reset();
  committer->stop();
  EXPECT_EQ(shelf.destinations["e"].position, 1);
  EXPECT_EQ(shelf.dead_letters.size(), 1u);
  start();
  EXPECT_EQ(committer->checkpoint_at_start("e"), 1);
  EXPECT_EQ(committer->checkpoint_at_start("other"), 0);
}

/// Sessions that write all the time, and a stream that is always to look at once, do not keep it from being trimmed.
TEST_F(CommitterTest, WhatEveryDestinationHasGoesThoughThereIsNoQuietMoment) {
  start();
  auto gate = make_gate();
  commit(*gate);
  ASSERT_TRUE(heard.hears("released"));
  committer->set_checkpoint("e", 1);
  const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (erased_through() < 1 && std::chrono::steady_clock::now() < late) {
    const auto id = gate->open();
    ASSERT_TRUE(prepare(*gate, id));
    gate->outcome(id, Outcome::aborted);
    committer->resolve(id, Outcome::aborted);
  }
  EXPECT_EQ(erased_through(), 1);
}

TEST_F(CommitterTest, TheRunsOfTheServerAreKnownOverRestarts) {
  const std::string first = "77 00000001 100.5 0/0 100.4";
  const std::string second = "77 00000001 100.5 0/500 200.4";
  const std::string third = "77 00000001 300 0/0 200.4";
  start();
  auto gate = make_gate();
  for (const auto& run : {first, first + " unlogged", second}) {
    const auto id = gate->open();
    auto one = transaction(id, 10, 10);
    one.server_run = run;
    ASSERT_TRUE(*gate->prepare(one, {change()}));
    gate->outcome(id, Outcome::committed);
  }
  EXPECT_TRUE(committer->server_runs().see(third)) << "the resolver has seen it";
  gate.reset();
  EXPECT_EQ(shelf.server_runs, (std::vector<std::string>{first, second, third}));
  start();
  EXPECT_EQ(committer->server_runs().after(*capture::read_server_run(first)).size(), 2u);
}

// -- the end ----------------------------------------------------------------------------------------------------------

TEST_F(CommitterTest, StoppingTwiceOrBeforeTheStartIsNothing) {
  capture::Journal journal;
  journal.book = std::make_unique<FakeBook>(shelf);
  journal.log = std::make_unique<FakeLog>(disk);
  Committer never(std::move(journal), options());
  never.drain();
  never.stop();
  start();
  committer->stop();
  committer->drain();
  committer->stop();
}

TEST_F(CommitterTest, StoppingWaitsForTheSyncAndReleasesWhatWaitedForIt) {
  start();
  disk->hold_sync();
  auto gate = make_gate();
  commit(*gate);
  disk->await_held_syncs(1);
  gate.reset();
  auto stopped = std::async(std::launch::async, [this] { committer->stop(); });
  disk->let_sync_go();
  stopped.get();
  EXPECT_TRUE(heard.has("released"));
  EXPECT_EQ(left(), "701@1");
}

TEST_F(CommitterTest, WhatWaitsForOthersAtTheEndIsKnownToHaveCommitted) {
  start();
  auto one = make_gate();
  auto other = make_gate();
  ASSERT_TRUE(prepare(*one, one->open()));
  commit(*other);
  one.reset();
  other.reset();
  EXPECT_EQ(left(), "701? 702!");
}

TEST_F(CommitterTest, ADiskThatTakesNothingDoesNotKeepItFromStopping) {
  start();
  auto gate = make_gate();
  const auto id = gate->open();
  ASSERT_TRUE(prepare(*gate, id));
  ASSERT_TRUE(gate->may_be_told(id) || heard.hears("durable"));
  fail_writes(kDiskFull);
  fail_syncs(kDiskFull);
  gate->outcome(id, Outcome::committed);
  gate.reset();
  committer->stop();
  fail_writes(std::nullopt);
  fail_syncs(std::nullopt);
  EXPECT_EQ(left(), "701?");
}

TEST_F(CommitterTest, AHeldCommitDoesNotKeepItFromStopping) {
  start();
  fill(1000);
  auto gate = make_gate();
  EXPECT_FALSE(gate->prepare(transaction(gate->open(), 10, 10), {change()}));
  committer->drain();
  gate.reset();
  committer->stop();
  EXPECT_TRUE(heard.all().empty());
  EXPECT_EQ(left(), "");
}

// -- outcomes that a worker carries out -------------------------------------------------------------------------------

class OfferedTest : public CommitterTest {
 protected:
  void start_with_gate() {
    auto with = options(Durability::process);
    with.on_released = [this] {
      const bool is_here = std::this_thread::get_id() == worker.load();
      if (is_here && blocks.exchange(false)) {
        entered.set_value();
        let_go.get_future().wait();
      }
      heard.add(is_here ? "released here" : "released");
    };
    start(std::move(with));
    GateAnswers answers;
    answers.later = [this](std::function<void()> function) { deferred.push_back(std::move(function)); };
    gate = committer->make_gate(std::move(answers));
  }
  /// Commits until the stream's thread, which must have rested, leaves one to whoever brings it.
  std::function<void()> commit_until_offered() {
    while (deferred.empty()) {
      std::this_thread::sleep_for(milliseconds(3));
      commit(*gate);
    }
    return std::exchange(deferred, {}).back();
  }

  std::atomic<std::thread::id> worker = std::this_thread::get_id();
  std::atomic<bool> blocks = false;
  std::promise<void> entered;
  std::promise<void> let_go;
  std::vector<std::function<void()>> deferred;
  std::unique_ptr<capture::CommitGate> gate;
};

TEST_F(OfferedTest, OneThatComesWhileTheThreadRestsIsReleasedByWhoBringsIt) {
  start_with_gate();
  for (int i = 0; i < 200 && !heard.has("released here"); ++i) commit_until_offered()();
  EXPECT_TRUE(heard.has("released here"));
}

TEST_F(OfferedTest, OneThatNobodyCarriesOutIsTakenByTheThread) {
  start_with_gate();
  (void)commit_until_offered();
  const auto last = commit(*gate);
  gate.reset();
  committer->drain();
  EXPECT_EQ(committer->last_position(), last) << "all of them, none twice";
}

TEST_F(OfferedTest, TheThreadWaitsForWhoHasTheStreamAndSoDoesTheEnd) {
  start_with_gate();
  blocks = true;
  std::thread other([&] {
    worker = std::this_thread::get_id();
    while (blocks) commit_until_offered()();
  });
  entered.get_future().wait();
  const auto before = heard.count("released");
  auto another = make_gate();
  commit(*another);
  committer->dead_letter({});
  another.reset();
  std::thread end([&] { committer->stop(); });
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(heard.count("released"), before) << "the stream is somebody else's";
  EXPECT_TRUE(shelf.dead_letters.empty());
  let_go.set_value();
  end.join();
  other.join();
  EXPECT_GT(heard.count("released"), before) << "what came meanwhile";
  EXPECT_EQ(shelf.dead_letters.size(), 1u);
}

}  // namespace
}  // namespace weir::proxy
