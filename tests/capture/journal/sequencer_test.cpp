#include "capture/journal/sequencer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

namespace weir::capture {
namespace {

using Ids = std::vector<std::int64_t>;

Ids take(Sequencer& sequencer) {
  Ids ids;
  for (const Sequencer::Released& released : sequencer.take_released()) ids.push_back(released.id);
  return ids;
}

TEST(SequencerTest, ReleasesAtOnceWhatNothingInFlightPrecedes) {
  Sequencer sequencer;
  sequencer.in_flight(1, 10, 12);
  sequencer.committed(1, 777);
  const auto released = sequencer.take_released();
  ASSERT_EQ(released.size(), 1u);
  EXPECT_EQ(released[0].id, 1);
  EXPECT_EQ(released[0].committed_us, 777);
  EXPECT_EQ(released[0].last_lsn, 12u);
  EXPECT_EQ(take(sequencer), Ids{}) << "once";
}

TEST(SequencerTest, WaitsForAnEarlierCommitWhoseAnswerIsLate) {
  Sequencer sequencer;
  sequencer.in_flight(1, 10, 12);
  sequencer.in_flight(2, 20, 22);
  sequencer.committed(2, 0);
  EXPECT_EQ(take(sequencer), Ids{});
  sequencer.committed(1, 0);
  EXPECT_EQ(take(sequencer), (Ids{1, 2}));
}

TEST(SequencerTest, AnAbortLetsTheOthersGo) {
  Sequencer sequencer;
  sequencer.in_flight(1, 10, 12);
  sequencer.in_flight(2, 20, 22);
  sequencer.committed(2, 0);
  sequencer.aborted(1);
  EXPECT_EQ(take(sequencer), Ids{2});
}

TEST(SequencerTest, OneInFlightBlocksOnlyWhatMayDependOnIt) {
  Sequencer sequencer;
  sequencer.in_flight(1, 50, 90);
  sequencer.in_flight(2, 10, 50);  // its last lsn is not above 50: it cannot have waited for 1
  sequencer.in_flight(3, 10, 51);
  sequencer.in_flight(4, 95, 99);
  for (const std::int64_t id : {4, 3, 2}) sequencer.committed(id, 0);
  EXPECT_EQ(take(sequencer), Ids{2});
  sequencer.committed(1, 0);
  EXPECT_EQ(take(sequencer), (Ids{3, 1, 4}));
}

TEST(SequencerTest, ATransactionThatIsReadyBlocksNothing) {
  Sequencer sequencer;
  sequencer.in_flight(1, 1, 100);
  sequencer.in_flight(2, 5, 50);
  sequencer.committed(1, 0);
  EXPECT_EQ(take(sequencer), Ids{});
  sequencer.committed(2, 0);
  EXPECT_EQ(take(sequencer), (Ids{2, 1}));
}

TEST(SequencerTest, IgnoresWhatItDoesNotKnowAndWhatCameTwice) {
  Sequencer sequencer;
  sequencer.committed(1, 0);
  sequencer.aborted(1);
  EXPECT_EQ(take(sequencer), Ids{});
  sequencer.in_flight(1, 10, 20);
  sequencer.in_flight(2, 10, 20);
  sequencer.committed(1, 0);
  sequencer.committed(1, 0);
  sequencer.aborted(1);
  EXPECT_EQ(sequencer.in_flight_count(), 1u);
  sequencer.aborted(2);
  EXPECT_EQ(take(sequencer), Ids{1}) << "what is committed stays so";
}

TEST(SequencerTest, KnowsTheLowestLsnStillToCome) {
  Sequencer sequencer;
  EXPECT_EQ(sequencer.lowest_pending(), std::nullopt);
  sequencer.in_flight(1, 10, 12);
  sequencer.in_flight(2, 5, 30);
  sequencer.in_flight(3, 7, 8);
  EXPECT_EQ(sequencer.lowest_pending(), 5u);
  EXPECT_EQ(sequencer.in_flight_count(), 3u);
  sequencer.committed(2, 0);
  EXPECT_EQ(sequencer.lowest_pending(), 5u) << "it waits, so it is still to come";
  EXPECT_EQ(sequencer.in_flight_count(), 2u);
  sequencer.aborted(3);
  sequencer.committed(1, 0);
  EXPECT_EQ(take(sequencer), (Ids{1, 2}));
  EXPECT_EQ(sequencer.lowest_pending(), std::nullopt);
}

/// Sessions that write rows under row locks and commit, as the database would do it; their acknowledgements come back
/// in any order. What the sequencer releases must follow the order of the commits wherever two wrote the same row.
class Database {
 public:
  Database(unsigned seed, int sessions, int rows) : random_(seed), sessions_(static_cast<std::size_t>(sessions)) {
    locks_.resize(static_cast<std::size_t>(rows), nobody);
    versions_.resize(static_cast<std::size_t>(rows));
    released_.resize(static_cast<std::size_t>(rows));
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) advance(random_() % sessions_.size());
    for (bool moved = true; moved;) {  // finish what is under way
      moved = false;
      for (std::size_t at = 0; at < sessions_.size(); ++at) moved = finish(at) || moved;
    }
  }

  void check() const {
    EXPECT_EQ(sequencer_.in_flight_count(), 0u);
    EXPECT_GT(commits_, 0u);
    for (std::size_t row = 0; row < versions_.size(); ++row) EXPECT_EQ(released_[row], versions_[row]) << "row " << row;
  }
  std::size_t late() const { return late_; }

 private:
  static constexpr std::size_t nobody = ~std::size_t{0};
  enum class State { idle, writing, sent, done, failed };
  struct Session {
    State state = State::idle;
    std::int64_t id = 0;
    event::Lsn first = 0;
    event::Lsn last = 0;
    std::vector<std::size_t> rows;
  };

  void advance(std::size_t at) {
    Session& session = sessions_[at];
    switch (session.state) {
      case State::idle:
        session = {State::writing, ++last_id_, 0, 0, {}};
        break;
      case State::writing:
        if (session.rows.empty() || random_() % 2 == 0) return write(at);
        sequencer_.in_flight(session.id, session.first, session.last);
        session.state = State::sent;
        break;
      case State::sent:
        end_in_database(session);
        break;
      case State::done:
      case State::failed:
        acknowledge(session);
        break;
    }
  }

  void write(std::size_t at) {
    const std::size_t row = random_() % locks_.size();
    if (locks_[row] != nobody && locks_[row] != at) return;  // it would wait for the lock
    Session& session = sessions_[at];
    locks_[row] = at;
    session.rows.push_back(row);
    clock_ += random_() % 2;  // rows of different transactions may see the same lsn
    session.last = clock_;
    if (session.rows.size() == 1) session.first = clock_;
  }

  void end_in_database(Session& session) {
    session.state = random_() % 8 == 0 ? State::failed : State::done;
    ++clock_;  // the commit record
    std::sort(session.rows.begin(), session.rows.end());
    session.rows.erase(std::unique(session.rows.begin(), session.rows.end()), session.rows.end());
    for (const std::size_t row : session.rows) {
      locks_[row] = nobody;
      if (session.state == State::done) versions_[row].push_back(session.id);
    }
    if (session.state == State::done) rows_of_.emplace(session.id, session.rows);
  }

  void acknowledge(Session& session) {
    if (session.state == State::done) {
      ++commits_;
      if (session.id < last_acknowledged_) ++late_;
      last_acknowledged_ = session.id;
      sequencer_.committed(session.id, 0);
    } else {
      sequencer_.aborted(session.id);
    }
    session.state = State::idle;
    event::Lsn before = 0;
    for (const Sequencer::Released& released : sequencer_.take_released()) {
      EXPECT_LE(before, released.last_lsn);
      before = released.last_lsn;
      for (const std::size_t row : rows_of_.at(released.id)) released_[row].push_back(released.id);
    }
  }

  bool finish(std::size_t at) {
    Session& session = sessions_[at];
    if (session.state == State::idle || session.state == State::writing) return false;
    advance(at);
    return true;
  }

  std::mt19937 random_;
  std::vector<Session> sessions_;
  std::vector<std::size_t> locks_;  // session that holds each row
  std::vector<Ids> versions_;       // of each row, in the order of the commits
  std::vector<Ids> released_;       // of each row, as the stream would show it
  std::unordered_map<std::int64_t, std::vector<std::size_t>> rows_of_;
  Sequencer sequencer_;
  event::Lsn clock_ = 1;
  std::int64_t last_id_ = 0;
  std::int64_t last_acknowledged_ = 0;
  std::size_t commits_ = 0;
  std::size_t late_ = 0;
};

TEST(SequencerPropertyTest, NoDependentTransactionOvertakesTheOneItDependsOn) {
  std::size_t late = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    Database database(seed, 2 + static_cast<int>(seed % 15), 1 + static_cast<int>(seed % 7));
    database.run(4000);
    database.check();
    late += database.late();
    if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
  EXPECT_GT(late, 1000u) << "the acknowledgements did come out of order";
}

}  // namespace
}  // namespace weir::capture
