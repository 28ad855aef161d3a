// Promise 1, transparency: whatever a client sends, it sees the same through Weir as without it. Everything is played
// against two clusters in the same state, once directly and once through Weir, and all that the client saw is compared.
#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/differential/modes.h"
#include "tests/integration/differential/recording.h"
#include "tests/integration/differential/two_doors.h"

namespace weir::differential {
namespace {

using Play = std::function<void(const Door&, Recording&)>;

void play_guarded(const Play& play, const Door& door, Recording& recording) {
  try {
    play(door, recording);
  } catch (const std::exception& error) {
    recording.add("exception", {error.what()});
  }
}

void expect_same(int version, const Play& play) {
  const auto& doors = TwoDoors::of(version);
  Recording direct;
  Recording proxied;
  std::thread other(play_guarded, play, doors.direct(), std::ref(direct));
  play_guarded(play, doors.proxied(), proxied);
  other.join();
  EXPECT_GT(direct.steps.size(), 1U);
  if (const auto found = difference(direct, proxied)) ADD_FAILURE() << *found;
  if (doors.weir_runs()) return;
  ADD_FAILURE() << "weir ended:\n" << doors.weir_errors();
  doors.restart_weir();
}

/// A schema that no other test of this program uses.
std::string fresh_schema() {
  static int number = 0;
  return "s" + std::to_string(++number);
}

struct CorpusCase {
  int version;
  const Mode* mode;
  const Group* group;
};

void PrintTo(const CorpusCase& param, std::ostream* out) {
  *out << param.group->name << " by " << param.mode->name;
}

std::vector<CorpusCase> corpus_cases() {
  std::vector<CorpusCase> cases;
  for (const int version : {15, 18}) {
    for (const auto& mode : modes()) {
      for (const auto& group : corpus()) {
        if (group.from_version <= version) cases.push_back({version, &mode, &group});
      }
    }
  }
  return cases;
}

class Corpus : public testing::TestWithParam<CorpusCase> {};

TEST_P(Corpus, LooksTheSame) {
  const auto& [version, mode, group] = GetParam();
  const auto schema = fresh_schema();
  expect_same(version, [&](const Door& door, Recording& recording) {
    make_schema(door, schema, group->setup);
    mode->play(door, schema, *group, recording);
    record_contents(door, schema, recording);
  });
}

INSTANTIATE_TEST_SUITE_P(Differential, Corpus, testing::ValuesIn(corpus_cases()), [](const auto& info) {
  return "pg" + std::to_string(info.param.version) + "_" + info.param.mode->name + "_" + info.param.group->name;
});

TEST(CorpusSize, HasAtLeastTwoHundredStatements) {
  std::size_t statements = 0;
  for (const auto& group : corpus()) statements += group.steps.size();
  EXPECT_GE(statements, 200U);
}

}  // namespace
}  // namespace weir::differential
