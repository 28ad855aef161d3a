// The journal's thread, over a journal that fails on demand: who waits for whom.
#include "proxy/committer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>

#include "tests/proxy/fake_journal.h"
#include "tests/proxy/transactions.h"

namespace weir::proxy {
namespace {

using capture::Outcome;

/// Collects what the journal's thread says, and lets the test wait for it.
class Listener {
 public:
  Answer answer() {
    return [this](std::int64_t id, Result<void> result) { add((result ? "ok " : "refused ") + std::to_string(id)); };
  }
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(what);
    changed_.notify_all();
  }
  bool has(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return std::find(heard_.begin(), heard_.end(), what) != heard_.end();
  }
  bool hears(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return std::find(heard_.begin(), heard_.end(), what) != heard_.end(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
};

class CommitterTest : public testing::Test {
 protected:
  CommitterTest() {
    auto made = std::make_unique<FakeJournal>();
    journal = made.get();
    Committer::Options options;
    options.limits = {"/j", 1000, std::chrono::minutes(1), {"e"}};
    options.on_released = [this] { listener.add("released"); };
    options.on_doubt = [this](std::vector<Doubt> doubts) {
      for (const auto& doubt : doubts) listener.add("doubt " + std::to_string(doubt.id));
    };
    committer = std::make_unique<Committer>(std::move(made), std::move(options));
    EXPECT_TRUE(committer->start());
  }

  Listener listener;
  FakeJournal* journal = nullptr;
  std::unique_ptr<Committer> committer;
};

TEST_F(CommitterTest, ASessionPreparesCommitsAndIsReleased) {
  auto gate = committer->make_gate(listener.answer());
  const auto id = gate->open();
  gate->prepare(transaction(id, 10, 10), {change()});
  ASSERT_TRUE(listener.hears("ok " + std::to_string(id)));
  gate->outcome(id, Outcome::committed);
  ASSERT_TRUE(listener.hears("released"));
}

TEST_F(CommitterTest, IdsAreGivenOutAtOnceAndNeverTwice) {
  auto one = committer->make_gate(listener.answer());
  auto two = committer->make_gate(listener.answer());
  std::set<std::int64_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.insert(one->open());
    ids.insert(two->open());
  }
  EXPECT_EQ(ids.size(), 200u);
}

TEST_F(CommitterTest, ASessionThatDiesAfterItsCommitWasSentLeavesADoubt) {
  auto gate = committer->make_gate(listener.answer());
  const auto id = gate->open();
  gate->prepare(transaction(id, 10, 10), {change()});
  ASSERT_TRUE(listener.hears("ok " + std::to_string(id)));
  gate.reset();
  ASSERT_TRUE(listener.hears("doubt " + std::to_string(id)));
  committer->resolve(id, Outcome::committed);
  EXPECT_TRUE(listener.hears("released"));
}

TEST_F(CommitterTest, CheckpointsAreWrittenWithoutAnyoneWaiting) {
  auto gate = committer->make_gate(listener.answer());
  committer->set_checkpoint("e", 3);
  committer->drain();
  committer->stop();
  EXPECT_EQ(journal->durable.checkpoints["e"], 3);
}

TEST_F(CommitterTest, ManySessionsShareSyncs) {
  constexpr int kSessions = 8;
  constexpr int kTransactions = 50;
  std::vector<std::thread> sessions;
  for (int session = 0; session < kSessions; ++session) {
    sessions.emplace_back([this] {
      Listener mine;
      auto gate = committer->make_gate(mine.answer());
      for (int i = 0; i < kTransactions; ++i) {
        const auto id = gate->open();
        gate->prepare(transaction(id, static_cast<event::Lsn>(id), static_cast<event::Lsn>(id)), {change()});
        ASSERT_TRUE(mine.hears("ok " + std::to_string(id)));
        gate->outcome(id, i % 5 == 0 ? Outcome::aborted : Outcome::committed);
      }
    });
  }
  for (auto& session : sessions) session.join();
  committer->drain();
  committer->stop();
  std::set<event::Position> positions;
  for (const auto& [id, stored] : journal->durable.transactions) positions.insert(stored.transaction.position);
  EXPECT_EQ(positions.size(), kSessions * kTransactions * 4u / 5u);
  EXPECT_EQ(*positions.rbegin(), kSessions * kTransactions * 4 / 5);
}

TEST_F(CommitterTest, AHeldCommitGoesOnWhenADestinationHasCaughtUp) {
  auto gate = committer->make_gate(listener.answer());
  const auto first = gate->open();
  gate->prepare(transaction(first, 10, 10), {change()});
  ASSERT_TRUE(listener.hears("ok " + std::to_string(first)));
  gate->outcome(first, Outcome::committed);
  ASSERT_TRUE(listener.hears("released"));
  committer->drain();
  journal->size = 1000;
  const auto second = gate->open();
  gate->prepare(transaction(second, 20, 20), {change()});
  committer->drain();
  EXPECT_FALSE(listener.has("ok " + std::to_string(second)));
  committer->set_checkpoint("e", 1);
  EXPECT_TRUE(listener.hears("ok " + std::to_string(second)));
}

TEST_F(CommitterTest, StopCarriesOutWhatIsQueued) {
  auto gate = committer->make_gate(listener.answer());
  const auto id = gate->open();
  gate->prepare(transaction(id, 10, 10), {change()});
  committer->stop();
  EXPECT_TRUE(listener.hears("ok " + std::to_string(id)));
  gate.reset();
}

}  // namespace
}  // namespace weir::proxy
