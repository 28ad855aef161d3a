// Promises 2 and 4, only the truth and in order: what stands on Kafka after a random workload is exactly what two
// independent witnesses saw committed. And the replay: applied in order to empty tables, the topics give the same
// contents.
#include <gtest/gtest.h>

#include "tests/integration/truth/oracles.h"
#include "tests/integration/truth/stage.h"

namespace weir::truth {
namespace {

using test_support::Violations;

/// The workload is run once for each version; the tests look at what came of it.
class Truth : public testing::TestWithParam<int> {
 public:
  static Stage& stage() {
    auto& stage = stages[GetParam()];
    if (stage) return *stage;
    stage = std::make_unique<Stage>(GetParam(), test_support::PassThrough::Tap{},
                                    std::vector<std::string>{"--emit.transaction_topic"});
    Workload({.conninfo = stage->conninfo(), .sessions = 10, .transactions = 120, .seed = 20261121}).run();
    stage->conclude();
    return *stage;
  }

 protected:
  static void TearDownTestSuite() { stages.clear(); }
  void TearDown() override {
    if (HasFailure())
      std::cerr << "weir's log ends with:\n" << test_support::tail_of(stage().weir().folder() / "stderr") << '\n';
  }

 private:
  static std::map<int, std::unique_ptr<Stage>> stages;
};

std::map<int, std::unique_ptr<Stage>> Truth::stages;

// Before 18 RETURNING cannot tell an insert from an update on a partitioned table.
std::set<std::string> loose_ops(int version) {
  return version < 18 ? std::set<std::string>{"public.parts"} : std::set<std::string>{};
}

TEST_P(Truth, WorkloadIsWorthIt) {
  const auto& oracle = stage().history();
  std::map<char, int> ops;
  std::size_t largest = 0;
  for (const auto& [xid, writes] : oracle.transactions) {
    largest = std::max(largest, writes.size());
    for (const auto& write : writes) ++ops[write.op];
  }
  EXPECT_GE(oracle.transactions.size(), 300U);
  EXPECT_GE(ops['c'], 500);
  EXPECT_GE(ops['u'], 500);
  EXPECT_GE(ops['d'], 200);
  EXPECT_GE(largest, 10U);
}

TEST_P(Truth, OraclesAgree) {
  const auto& history = stage().history();
  const auto& decoded = stage().decoded();
  EXPECT_EQ(history.transactions.size(), decoded.transactions.size());
  for (const auto& [xid, writes] : history.transactions) {
    const auto found = decoded.transactions.find(xid);
    ASSERT_NE(found, decoded.transactions.end()) << "transaction " << xid << " was not decoded";
    ASSERT_EQ(writes.size(), found->second.size()) << "transaction " << xid;
    for (std::size_t i = 0; i < writes.size(); ++i)
      EXPECT_EQ(to_text(writes[i]), to_text(found->second[i])) << "transaction " << xid;
  }
  EXPECT_EQ(history.versions, decoded.versions);
}

TEST_P(Truth, HistoryIsTheStream) {
  EXPECT_EQ(check_transactions(stage().stream(), stage().history(), loose_ops(GetParam()), moved_tables()),
            Violations{});
}

TEST_P(Truth, DecodedLogIsTheStream) {
  EXPECT_EQ(check_transactions(stage().stream(), stage().decoded(), loose_ops(GetParam()), moved_tables()),
            Violations{});
}

TEST_P(Truth, AStatementsDeletesComeFirst) {
  EXPECT_EQ(check_deletes_first(stage().stream()), Violations{});
}

TEST_P(Truth, EachKeyHasItsVersionsInOrder) {
  EXPECT_EQ(check_versions(stage().stream(), stage().history()), Violations{});
  EXPECT_EQ(check_versions(stage().stream(), stage().decoded()), Violations{});
}

TEST_P(Truth, NothingComesTwice) {
  EXPECT_EQ(check_exactly_once(stage().stream()), Violations{});
}

TEST_P(Truth, TransactionTopicCountsRight) {
  EXPECT_EQ(check_boundaries(stage().stream()), Violations{});
}

TEST_P(Truth, TheLastEventOfATransactionSaysSoAndCountsRight) {
  EXPECT_EQ(check_last(stage().stream()), Violations{});
}

TEST_P(Truth, DeletesHaveTombstones) {
  EXPECT_EQ(check_tombstones(stage().records(), prefix), Violations{});
}

TEST_P(Truth, EveryRowWasSeen) {
  EXPECT_EQ(check_fidelity(stage().stream()), Violations{});
}

TEST_P(Truth, ReplayGivesTheSameTables) {
  ASSERT_FALSE(stage().stream().events.empty());
  EXPECT_EQ(replay(stage().server(), stage().stream(), "replayed"), Violations{});
}

// The whole chain must be able to fail, not only each validator: a real stream with one event less, or two exchanged.
TEST_P(Truth, ADamagedStreamIsDetected) {
  auto lost = stage().stream();
  ASSERT_GT(lost.events.size(), 100U);
  lost.events.erase(lost.events.begin() + 50);
  EXPECT_NE(check_transactions(lost, stage().history(), loose_ops(GetParam()), moved_tables()), Violations{});
  EXPECT_NE(check_boundaries(lost), Violations{});
  EXPECT_NE(check_last(lost), Violations{});
  auto without_inserts = stage().stream();
  std::erase_if(without_inserts.events, [](const auto& event) { return event.write.table == "public.log"; });
  EXPECT_NE(replay(stage().server(), without_inserts, "damaged"), Violations{});
  auto exchanged = stage().stream();
  std::size_t first = 0;
  std::size_t second = 0;
  for (std::size_t i = 0; i < exchanged.events.size() && second == 0; ++i) {
    const auto& event = exchanged.events[i];
    if (event.write.table != "public.hot") continue;
    if (first == 0) first = i;
    if (event.write.key == exchanged.events[first].write.key && event.xid != exchanged.events[first].xid) second = i;
  }
  ASSERT_NE(second, 0U);
  std::swap(exchanged.events[first], exchanged.events[second]);
  EXPECT_NE(check_versions(exchanged, stage().history()), Violations{});
}

INSTANTIATE_TEST_SUITE_P(Versions, Truth, testing::Values(15, 18),
                         [](const auto& info) { return "pg" + std::to_string(info.param); });

TEST(Oracles, ReadTestDecoding) {
  const auto columns = columns_of_test_decoding(
      "id[integer]:1 name[text]:'it''s [a]: x' ok[boolean]:true price[numeric]:1.50 note[text]:null");
  EXPECT_EQ(test_support::canonical(columns), "{id:1,name:\"it's [a]: x\",note:null,ok:true,price:1.50}");
}

}  // namespace
}  // namespace weir::truth
