// Runs of the log, replayed with a crash of the machine behind every file call, and with every file call failing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <iostream>

#include "tests/capture/journal/torture_run.h"

namespace weir::capture {
namespace {

using Call = ModelFiles::Call;
using Loss = ModelFiles::Loss;

constexpr std::size_t most_for_all_subsets = 5;  // of file calls in doubt
constexpr int samples = 16;

bool is_of_file(const Call& call) {
  return call.kind == Call::Kind::write || call.kind == Call::Kind::resize;
}

/// The part of a write from `begin` to `end`, counted in its bytes.
Call part_of(const Call& write, std::size_t begin, std::size_t end) {
  Call part = write;
  part.offset += begin;
  part.bytes = write.bytes.substr(begin, end - begin);
  return part;
}

/// Each block of the file that the write touches, there or not.
std::vector<Call> torn_at_blocks(const Call& write, std::uint64_t block, std::mt19937& random) {
  std::vector<Call> parts;
  for (std::size_t begin = 0; begin < write.bytes.size();) {
    const std::size_t end = std::min<std::size_t>(write.bytes.size(), begin + block - (write.offset + begin) % block);
    if (random() % 2 == 0) parts.push_back(part_of(write, begin, end));
    begin = end;
  }
  return parts;
}

std::vector<Call> torn(const Call& call, std::mt19937& random) {
  if (call.kind != Call::Kind::write) return {call};
  switch (random() % 4) {
    case 0:
      return torn_at_blocks(call, 512, random);
    case 1:
      return torn_at_blocks(call, 4096, random);
    default: {
      const std::size_t at = random() % (call.bytes.size() + 1);
      return {random() % 2 == 0 ? part_of(call, 0, at) : part_of(call, at, call.bytes.size())};
    }
  }
}

Loss random_loss(std::mt19937& random) {
  const unsigned kept = random() % 101;
  const unsigned whole = random() % 101;
  Loss loss;
  loss.left = [&random, kept, whole](const Call& call) {
    if (random() % 100 >= kept) return std::vector<Call>();
    return random() % 100 < whole ? std::vector{call} : torn(call, random);
  };
  loss.folder_calls = random() % 3 == 0 ? ~std::uint64_t{0} : random() % 4;
  return loss;
}

class Torture {
 public:
  explicit Torture(std::uint32_t seed) : random_(seed), run_(seed) {}
  TortureRun& run() { return run_; }
  int cases() const { return cases_; }

  void cut_everywhere() {
    for (std::size_t calls = 0; calls <= run_.calls() && !testing::Test::HasFailure(); ++calls) {
      judge(run_.files().after_kill(calls), calls, true, "killed");
      all_subsets(calls);
      for (int i = 0; i < samples; ++i)
        judge(run_.files().after_crash(calls, random_loss(random_)), calls, false, "torn");
    }
  }

 private:
  void all_subsets(std::size_t calls) {
    std::size_t of_files = 0;
    std::size_t of_folders = 0;
    for (const std::size_t at : run_.files().in_doubt(calls))
      ++(is_of_file(run_.files().calls()[at]) ? of_files : of_folders);
    if (of_files > most_for_all_subsets) return;
    for (std::uint64_t subset = 0; subset < (std::uint64_t{1} << of_files); ++subset) {
      for (std::size_t folder_calls = 0; folder_calls <= of_folders; ++folder_calls) {
        std::uint64_t rest = subset;
        const Loss loss{[&rest](const Call& call) {
                          const bool kept = (rest & 1) != 0;
                          rest >>= 1;
                          return kept ? std::vector{call} : std::vector<Call>();
                        },
                        folder_calls};
        judge(run_.files().after_crash(calls, loss), calls, false, "subset " + std::to_string(subset));
      }
    }
  }

  void judge(std::unique_ptr<ModelFiles> left, std::size_t calls, bool killed, const std::string& how) {
    ++cases_;
    const std::string wrong = run_.judge(*left, calls, killed);
    if (!wrong.empty()) {
      ADD_FAILURE() << "after call " << calls << ", " << how << ": " << wrong;
      return;
    }
    if (cases_ % 8 != 0) return;
    for (int i = 0; i < 3; ++i) {  // another crash, while that was recovered or after
      const std::size_t recovered = random_() % (left->calls().size() + 1);
      auto again = left->after_crash(recovered, random_loss(random_));
      ++cases_;
      const std::string wrong_again = run_.judge(*again, calls, killed && false);
      if (!wrong_again.empty())
        ADD_FAILURE() << "after call " << calls << ", " << how << ", then call " << recovered << ": " << wrong_again;
    }
  }

  std::mt19937 random_;
  TortureRun run_;
  int cases_ = 0;
};

TEST(TortureTest, WhateverACrashLeavesIsRecovered) {
  int cases = 0;
  std::size_t calls = 0;
  for (std::uint32_t seed = 1; seed <= 6 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Torture torture(seed);
    ASSERT_TRUE(torture.run().open());
    torture.run().play(60);
    ASSERT_FALSE(torture.run().failed());
    torture.run().close();
    calls += torture.run().calls();
    torture.cut_everywhere();
    cases += torture.cases();
  }
  std::cout << cases << " crashes behind " << calls << " file calls\n";
  EXPECT_GT(cases, 10'000);
}

/// Crash after crash, on one disk.
TEST(TortureTest, ALogThatCrashesAgainAndAgainKeepsWhatItPromised) {
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    TortureRun run(seed);
    ASSERT_TRUE(run.open());
    for (int life = 0; life < 40; ++life) {
      run.play(20);
      const std::size_t calls = run.calls();
      const bool killed = random() % 4 == 0;
      auto left = killed ? run.files().after_kill(calls) : run.files().after_crash(calls, random_loss(random));
      const auto judged = left->copy();
      ASSERT_EQ(run.judge(*judged, calls, killed), "") << life;
      ASSERT_TRUE(run.go_on(std::move(left))) << life;
    }
  }
}

/// Each file call fails, once or for a while; what was taken is there, what was refused is not.
void fail_everywhere(const ModelFiles::Failure& failure) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    std::mt19937 random(seed);
    std::size_t failed = 0;
    for (std::size_t skip = 0;; ++skip) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", call " << skip);
      TortureRun run(seed);
      ModelFiles::Failure at = failure;
      at.skip = skip;
      run.files().fail(at);
      if (!run.open()) {
        run.files().stop_failing();
        ASSERT_TRUE(run.open());
      }
      run.play(40);
      failed += run.failed() ? 1 : 0;
      run.files().stop_failing();
      ASSERT_TRUE(run.log().sync());
      const std::size_t calls = run.calls();
      ASSERT_EQ(run.judge(*run.files().after_kill(calls), calls, true), "");
      ASSERT_EQ(run.judge(*run.files().after_crash(), calls, true), "");
      for (int i = 0; i < 4; ++i)
        ASSERT_EQ(run.judge(*run.files().after_crash(calls, random_loss(random)), calls, true), "");
      if (skip > calls) break;  // nothing failed any more
    }
    EXPECT_GT(failed, 10u);
  }
}

TEST(TortureTest, AFullDiskTakesNothingBack) {
  fail_everywhere({0, 1, ENOSPC, true, false});
  fail_everywhere({0, 7, ENOSPC, true, false});
}

TEST(TortureTest, ABrokenDiskTakesNothingBack) {
  fail_everywhere({0, 1, EIO, true, true});
  fail_everywhere({0, 5, EIO, true, true});
  fail_everywhere({0, 1, EIO, false, true});
}

/// Killed after a failed sync: the system takes for written what the disk does not have, and the next run sees it.
TEST(TortureTest, WhatAFailedSyncLeftIsWrittenAgainByTheNextRun) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    TortureRun run(seed);
    ASSERT_TRUE(run.open());
    run.play(20);
    run.files().fail({0, ~std::size_t{0}, EIO, false, true});
    run.play(10);
    run.close();
    run.files().stop_failing();
    const std::size_t calls = run.calls();
    ASSERT_TRUE(TortureRun::open_on(run.files()));
    std::mt19937 random(seed);
    EXPECT_EQ(run.judge(*run.files().after_crash(), calls, true), "");
    for (int i = 0; i < 10; ++i)
      EXPECT_EQ(run.judge(*run.files().after_crash(run.calls(), random_loss(random)), calls, true), "");
  }
}

}  // namespace
}  // namespace weir::capture
