// Promise 3, nothing lost: Weir is killed with SIGKILL at random moments under a workload, and started again with the
// same journal. Every committed row stands on Kafka, no other does, and what comes twice is the same twice.
//
// Every second kill hits between COMMIT and its answer: a pass-through between Weir and the database holds all answers
// back from the moment it has seen a commit on its way, so the database commits and Weir never hears of it.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "tests/integration/truth/stage.h"

namespace weir::truth {
namespace {

using test_support::PassThrough;
using test_support::Violations;

constexpr int kills = 24;

/// Waits for a commit to pass on its way to the database and holds the answers from then on.
class CommitTrap {
 public:
  std::string watch(PassThrough::From from, std::string bytes) {
    if (from == PassThrough::From::client && armed_ && carries_commit(bytes)) {
      armed_ = false;
      pass_through_->freeze();
      sprung_ = true;
    }
    return bytes;
  }

  void attach(PassThrough* pass_through) { pass_through_ = pass_through; }
  void arm() {
    sprung_ = false;
    armed_ = true;
  }
  bool sprung() const { return sprung_; }
  void release() {
    armed_ = false;
    pass_through_->cut();
    pass_through_->thaw();
  }

 private:
  /// COMMIT as text, or a Sync, which commits what stands before it.
  static bool carries_commit(const std::string& bytes) {
    return bytes.find("COMMIT") != std::string::npos || bytes.find(std::string("S\0\0\0\4", 5)) != std::string::npos;
  }

  PassThrough* pass_through_ = nullptr;
  std::atomic<bool> armed_ = false;
  std::atomic<bool> sprung_ = false;
};

struct Toll {
  int by_chance = 0;
  int before_the_answer = 0;
};

Toll kill_again_and_again(Stage& stage, CommitTrap& trap, const Workload& workload) {
  std::mt19937 dice(20261121);
  Toll toll;
  for (int i = 0; i < kills; ++i) {
    const int target = workload.finished() + 5 + static_cast<int>(dice() % 60);
    EXPECT_TRUE(test_support::eventually(std::chrono::seconds(20), [&] { return workload.finished() >= target; }))
        << "the workload stands still";
    if (i % 2 == 0) {
      trap.arm();
      if (test_support::eventually(std::chrono::seconds(5), [&] { return trap.sprung(); })) ++toll.before_the_answer;
    } else {
      ++toll.by_chance;
    }
    stage.weir().kill_hard();
    trap.release();
    stage.weir().start();
  }
  return toll;
}

class Crash : public testing::TestWithParam<int> {};

TEST_P(Crash, NothingIsLostAndNothingInvented) {
  CommitTrap trap;
  Stage stage(GetParam(),
              [&](PassThrough::From from, std::string bytes) { return trap.watch(from, std::move(bytes)); });
  trap.attach(stage.pass_through());

  Workload workload({.conninfo = stage.conninfo(), .sessions = 8, .transactions = 1 << 20, .seed = 7});
  std::thread application([&] { workload.run(); });
  Toll toll;
  try {
    toll = kill_again_and_again(stage, trap, workload);
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  workload.stop();
  application.join();
  EXPECT_EQ(toll.by_chance + toll.before_the_answer, kills);
  EXPECT_GE(toll.before_the_answer, kills / 3);
  EXPECT_GE(workload.lost_connections(), kills);

  stage.conclude();
  const auto& stream = stage.stream();
  const auto once = without_duplicates(stream);
  const std::set<std::string> loose_ops =
      GetParam() < 18 ? std::set<std::string>{"public.parts"} : std::set<std::string>{};
  EXPECT_GE(stage.history().transactions.size(), 200U);
  EXPECT_EQ(check_transactions(once, stage.history(), loose_ops), Violations{});
  EXPECT_EQ(check_transactions(once, stage.decoded(), loose_ops), Violations{});
  EXPECT_EQ(check_versions(once, stage.history()), Violations{});
  EXPECT_EQ(check_duplicates(stream), Violations{});
  EXPECT_EQ(check_boundaries(once), Violations{});
  EXPECT_EQ(check_fidelity(once), Violations{});
  EXPECT_EQ(replay(stage.server(), stream, "replayed"), Violations{});
  RecordProperty("events", static_cast<int>(stream.events.size()));
  RecordProperty("duplicates", static_cast<int>(stream.events.size() - once.events.size()));
  if (HasFailure())
    std::cerr << "weir's log ends with:\n" << test_support::tail_of(stage.weir().folder() / "stderr") << '\n';
}

INSTANTIATE_TEST_SUITE_P(Versions, Crash, testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

}  // namespace
}  // namespace weir::truth
