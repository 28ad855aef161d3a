// Rows and tags become the open transaction's events: in their statements' order, and without those that were undone.
#include "capture/session/row_events.h"

#include <gtest/gtest.h>

#include <atomic>

#include "capture/event/gap_cause.h"
#include "capture/sql/statement_cache.h"
#include "tests/capture/session/noting_gate.h"

namespace weir::capture {
namespace {

/// after, tableoid, xid, lsn
std::shared_ptr<Plan> plan_of(event::Op op) {
  auto facts = std::make_shared<RelationFacts>();
  facts->oid = 1;
  facts->name = {"public", "t"};
  facts->kind = 'r';
  facts->key = {"id"};
  facts->columns = {{"id", 'N', false}, {"v", 'S', false}};
  facts->leaves = {{1, {"public", "t"}}};
  auto plan = std::make_shared<Plan>();
  plan->how = Plan::How::returning;
  plan->op = op;
  plan->relation = facts;
  plan->added.count = 4;
  (op == event::Op::remove ? plan->added.before : plan->added.after) = 0;
  plan->added.tableoid = 1;
  plan->added.xid = 2;
  plan->added.lsn = 3;
  return plan;
}

std::string cause_text(event::GapCause cause) {
  return to_text(cause);
}

class RowEventsTest : public ::testing::Test {
 protected:
  Execution execution(const char* sql, std::shared_ptr<const Plan> plan) {
    auto text = texts.find_or_parse(sql, {});
    return {.text = text, .statement = text->single(), .plan = std::move(plan)};
  }
  Execution insert() { return execution("INSERT INTO t VALUES (1)", plan_of(event::Op::create)); }
  /// Of the portal `name`, which stays.
  Execution in_portal(const std::string& name, event::Op op = event::Op::create) {
    Execution made = execution("INSERT INTO t VALUES (1) RETURNING id", plan_of(op));
    made.portal = std::make_shared<Portal>();
    made.portal->plan = made.plan;
    queue.names().succeeded(queue.names().define_portal(name, made.portal));
    return made;
  }
  /// A DataRow's columns, which are views of bytes somewhere.
  struct Row {
    std::string image;
    std::string oid = "1";
    operator wire::RowView() const { return {image, oid, "800", "0/10"}; }
  };
  static Row row(int id) { return {"{\"id\":" + std::to_string(id) + "}"}; }
  /// What is committed: "1:c1 2:gap(why)", each behind its statement's number.
  std::string told() {
    transaction.announce();
    transaction.prepare();
    std::string said;
    for (const event::ChangeEvent& change : gate.written) {
      said += said.empty() ? "" : " ";
      said += std::to_string(change.statement_order) + ":";
      said += change.op == event::Op::gap ? "gap" : std::string(1, char(change.op));
      if (change.key) said += change.key->substr(6, change.key->size() - 7);
      if (!change.cause.empty()) said += "(" + change.cause + ")";
      if (change.fidelity == event::Fidelity::statement && change.op != event::Op::gap)
        said += "#" + std::to_string(change.counts.inserted + change.counts.updated + change.counts.deleted);
    }
    return said;
  }

  StatementCache texts;
  CaptureSettings settings;
  std::atomic<std::uint64_t> epoch{0};
  NotingGate gate;
  Rules rules;
  CommandQueue queue{rules};
  GatedTransaction transaction{gate, "db", {}, rules};
  SessionCatalog catalog{settings, epoch, nullptr};
  RowEvents rows{transaction, catalog, queue};
};

TEST_F(RowEventsTest, EachStatementsRowsAreInItsPlace) {
  Execution first = insert();
  EXPECT_TRUE(rows.capture(row(1), first));
  EXPECT_TRUE(rows.capture(row(2), first));
  rows.completed_write(first, *first.statement, *first.plan, "INSERT 0 2");
  transaction.written().next_statement();
  Execution second = execution("DELETE FROM t", plan_of(event::Op::remove));
  EXPECT_TRUE(rows.capture(row(1), second));
  EXPECT_EQ(transaction.written().xid(), 800u);
  EXPECT_EQ(transaction.written().last_lsn(), 0x10u);
  EXPECT_EQ(told(), "1:c1 1:c2 2:d1");
}

TEST_F(RowEventsTest, ARowWithoutTheAddedColumnsIsNone) {
  Execution write = insert();
  EXPECT_FALSE(rows.capture({"{}", "1"}, write));
  EXPECT_FALSE(rows.capture({"{}", "1", "no id", "0/1"}, write));
  EXPECT_TRUE(transaction.written().empty());
}

TEST_F(RowEventsTest, ATooLongRowIsAGapInItsPlace) {
  Execution write = insert();
  rows.capture(row(1), write);
  rows.add_long_row(write);
  rows.capture(row(3), write);
  EXPECT_EQ(told(), "1:c1 1:gap(" + cause_text(event::GapCause::long_row) + ") 1:c3");
}

TEST_F(RowEventsTest, WhatWasNotSplicedIsToldByItsTag) {
  auto plan = plan_of(event::Op::update);
  plan->how = Plan::How::statement;
  plan->cause = "because";
  Execution write = execution("UPDATE t SET v = 1", plan);
  rows.completed_write(write, *write.statement, *write.plan, "UPDATE 3");
  EXPECT_EQ(transaction.written().events().at(0).counts.updated, 3);
  EXPECT_TRUE(transaction.written().incomplete()) << "no row said the transaction's id";
  transaction.written().complete(800, 0x10);
  EXPECT_EQ(told(), "1:u(because)#3");
}

TEST_F(RowEventsTest, APortalThatIsReadLaterKeepsItsStatementsPlace) {
  Execution held = in_portal("c");
  rows.capture(row(1), held);
  held.portal->suspended = true;
  rows.left_suspended(&held);
  Execution behind = execution("DELETE FROM t", plan_of(event::Op::remove));
  rows.capture(row(9), behind);
  transaction.written().next_statement();
  rows.capture(row(2), held);
  EXPECT_EQ(told(), "1:c1 1:c2 2:d9");
}

TEST_F(RowEventsTest, WhatAPortalHoldsIsUndoneWithItsSavepoint) {
  Execution early = in_portal("early");
  rows.capture(row(1), early);
  early.portal->suspended = true;
  rows.left_suspended(&early);
  transaction.written().savepoint("s");
  Execution late = in_portal("late");
  rows.capture(row(2), late);
  late.portal->suspended = true;
  rows.left_suspended(&late);
  const auto rolled_back = transaction.rollback_to("s");
  rows.rolled_back_to(rolled_back.savepoint);
  EXPECT_FALSE(early.portal->undone);
  EXPECT_TRUE(late.portal->undone);
  EXPECT_TRUE(rows.capture(row(3), late)) << "read, and nothing";
  rows.add_long_row(late);
  EXPECT_EQ(told(), "1:c1");
}

TEST_F(RowEventsTest, WhatNobodyCouldReadIsAGapWhereItStays) {
  Execution held = in_portal("c");
  rows.capture(row(1), held);
  held.portal->suspended = true;
  rows.left_suspended(&held);
  transaction.written().savepoint("s");
  // A Bind in a failed block was to take the portal's place.
  rows.leave_unread(held.portal);
  queue.names().succeeded(queue.names().remove_portal("c"));
  rows.rolled_back_to(transaction.rollback_to("s").savepoint);
  transaction.written().complete(800, 0x10);
  EXPECT_EQ(told(), "1:c1 2:gap(" + cause_text(event::GapCause::unfetched_portal) + ")");
}

TEST_F(RowEventsTest, WhatStaysUnreadOnlyUntilTheTransactionEndsIsNothing) {
  Execution held = in_portal("c");
  rows.leave_unread(held.portal);
  rows.transaction_ended();
  queue.names().succeeded(queue.names().remove_portal("c"));
  rows.rolled_back_to(1);
  EXPECT_TRUE(transaction.written().empty());
}

TEST_F(RowEventsTest, ClosedByNameOrAllOfThemPortalsWithRowsAreGaps) {
  Execution a = in_portal("a");
  Execution b = in_portal("b");
  Execution read = in_portal("read");
  for (Execution* held : {&a, &b}) {
    rows.capture(row(1), *held);
    held->portal->suspended = true;
    rows.left_suspended(held);
  }
  rows.closed_portal("a");
  EXPECT_FALSE(a.portal->suspended);
  EXPECT_TRUE(b.portal->suspended);
  EXPECT_EQ(transaction.written().event_count(), 3u);
  rows.closed_portal("");
  EXPECT_FALSE(b.portal->suspended);
  EXPECT_EQ(transaction.written().event_count(), 4u) << "the one that was read to its end is none";
}

TEST_F(RowEventsTest, WhatMovePassesIsAGapOfSoManyRows) {
  Execution held = in_portal("c");
  held.portal->suspended = true;
  rows.cursor_read(held, "MOVE 0");
  rows.cursor_read(held, "FETCH 5");
  EXPECT_TRUE(transaction.written().empty());
  rows.cursor_read(held, "MOVE 2");
  ASSERT_EQ(transaction.written().event_count(), 1u);
  EXPECT_EQ(transaction.written().events()[0].counts.inserted, 2);
  held.portal->undone = true;
  rows.cursor_read(held, "MOVE 2");
  EXPECT_EQ(transaction.written().event_count(), 1u);
}

TEST_F(RowEventsTest, ALargeTransactionGoesToTheGateAsItComes) {
  Execution write = insert();
  transaction.announce();
  while (gate.written.empty() && transaction.written().event_count() < 100'000) rows.capture(row(1), write);
  EXPECT_FALSE(gate.written.empty());
  EXPECT_LT(transaction.written().event_count(), 100'000u);
}

TEST_F(RowEventsTest, NotWhileASavepointsPortalHoldsRowsThatBelongBefore) {
  Execution held = in_portal("c");
  rows.capture(row(1), held);
  held.portal->suspended = true;
  rows.left_suspended(&held);
  transaction.written().savepoint("s");
  Execution write = insert();
  transaction.announce();
  for (int i = 0; i < 50'000; ++i) rows.capture(row(2), write);
  EXPECT_TRUE(gate.written.empty());
}

TEST_F(RowEventsTest, TheStatementsTextIsTheClientsOwnInUtf8) {
  settings.scope.statement_text = true;
  Execution write = insert();
  rows.capture(row(1), write);
  EXPECT_EQ(transaction.written().events().at(0).statement, "INSERT INTO t VALUES (1)");
}

}  // namespace
}  // namespace weir::capture
