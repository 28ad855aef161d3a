// What a session's gate counts: outcomes, what commits waited for, and rows that leave memory before they commit.
#include "tests/proxy/commit/session_gate_fixture.h"

namespace weir::proxy {
namespace {

TEST_F(SessionGateTest, OutcomesAreCountedAndWhatTheyWaitedFor) {
  disk->hold_sync();
  auto gate = make_gate();
  for (const auto outcome : {Outcome::committed, Outcome::aborted, Outcome::unknown}) {
    const auto id = gate->open();
    prepare(*gate, id);
    if (outcome == Outcome::committed) {
      EXPECT_FALSE(gate->may_be_told(id));
      disk->let_sync_go();
      ASSERT_TRUE(heard.hears("durable"));
    }
    gate->outcome(id, outcome);
  }
  const auto value = commits.value();
  EXPECT_EQ(value.committed, 1u);
  EXPECT_EQ(value.aborted, 1u);
  EXPECT_EQ(value.in_doubt, 1u);
  EXPECT_EQ(value.refused, 0u);
  EXPECT_EQ(value.gate.count(), 3u);
  EXPECT_EQ(value.sync_wait.count(), 1u);
  EXPECT_TRUE(counts.captured);
}

TEST_F(SessionGateTest, ARefusalIsCounted) {
  auto gate = make_gate();
  prepare(*gate, 7);
  EXPECT_EQ(commits.value().refused, 1u);
}

TEST_F(SessionGateTest, RowsThatLeaveMemoryAreTallied) {
  auto gate = make_gate();
  const auto released = [&](std::int64_t id) {
    capture::Released one;
    one.transaction.id = id;
    one.transaction.event_count = 9;  // what it is counted by where nothing else is known
    rows.add({&one, 1});
    std::uint64_t captured = 0;
    for (const auto& table : rows.value().tables) captured += table.captured();
    return captured;
  };
  // Appended, taken back by a savepoint, and the rest with the record.
  auto id = gate->open();
  gate->append(id, {change(1), change(2), change(3)});
  gate->truncate(id, 3);
  prepare(*gate, id, {change(3), change(4)});
  gate->outcome(id, Outcome::committed);
  EXPECT_EQ(released(id), 4u);
  // In its record first, and then more.
  id = gate->open();
  prepare(*gate, id, {change(1), change(2)});
  gate->reopen(id);
  gate->append(id, {change(3)});
  prepare(*gate, id, {});
  gate->outcome(id, Outcome::committed);
  EXPECT_EQ(released(id), 4u + 3u);
  // What rolls back leaves nothing behind.
  id = gate->open();
  gate->append(id, {change(1)});
  prepare(*gate, id, {});
  gate->outcome(id, Outcome::aborted);
  EXPECT_EQ(released(id), 7u);
}

}  // namespace
}  // namespace weir::proxy
