// Promise 1, transparency: whatever a client sends, it sees the same through Weir as without it. Everything is played
// against two clusters in the same state, once directly and once through Weir, and all that the client saw is compared.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "tests/integration/differential/modes.h"
#include "tests/integration/differential/recording.h"
#include "tests/integration/differential/script.h"
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

/// A script that waits for what the server itself does not send would compare two silences.
void expect_answered(const Recording& direct) {
  for (const auto& step : direct.steps) {
    for (const auto& line : step.lines) {
      if (line == "(no answer)" || step.label == "exception") ADD_FAILURE() << "direct, " << step.label << ": " << line;
    }
  }
}

/// Weir says it on stderr, once for each cause, a moment after the case; so the next one may be blamed for it.
void expect_on_track(const TwoDoors& doors) {
  static std::set<std::string> told;
  const auto log = doors.weir_errors();
  const auto found = log.find("lost track of the session");
  if (found == std::string::npos) return;
  const auto line = log.substr(found, log.find('\n', found) - found);
  if (told.insert(line).second) ADD_FAILURE() << line;
}

void expect_same(int version, const Play& play, const std::string& limit = {}) {
  const auto& doors = TwoDoors::of(version);
  Recording direct;
  Recording proxied;
  std::thread other(play_guarded, play, doors.direct(), std::ref(direct));
  play_guarded(play, doors.proxied(), proxied);
  other.join();
  EXPECT_GT(direct.steps.size(), 1U);
  expect_answered(direct);
  const auto found = difference(direct, proxied);
  if (found && limit.empty()) ADD_FAILURE() << *found;
  if (!found && !limit.empty()) ADD_FAILURE() << "no longer a limit, so README.md should not say so: " << limit;
  expect_on_track(doors);
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
  const CorpusCase& parameter = GetParam();
  const auto schema = fresh_schema();
  expect_same(parameter.version, [&](const Door& door, Recording& recording) {
    make_schema(door, schema, parameter.group->setup);
    parameter.mode->play(door, schema, *parameter.group, recording);
    record_contents(door, schema, recording);
  });
}

INSTANTIATE_TEST_SUITE_P(Differential, Corpus, testing::ValuesIn(corpus_cases()), [](const auto& info) {
  return "pg" + std::to_string(info.param.version) + "_" + info.param.mode->name + "_" + info.param.group->name;
});

struct WireParameter {
  int version;
  WireCase wire_case;
};

void PrintTo(const WireParameter& param, std::ostream* out) {
  *out << param.wire_case.name;
}

std::vector<WireParameter> wire_parameters() {
  std::vector<WireParameter> parameters;
  for (const int version : {15, 18}) {
    for (const auto& cases :
         {portal_cases(), plan_cases(), privilege_cases(), text_cases(), commit_cases(), pipeline_cases(),
          several_cases(), startup_cases(), frame_cases(), block_error_cases(), shape_cases()}) {
      for (const auto& wire_case : cases) {
        if (wire_case.from_version <= version) parameters.push_back({version, wire_case});
      }
    }
  }
  return parameters;
}

class Wire : public testing::TestWithParam<WireParameter> {};

TEST_P(Wire, LooksTheSameButForStatedLimits) {
  const auto schema = fresh_schema();
  expect_same(
      GetParam().version,
      [&](const Door& door, Recording& recording) {
        make_schema(door, schema, "");
        Script script(door, schema, recording);
        GetParam().wire_case.play(script);
        record_contents(door, schema, recording);
      },
      GetParam().wire_case.limit);
}

INSTANTIATE_TEST_SUITE_P(Differential, Wire, testing::ValuesIn(wire_parameters()), [](const auto& info) {
  return "pg" + std::to_string(info.param.version) + "_" + info.param.wire_case.name;
});

// The comparison must be able to fail: each of these changes one thing in what the proxied side sees.
struct Mutation {
  std::string from;
  std::string to;
};

void PrintTo(const Mutation& mutation, std::ostream* out) {
  *out << test_support::printable(mutation.from);
}

class Harness : public testing::TestWithParam<Mutation> {};

TEST_P(Harness, SeesTheDifference) {
  const auto& doors = TwoDoors::of(15);
  test_support::PassThrough liar(doors.proxied().server->port(), [](auto from, std::string bytes) {
    const auto at = from == test_support::PassThrough::From::server ? bytes.find(GetParam().from) : std::string::npos;
    return at == std::string::npos ? bytes : bytes.replace(at, GetParam().from.size(), GetParam().to);
  });
  Door lying = doors.proxied();
  lying.port = liar.port();
  const Group group{"small",
                    {"INSERT INTO nokey VALUES (1, 'x')", "SELECT a AS named FROM nokey ORDER BY a", "SELECT 'value'",
                     "INSERT INTO noisy VALUES (1, 1)", "SET TimeZone = 'Asia/Tokyo'", "INSERT INTO items VALUES (1)",
                     "BEGIN", "SELECT 1/0"}};
  const auto schema = fresh_schema();
  for (const auto& mode : modes()) {
    if (mode.name != "libpq_simple" && mode.name != "pipeline_of_syncs") continue;
    Recording direct;
    Recording proxied;
    for (const auto& [door, recording] :
         {std::pair{&doors.direct(), &direct}, std::pair{&std::as_const(lying), &proxied}}) {
      make_schema(*door, schema + mode.name, "");
      mode.play(*door, schema + mode.name, group, *recording);
    }
    EXPECT_TRUE(difference(direct, proxied).has_value()) << mode.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Differential, Harness,
                         testing::Values(Mutation{"INSERT 0 1", "INSERT 0 2"}, Mutation{"value", "valve"},
                                         Mutation{"named", "nomad"}, Mutation{"23505", "23503"},
                                         Mutation{"23502", "23503"}, Mutation{"just noise", "more noise"},
                                         Mutation{"Asia/Tokyo", "Asia/Seoul"},
                                         Mutation{std::string("Z\0\0\0\5T", 6), std::string("Z\0\0\0\5I", 6)}));

TEST(CorpusSize, HasAtLeastTwoHundredStatements) {
  std::size_t statements = 0;
  for (const auto& group : corpus()) statements += group.steps.size();
  EXPECT_GE(statements, 200U);
}

}  // namespace
}  // namespace weir::differential
