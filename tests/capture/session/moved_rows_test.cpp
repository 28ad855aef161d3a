// Which old row has become which new one: only where it is proven; and deletes before creates.
#include "capture/session/moved_rows.h"

#include <gtest/gtest.h>

#include <chrono>

namespace weir::capture {
namespace {

using event::ChangeEvent;
using event::Op;
using Verdict = MovedRows::Verdict;

std::shared_ptr<Plan> plan_of(bool locks, std::vector<std::string> steady = {"v"}) {
  auto facts = std::make_shared<RelationFacts>();
  facts->oid = 1;
  facts->name = {"public", "t"};
  facts->kind = 'r';
  facts->key = {"id"};
  facts->columns = {{"id", 'N', false}, {"v", 'S', false}};
  facts->leaves = {{1, {"public", "t"}}};
  auto plan = std::make_shared<Plan>();
  plan->how = Plan::How::returning;
  plan->op = Op::update;
  plan->relation = facts;
  plan->moves = {.possible = true, .may_skip = false, .key_is_unique = true, .steady = std::move(steady)};
  if (locks) plan->lock_query = "SELECT";
  return plan;
}

std::string image(int id, const std::string& v) {
  return "{\"id\":" + std::to_string(id) + ",\"v\":\"" + v + "\"}";
}

ChangeEvent change_of(Op op, std::string after, event::Lsn lsn, std::string table = "t") {
  ChangeEvent change;
  change.op = op;
  change.schema = "public";
  change.table = std::move(table);
  change.lsn = lsn;
  change.after = std::move(after);
  return change;
}

/// "d1@5 c2@10": operation, key (old>new for a change of it) and version, in order; what tells tables apart, too.
std::string to_text(const MovedRows::Events& events) {
  const auto id = [](const std::optional<std::string>& key) { return key ? key->substr(6, key->size() - 7) : "-"; };
  std::string out;
  for (const ChangeEvent& change : events) {
    out += out.empty() ? "" : " ";
    if (change.table != "t") out += change.table + ".";
    out += char(change.op);
    if (change.old_key) out += id(change.old_key) + ">";
    out += id(change.key) + "@" + std::to_string(change.lsn);
    EXPECT_EQ(change.before.has_value(), change.op == Op::remove || change.op == Op::update);
    EXPECT_EQ(change.after.has_value(), change.op != Op::remove);
  }
  return out;
}

/// An UPDATE whose old rows were locked.
struct Locking {
  explicit Locking(std::shared_ptr<Plan> plan, std::size_t limit = 1u << 20, bool may_give_out = true)
      : rows(std::move(plan), scope, may_give_out) {
    scope.moved_bytes = limit;
  }

  Locking& locked(std::string old_image, std::string table = "t") {
    rows.locked({std::move(old_image), {"public", std::move(table)}, 800, ++lsn}, out);
    return *this;
  }
  Locking& written(std::string new_image, std::string table = "t") {
    rows.written({change_of(Op::update, std::move(new_image), ++lsn, std::move(table))}, out);
    return *this;
  }
  std::string finish() {
    const Verdict verdict = rows.finish(out);
    return verdict == Verdict::proven ? to_text(out) : verdict == Verdict::nothing ? "nothing" : "unknown";
  }

  Scope scope;
  event::Lsn lsn = 0;
  MovedRows::Events out;
  MovedRows rows;
};

TEST(MovedRowsTest, ARowAloneIsTheSame) {
  Locking update(plan_of(true, {}));
  EXPECT_EQ(update.locked(image(1, "a")).written(image(2, "b")).finish(), "u1>2@2");
  EXPECT_EQ(update.out[0].before, image(1, "a"));
}

TEST(MovedRowsTest, RowsAreToldByWhatTheUpdateLeavesAsItIs) {
  Locking update(plan_of(true));
  update.locked(image(1, "a")).locked(image(2, "b")).written(image(12, "b")).written(image(1, "a"));
  EXPECT_EQ(update.finish(), "u2>12@3 u1@4") << "one of them moved";
  EXPECT_EQ(update.out[0].before, image(2, "b"));
}

TEST(MovedRowsTest, OfSeveralThatMoveTheDeletesComeFirst) {
  Locking update(plan_of(true));
  update.locked(image(1, "a")).locked(image(2, "b")).written(image(3, "b")).written(image(2, "a"));
  EXPECT_EQ(update.finish(), "d2@2 d1@1 c3@3 c2@4");
}

TEST(MovedRowsTest, WhatCannotBeToldApartIsDeletedAndCreated) {
  Locking update(plan_of(true));
  update.locked(image(1, "a")).locked(image(2, "a")).written(image(11, "a")).written(image(12, "a"));
  EXPECT_EQ(update.finish(), "d1@1 d2@2 c11@3 c12@4");
  Locking mixed(plan_of(true));
  mixed.locked(image(1, "a")).locked(image(2, "a")).locked(image(3, "b"));
  mixed.written(image(13, "b")).written(image(11, "a")).written(image(12, "a"));
  EXPECT_EQ(mixed.finish(), "d3@3 d1@1 d2@2 c13@4 c11@5 c12@6");
}

// A row that took another's key while that one had it would have failed.
TEST(MovedRowsTest, TheSameKeysBeforeAndAfterAreTheSameRows) {
  Locking update(plan_of(true, {}));
  update.locked(image(1, "a")).locked(image(2, "a")).written(image(2, "x")).written(image(1, "y"));
  EXPECT_EQ(update.finish(), "u2@3 u1@4");
  EXPECT_EQ(update.out[0].before, image(2, "a"));
  auto deferrable = plan_of(true, {});
  deferrable->moves.key_is_unique = false;
  Locking swap(deferrable);
  swap.locked(image(1, "a")).locked(image(2, "a")).written(image(2, "x")).written(image(1, "y"));
  EXPECT_EQ(swap.finish(), "d1@1 d2@2 c2@3 c1@4");
  Locking chain(plan_of(true, {}));
  chain.locked(image(1, "a")).locked(image(2, "a")).written(image(3, "x")).written(image(2, "y"));
  EXPECT_EQ(chain.finish(), "d1@1 d2@2 c3@3 c2@4") << "2 is another row than before";
}

TEST(MovedRowsTest, CountsThatDifferProveNothing) {
  Locking more(plan_of(true));
  EXPECT_EQ(more.locked(image(1, "a")).written(image(2, "a")).written(image(3, "a")).finish(), "unknown");
  Locking fewer(plan_of(true));
  EXPECT_EQ(fewer.locked(image(1, "a")).locked(image(2, "b")).written(image(3, "a")).finish(), "unknown");
  Locking none(plan_of(true));
  EXPECT_EQ(none.locked(image(1, "a")).finish(), "nothing");
  Locking unlocked(plan_of(true));
  EXPECT_EQ(unlocked.written(image(1, "a")).finish(), "unknown");
  EXPECT_EQ(Locking(plan_of(true)).finish(), "nothing");
}

TEST(MovedRowsTest, RowsThatDoNotFitTheCatalogProveNothing) {
  Locking other(plan_of(true));
  EXPECT_EQ(other.locked(image(1, "a")).written(image(2, "b")).finish(), "unknown") << "v was not assigned";
  Locking counts(plan_of(true));
  counts.locked(image(1, "a")).locked(image(2, "b")).written(image(3, "a")).written(image(4, "a"));
  EXPECT_EQ(counts.finish(), "unknown");
  Locking lacking(plan_of(true, {"v", "gone"}));
  EXPECT_EQ(lacking.locked(image(1, "a")).written(image(2, "a")).finish(), "unknown");
}

// One row left out by a trigger and one more that came in between would have the right count.
TEST(MovedRowsTest, ATriggerThatSkipsRowsLeavesOnlyTheKeysAsProof) {
  auto plan = plan_of(true);
  plan->moves.may_skip = true;
  Locking moved(plan);
  EXPECT_EQ(moved.locked(image(1, "a")).written(image(2, "a")).finish(), "unknown");
  Locking same(plan);
  same.locked(image(1, "a")).locked(image(2, "a")).written(image(1, "x")).written(image(2, "x"));
  EXPECT_EQ(same.finish(), "u1@3 u2@4");
}

TEST(MovedRowsTest, AMoveToAnotherPartitionIsADeleteAndACreate) {
  auto plan = plan_of(true);
  auto facts = std::make_shared<RelationFacts>(*plan->relation);
  facts->kind = 'p';
  facts->leaves = {{1, {"public", "t"}}, {2, {"public", "a"}}, {3, {"public", "b"}}};
  plan->relation = facts;
  Locking update(plan);
  update.locked(image(1, "x"), "a").locked(image(2, "y"), "a").written(image(2, "y"), "b").written(image(1, "x"), "a");
  EXPECT_EQ(update.finish(), "a.d2@2 a.u1@4 b.c2@3");
  Locking half(plan);
  half.scope.include = {"public.a"};
  EXPECT_EQ(half.locked(image(1, "x"), "a").written(image(1, "x"), "b").finish(), "a.d1@1");
}

TEST(MovedRowsTest, BeyondTheLimitEventsAreGivenOutAsTheyCome) {
  Locking update(plan_of(true), 0);
  update.locked(image(1, "a"));
  EXPECT_EQ(to_text(update.out), "d1@1");
  update.locked(image(2, "b")).written(image(3, "a"));
  EXPECT_EQ(to_text(update.out), "d1@1 d2@2 c3@3");
  EXPECT_EQ(update.written(image(4, "b")).finish(), "d1@1 d2@2 c3@3 c4@4");
  Locking differs(plan_of(true), 0);
  EXPECT_EQ(differs.locked(image(1, "a")).written(image(2, "a")).written(image(3, "a")).finish(), "unknown");
  Locking late(plan_of(true), 0, false);
  late.locked(image(1, "a")).written(image(2, "a"));
  EXPECT_EQ(to_text(late.out), "");
  EXPECT_EQ(late.finish(), "unknown");
  auto skips = plan_of(true);
  skips->moves.may_skip = true;
  Locking skipping(skips, 0);
  EXPECT_EQ(skipping.locked(image(1, "a")).written(image(1, "a")).finish(), "unknown");
}

TEST(MovedRowsTest, ItIsAsNewAfterTheEnd) {
  Locking update(plan_of(true));
  EXPECT_EQ(update.locked(image(1, "a")).written(image(2, "a")).finish(), "u1>2@2");
  update.out.clear();
  EXPECT_EQ(update.finish(), "nothing");
  EXPECT_EQ(update.rows.written_count(), 0);
}

TEST(MovedRowsTest, ManyRowsTakeLinearTime) {
  constexpr int kRows = 20000;
  Locking update(plan_of(true), 1u << 30);
  for (int i = 0; i < kRows; ++i) update.locked(image(i, std::to_string(i / 2)));
  for (int i = kRows; i-- > 0;) update.written(image(i + kRows, std::to_string(i / 2)));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(update.rows.finish(update.out), Verdict::proven);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << "the square of it takes minutes";
  EXPECT_EQ(update.out.size(), 2u * kRows);
}

/// A statement whose old rows come with the new ones (18).
struct WithOld {
  explicit WithOld(std::shared_ptr<Plan> plan, std::size_t limit = 1u << 20)
      : relation(plan->relation), rows(std::move(plan), scope, true) {
    scope.moved_bytes = limit;
  }

  WithOld& updated(std::string before, std::string after) {
    ChangeEvent change = change_of(Op::update, std::move(after), ++lsn);
    change.before = std::move(before);
    set_keys(*relation, change);
    rows.written({std::move(change)}, out);
    return *this;
  }
  WithOld& inserted(std::string after) {
    ChangeEvent change = change_of(Op::create, std::move(after), ++lsn);
    set_keys(*relation, change);
    rows.written({std::move(change)}, out);
    return *this;
  }
  std::string finish() {
    const Verdict verdict = rows.finish(out);
    return verdict == Verdict::proven ? to_text(out) : "unknown";
  }

  Scope scope;
  std::shared_ptr<const RelationFacts> relation;
  event::Lsn lsn = 0;
  MovedRows::Events out;
  MovedRows rows;
};

TEST(MovedRowsTest, WithOldRowsEachIsOneEventAsLongAsOneMoves) {
  WithOld update(plan_of(false));
  EXPECT_EQ(update.updated(image(1, "a"), image(2, "a")).finish(), "u1>2@1");
  WithOld among(plan_of(false));
  among.updated(image(1, "a"), image(2, "a")).updated(image(7, "a"), image(7, "b"));
  EXPECT_EQ(to_text(among.out), "u7@2") << "what keeps its key need not wait";
  EXPECT_EQ(among.finish(), "u7@2 u1>2@2");
}

TEST(MovedRowsTest, WithOldRowsToTheDeletesComeFirst) {
  WithOld update(plan_of(false));
  update.updated(image(1, "a"), image(2, "a")).updated(image(2, "b"), image(3, "b"));
  EXPECT_EQ(to_text(update.out), "d1@1 d2@2");
  EXPECT_EQ(update.updated(image(9, "c"), image(9, "d")).finish(), "d1@1 d2@2 u9@3 c2@3 c3@3")
      << "and no version of a key is below an earlier one";
}

TEST(MovedRowsTest, AnUpsertsInsertsComeBehindDeletes) {
  auto plan = plan_of(false);
  plan->op = Op::create;
  WithOld upsert(plan);
  upsert.inserted(image(5, "x")).updated(image(5, "a"), image(6, "a"));
  EXPECT_EQ(upsert.finish(), "d5@2 c5@2 c6@2");
}

TEST(MovedRowsTest, BeyondTheLimitAUniqueKeysOrderIsTheRowsOwn) {
  WithOld update(plan_of(false), 0);
  update.updated(image(3, "c"), image(4, "c")).updated(image(2, "b"), image(3, "b"));
  EXPECT_EQ(to_text(update.out), "d3@1 d2@2 c4@2 c3@2");
  EXPECT_EQ(update.updated(image(1, "a"), image(2, "a")).finish(), "d3@1 d2@2 c4@2 c3@2 u1>2@3");
  auto deferrable = plan_of(false);
  deferrable->moves.key_is_unique = false;
  WithOld swap(deferrable, 0);
  swap.updated(image(1, "a"), image(2, "a")).updated(image(2, "b"), image(1, "b"));
  EXPECT_EQ(swap.finish(), "unknown") << "no order of two halves of it is right";
}

}  // namespace
}  // namespace weir::capture
