// Promise 3, nothing lost: Weir is killed with SIGKILL at random moments under a workload, and started again with the
// same journal. Every committed row stands on Kafka, no other does, and what comes twice is the same twice.
//
// Every second kill hits between COMMIT and its answer: a pass-through between Weir and the database holds all answers
// back from the moment it has seen a commit on its way, so the database commits and Weir never hears of it.
//
// And the database itself is crashed, by an immediate stop or by kill -9 of one backend, with Weir and without it: what
// it had not yet written is lost with its transaction ids, which are then given out again.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>

#include <random>
#include <thread>

#include "tests/integration/truth/stage.h"

namespace weir::truth {
namespace {

using test_support::PassThrough;
using test_support::Violations;

constexpr int kills = 24;
constexpr int crashes = 12;

/// Between two kills the workload ends 35 transactions on average, more than half of which commit.
constexpr std::size_t at_least(int times) {
  return static_cast<std::size_t>(times) * 12;
}

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

Toll kill_again_and_again(Stage& stage, CommitTrap& trap, const Workload& workload, int times) {
  std::mt19937 dice(20261121);
  Toll toll;
  for (int i = 0; i < times; ++i) {
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

/// kill -9 of a process that is serving a session; the server then recovers, all of it, by itself.
void kill_a_backend(const test_support::PgConnection& admin) {
  std::string backend;
  test_support::eventually(std::chrono::seconds(30), [&] {
    backend = admin.value(
        "SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
    return !backend.empty();
  });
  if (backend.empty() || kill(std::stoi(backend), SIGKILL) != 0)
    throw std::runtime_error("there is nobody to be killed");
}

void expect_recovery(const test_support::PgConnection& admin, const test_support::PgCluster& server) {
  const auto down = [&] { return admin.try_run("SELECT 1") != "00000"; };
  const auto up = [&] { return PQping(server.socket_conninfo().c_str()) == PQPING_OK; };
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(30), down)) << "the database lives on";
  EXPECT_TRUE(test_support::eventually(std::chrono::seconds(60), up)) << "the database does not recover";
}

/// Weir dies with the database and comes back before it does, or lives on.
void crash_once(Stage& stage, CommitTrap& trap, bool by_stop, bool with_weir) {
  const auto admin = stage.connect();
  if (by_stop) {
    stage.server().stop(test_support::PgCluster::Stop::immediate);
  } else {
    kill_a_backend(admin);
  }
  if (with_weir) stage.weir().kill_hard();
  trap.release();
  if (with_weir) stage.weir().start();
  if (by_stop) {
    stage.server().start();
  } else {
    expect_recovery(admin, stage.server());
  }
}

Toll crash_again_and_again(Stage& stage, CommitTrap& trap, const Workload& workload, int times) {
  std::mt19937 dice(20261130);
  Toll toll;
  for (int i = 0; i < times; ++i) {
    // Now and then at once, before anybody could ask what became of the last time's.
    const int target = workload.finished() + (i % 5 == 4 ? 1 : 5 + static_cast<int>(dice() % 60));
    EXPECT_TRUE(test_support::eventually(std::chrono::seconds(60), [&] { return workload.finished() >= target; }))
        << "the workload stands still";
    if (i % 3 == 0) {
      trap.arm();
      if (test_support::eventually(std::chrono::seconds(5), [&] { return trap.sprung(); })) ++toll.before_the_answer;
    } else {
      ++toll.by_chance;
    }
    crash_once(stage, trap, i % 2 == 0, i / 2 % 2 == 0);
  }
  return toll;
}

class Crash : public testing::TestWithParam<int> {
 protected:
  /// Runs the workload through `ordeal` and compares all that is on Kafka with all that is in the database.
  using Ordeal = Toll (*)(Stage& stage, CommitTrap& trap, const Workload& workload, int times);
  static void endures(Ordeal ordeal, int times, const std::string& durability = "answer");
  static void undergoes(Stage& stage, CommitTrap& trap, Ordeal ordeal, int times);
  static PassThrough::Tap tap(CommitTrap& trap) {
    return [&trap](PassThrough::From from, std::string bytes) { return trap.watch(from, std::move(bytes)); };
  }
};

void Crash::undergoes(Stage& stage, CommitTrap& trap, Ordeal ordeal, int times) {
  trap.attach(stage.pass_through());
  Workload workload({.conninfo = stage.conninfo(), .sessions = 8, .transactions = 1 << 20, .seed = 7});
  std::thread application([&] { workload.run(); });
  Toll toll{};
  try {
    toll = ordeal(stage, trap, workload, times);
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  workload.stop();
  application.join();
  EXPECT_EQ(toll.by_chance + toll.before_the_answer, times);
  EXPECT_GE(toll.before_the_answer, times / 4);
  EXPECT_GE(workload.lost_connections(), times);
  stage.conclude();
}

void Crash::endures(Ordeal ordeal, int times, const std::string& durability) {
  CommitTrap trap;
  Stage stage(GetParam(), tap(trap), {"--journal.durability", durability});
  undergoes(stage, trap, ordeal, times);
  const auto& stream = stage.stream();
  const auto once = without_duplicates(stream);
  const std::set<std::string> loose_ops =
      GetParam() < 18 ? std::set<std::string>{"public.parts"} : std::set<std::string>{};
  EXPECT_GE(stage.history().transactions.size(), at_least(times));
  EXPECT_EQ(check_transactions(once, stage.history(), loose_ops, moved_tables()), Violations{});
  EXPECT_EQ(check_transactions(once, stage.decoded(), loose_ops, moved_tables()), Violations{});
  EXPECT_EQ(check_versions(once, stage.history()), Violations{});
  EXPECT_EQ(check_duplicates(stream), Violations{});
  EXPECT_EQ(check_last(once), Violations{});
  EXPECT_TRUE(stream.boundaries.empty()) << "the transaction topic is off by default";
  EXPECT_EQ(check_fidelity(once), Violations{});
  EXPECT_EQ(replay(stage.server(), stream, "replayed"), Violations{});
  RecordProperty("events", static_cast<int>(stream.events.size()));
  RecordProperty("duplicates", static_cast<int>(stream.events.size() - once.events.size()));
  if (HasFailure())
    std::cerr << "weir's log ends with:\n" << test_support::tail_of(stage.weir().folder() / "stderr") << '\n';
}

TEST_P(Crash, NothingIsLostAndNothingInvented) {
  endures(kill_again_and_again, kills);
}

TEST_P(Crash, NothingIsLostAndNothingInventedWhenTheDatabaseCrashes) {
  endures(crash_again_and_again, crashes);
}

// kill -9 leaves what was written, synced or not.
TEST_P(Crash, NothingIsLostWhereTheCommitWaitsForTheSync) {
  endures(kill_again_and_again, kills / 3, "commit");
}

TEST_P(Crash, NothingIsLostWhereNothingWaitsForTheSync) {
  endures(kill_again_and_again, kills / 3, "process");
}

// What was not delivered goes with the process, and nothing else may be told.
TEST_P(Crash, NothingIsInventedWhereNothingIsKept) {
  CommitTrap trap;
  Stage stage(GetParam(), tap(trap), {"--journal.durability", "memory"});
  undergoes(stage, trap, kill_again_and_again, kills / 3);
  EXPECT_GE(stage.stream().events.size(), at_least(kills / 3));
  for (const auto& event : stage.stream().events)
    EXPECT_TRUE(stage.history().transactions.contains(event.xid)) << "never committed: " << to_text(event.write);
}

INSTANTIATE_TEST_SUITE_P(Versions, Crash, testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

}  // namespace
}  // namespace weir::truth
