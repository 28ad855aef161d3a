#include "tests/capture/journal/contract.h"

#include <algorithm>
#include <cerrno>

#include "capture/journal/segment_log.h"
#include "tests/capture/journal/fake_log.h"
#include "tests/capture/journal/model_files.h"

namespace weir::capture {
namespace {

using event::ChangeEvent;
using event::Position;
using event::Transaction;
using Ids = std::vector<std::int64_t>;
using Ordinals = std::vector<std::uint32_t>;

class FakeBench : public LogBench {
 public:
  EventLog& log() override { return *log_; }
  void restart() override { log_ = std::make_unique<FakeLog>(disk_); }
  void crash() override {
    disk_->crash();
    restart();
  }
  void fail_writes(bool fail) override {
    disk_->set([&](FakeDisk& disk) {
      disk.fail_write = fail ? std::optional(Error{"no room", "53100"}) : std::nullopt;
    });
  }
  void fail_syncs(bool fail) override {
    disk_->set([&](FakeDisk& disk) { disk.fail_sync = fail ? std::optional(Error{"a disk", "58030"}) : std::nullopt; });
  }
  bool lets_go_of_all() const override { return true; }

 private:
  std::shared_ptr<FakeDisk> disk_ = std::make_shared<FakeDisk>();
  std::unique_ptr<FakeLog> log_ = std::make_unique<FakeLog>(disk_);
};

/// The real log, on a disk that can crash.
class SegmentBench : public LogBench {
 public:
  SegmentBench() { open(); }
  ~SegmentBench() override { log_.reset(); }
  EventLog& log() override { return *log_; }
  void restart() override {
    log_.reset();
    open();
  }
  void crash() override {
    auto left = files_->after_crash();
    log_.reset();
    files_ = std::move(left);
    open();
  }
  void fail_writes(bool fail) override { failing({0, fail ? ~std::size_t{0} : 0, ENOSPC, true, false}); }
  void fail_syncs(bool fail) override { failing({0, fail ? ~std::size_t{0} : 0, EIO, false, true}); }
  bool lets_go_of_all() const override { return true; }

 private:
  void failing(const ModelFiles::Failure& failure) { files_->fail(failure); }
  void open() {
    auto opened = open_segment_log({"journal", Durability::answer, 64 << 10}, *files_);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }
  std::unique_ptr<ModelFiles> files_ = std::make_unique<ModelFiles>();
  std::unique_ptr<EventLog> log_;
};

class LogContractTest : public testing::TestWithParam<LogBenchKind> {
 protected:
  EventLog& log() { return bench_->log(); }

  Result<Place> try_write(std::int64_t id, std::uint32_t events = 1, event::Lsn last_lsn = 2000) {
    return log().write(transaction(id, events, last_lsn), rows(1, events), nullptr, nullptr);
  }
  std::int64_t write(std::uint32_t events = 1, event::Lsn last_lsn = 2000) {
    const std::int64_t id = log().next_id();
    const auto written = try_write(id, events, last_lsn);
    EXPECT_TRUE(written) << written.error().message;
    return id;
  }
  /// One with `spilled` events in a file and `rest` behind them.
  std::int64_t write_spilled(std::uint32_t spilled, std::uint32_t rest) {
    const std::int64_t id = log().next_id();
    auto spill = log().open_spill(id);
    EXPECT_TRUE(spill);
    EXPECT_TRUE((*spill)->append(rows(1, spilled)));
    const auto behind = rows(spilled + 1, spilled + rest);
    EXPECT_TRUE(log().write(transaction(id, spilled + rest), behind, std::move(*spill), nullptr));
    return id;
  }
  void note(const std::vector<LogOutcome>& outcomes) {
    const auto noted = log().note(outcomes);
    ASSERT_TRUE(noted) << noted.error().message;
  }
  void sync() {
    const auto synced = log().sync();
    ASSERT_TRUE(synced) << synced.error().message;
  }
  std::unique_ptr<JournalReader> reader() {
    auto made = log().reader();
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }
  std::vector<Transaction> stream(Position after = 0) {
    const auto reading = reader();
    std::vector<Transaction> found;
    for (;;) {
      auto next = reading->next(after);
      EXPECT_TRUE(next) << next.error().message;
      if (!next || !*next) return found;
      after = (**next).position;
      found.push_back(std::move(**next));
    }
  }
  Ids stream_ids(Position after = 0) {
    Ids ids;
    for (const Transaction& each : stream(after)) ids.push_back(each.id);
    return ids;
  }
  Ids pending() {
    Ids ids;
    for (const Transaction& each : log().recovered().pending) ids.push_back(each.id);
    return ids;
  }
  Ordinals ordinals(std::int64_t id, std::uint32_t after = 0, std::size_t limit = 1000) {
    const auto events = reader()->events(id, after, limit);
    EXPECT_TRUE(events) << events.error().message;
    Ordinals found;
    for (const ChangeEvent& each : events ? *events : std::vector<ChangeEvent>()) found.push_back(each.ordinal);
    return found;
  }

  std::unique_ptr<LogBench> bench_ = GetParam().make();
};

TEST_P(LogContractTest, ANewLogIsEmpty) {
  EXPECT_TRUE(log().recovered().pending.empty());
  EXPECT_EQ(log().recovered().last_position, 0);
  EXPECT_EQ(log().recovered().last_lsn, 0u);
  EXPECT_FALSE(log().recovered().torn);
  EXPECT_EQ(log().erased().through, 0);
  EXPECT_GT(log().end(), 0u);
  EXPECT_EQ(log().durable(), log().end());
  EXPECT_TRUE(stream().empty());
}

TEST_P(LogContractTest, KeepsEveryFieldOfATransactionAndItsEvents) {
  ChangeEvent full = row(1, R"({"id":2,"note":"ü\n"})");
  full.op = event::Op::update;
  full.fidelity = event::Fidelity::input;
  full.lsn = 0xFFFF'FFFF'FFFF'FFFF;
  full.statement_order = 3;
  full.old_key = R"({"id":1})";
  full.before = "";
  full.statement = "UPDATE orders SET id = 2";
  full.tags = R"({"route":"/pay"})";
  ChangeEvent gap;
  gap.op = event::Op::gap;
  gap.fidelity = event::Fidelity::statement;
  gap.ordinal = 7;
  gap.counts = {1, -2, 3'000'000'000};
  gap.cause = "trigger";
  const std::int64_t id = log().next_id();
  Transaction stored = transaction(id, 2, 0x123456789A);
  ASSERT_TRUE(log().write(stored, std::vector{full, gap}, nullptr, nullptr));
  note({released(id, 1)});

  const Transaction read = stream().at(0);
  EXPECT_EQ(read.id, id);
  EXPECT_EQ(read.xid, stored.xid);
  EXPECT_EQ(read.database, "shop");
  EXPECT_EQ(read.first_lsn, stored.first_lsn);
  EXPECT_EQ(read.last_lsn, stored.last_lsn);
  EXPECT_EQ(read.resolved, 1990u);
  EXPECT_EQ(read.prepared_us, stored.prepared_us);
  EXPECT_EQ(read.committed_us, 1'795'247'618'000'001);
  EXPECT_EQ(read.position, 1);
  EXPECT_EQ(read.event_count, 2u);
  EXPECT_EQ(read.server_run, "7412/1");
  EXPECT_EQ(read.context.user, "anne");
  EXPECT_EQ(read.context.application_name, "psql");
  EXPECT_EQ(read.context.client, "10.0.0.7:51234");
  EXPECT_EQ(read.context.session, "17");
  const std::vector<ChangeEvent> got = *reader()->events(id, 0, 10);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].op, event::Op::update);
  EXPECT_EQ(got[0].fidelity, event::Fidelity::input);
  EXPECT_EQ(got[0].schema, "public");
  EXPECT_EQ(got[0].table, "orders");
  EXPECT_EQ(got[0].lsn, full.lsn);
  EXPECT_EQ(got[0].statement_order, 3u);
  EXPECT_EQ(got[0].key, full.key);
  EXPECT_EQ(got[0].old_key, full.old_key);
  EXPECT_EQ(got[0].before, full.before);
  EXPECT_EQ(got[0].after, full.after);
  EXPECT_EQ(got[0].statement, full.statement);
  EXPECT_EQ(got[0].tags, full.tags);
  EXPECT_EQ(got[1].op, event::Op::gap);
  EXPECT_EQ(got[1].fidelity, event::Fidelity::statement);
  EXPECT_EQ(got[1].ordinal, 7u);
  EXPECT_EQ(got[1].key, std::nullopt);
  EXPECT_EQ(got[1].counts.inserted, 1);
  EXPECT_EQ(got[1].counts.updated, -2);
  EXPECT_EQ(got[1].counts.deleted, 3'000'000'000);
  EXPECT_EQ(got[1].cause, "trigger");
}

TEST_P(LogContractTest, IdsAreNeverGivenOutTwice) {
  const std::int64_t one = log().next_id();
  const std::int64_t two = write();
  EXPECT_GT(one, 0);
  EXPECT_GT(two, one);
  bench_->restart();
  EXPECT_GT(log().next_id(), two);
}

TEST_P(LogContractTest, AnnouncesThePlaceBehindTheRecordBeforeItReturns) {
  std::vector<Place> told;
  const Place before = log().end();
  const std::int64_t id = log().next_id();
  const auto written = log().write(transaction(id), rows(1, 1), nullptr, [&](Place end) { told.push_back(end); });
  ASSERT_TRUE(written);
  EXPECT_EQ(told, std::vector{*written});
  EXPECT_EQ(log().end(), *written);
  EXPECT_GT(*written, before);
}

TEST_P(LogContractTest, WhatIsWrittenIsDurableAfterASync) {
  const Place before = log().durable();
  write();
  EXPECT_EQ(log().durable(), before);
  sync();
  EXPECT_EQ(log().durable(), log().end());
}

TEST_P(LogContractTest, WhatHasNoOutcomeIsInDoubtAfterKill) {
  const auto one = write(2);
  const auto two = write_spilled(3, 1);
  bench_->restart();
  EXPECT_EQ(pending(), (Ids{one, two}));
  EXPECT_FALSE(log().recovered().torn);
  EXPECT_EQ(log().recovered().pending[0].committed_us, 0);
  EXPECT_EQ(log().recovered().pending[0].context.client, "10.0.0.7:51234");
  EXPECT_EQ(log().recovered().pending[1].event_count, 4u);
  EXPECT_EQ(ordinals(one), (Ordinals{1, 2}));
  EXPECT_EQ(ordinals(two), (Ordinals{1, 2, 3, 4}));
  EXPECT_TRUE(stream().empty());
}

TEST_P(LogContractTest, OutcomesHoldAfterKill) {
  const auto first = write(1, 2000);
  const auto gone = write();
  const auto second = write_spilled(2, 0);
  const auto known = write();
  const auto doubtful = write();
  note({released(first, 1), aborted(gone)});
  note({acknowledged(known), released(second, 2)});
  bench_->restart();
  EXPECT_EQ(pending(), (Ids{known, doubtful}));
  EXPECT_EQ(log().recovered().pending[0].committed_us, 1'795'247'618'000'002);
  EXPECT_EQ(log().recovered().pending[1].committed_us, 0);
  EXPECT_EQ(log().recovered().last_position, 2);
  EXPECT_EQ(log().recovered().last_lsn, 2000u);
  EXPECT_EQ(stream_ids(), (Ids{first, second}));
  EXPECT_EQ(ordinals(second), (Ordinals{1, 2}));
  note({released(doubtful, 3), released(known, 4)});
  bench_->restart();
  EXPECT_EQ(stream_ids(), (Ids{first, second, doubtful, known}));
  EXPECT_TRUE(pending().empty());
}

TEST_P(LogContractTest, ATransactionThatIsKnownToHaveCommittedStaysSo) {
  const std::int64_t id = log().next_id();
  Transaction gap = transaction(id);
  gap.committed_us = 17;
  ASSERT_TRUE(log().write(gap, rows(1, 1), nullptr, nullptr));
  bench_->restart();
  ASSERT_EQ(pending(), Ids{id});
  EXPECT_EQ(log().recovered().pending[0].committed_us, 17);
}

TEST_P(LogContractTest, AMachineCrashTakesOnlyWhatWasNotSynced) {
  const auto kept = write();
  const auto spilled = write_spilled(2, 2);
  note({released(kept, 1)});
  sync();
  const auto lost = write();
  write_spilled(2, 0);
  note({released(lost, 2)});
  bench_->crash();
  EXPECT_EQ(stream_ids(), Ids{kept});
  EXPECT_EQ(pending(), Ids{spilled});
  EXPECT_EQ(ordinals(spilled), (Ordinals{1, 2, 3, 4}));
  EXPECT_EQ(log().recovered().last_position, 1);
}

TEST_P(LogContractTest, ASpillIsCutAndGrowsAgain) {
  const std::int64_t id = log().next_id();
  auto spill = log().open_spill(id);
  ASSERT_TRUE(spill);
  ASSERT_TRUE((*spill)->append(rows(1, 5)));
  ASSERT_TRUE((*spill)->append(rows(6, 9)));
  ASSERT_TRUE((*spill)->cut(8));
  ASSERT_TRUE((*spill)->cut(4));
  ASSERT_TRUE((*spill)->append(rows(20, 21)));
  ASSERT_TRUE(log().write(transaction(id, 6), rows(22, 22), std::move(*spill), nullptr));
  EXPECT_EQ(ordinals(id), (Ordinals{1, 2, 3, 20, 21, 22}));
  bench_->restart();
  EXPECT_EQ(ordinals(id), (Ordinals{1, 2, 3, 20, 21, 22}));
}

TEST_P(LogContractTest, ASpillCutToNothingHoldsNothing) {
  const std::int64_t id = log().next_id();
  auto spill = log().open_spill(id);
  ASSERT_TRUE((*spill)->append(rows(1, 5)));
  ASSERT_TRUE((*spill)->cut(1));
  ASSERT_TRUE(log().write(transaction(id, 1), rows(6, 6), std::move(*spill), nullptr));
  EXPECT_EQ(ordinals(id), Ordinals{6});
}

TEST_P(LogContractTest, ASpillThatWasNotWrittenLeavesNothing) {
  const std::uint64_t before = log().bytes();
  {
    auto spill = log().open_spill(log().next_id());
    ASSERT_TRUE(spill);
    ASSERT_TRUE((*spill)->append(rows(1, 1000)));
  }
  EXPECT_EQ(log().bytes(), before);
  bench_->restart();
  EXPECT_TRUE(pending().empty());
}

TEST_P(LogContractTest, EventsComeInSlices) {
  for (const auto id : {write(7), write_spilled(5, 2)}) {
    EXPECT_EQ(ordinals(id, 0, 3), (Ordinals{1, 2, 3}));
    EXPECT_EQ(ordinals(id, 3, 3), (Ordinals{4, 5, 6}));
    EXPECT_EQ(ordinals(id, 6, 3), (Ordinals{7}));
    EXPECT_EQ(ordinals(id, 7, 3), Ordinals{});
  }
}

TEST_P(LogContractTest, SlicesOfLargeEventsAreShort) {
  const std::string large(JournalReader::kMostBytes / 2, 'x');
  for (const bool spilled : {false, true}) {
    const std::int64_t id = log().next_id();
    std::vector<ChangeEvent> events;
    for (std::uint32_t ordinal = 1; ordinal <= 4; ++ordinal) events.push_back(row(ordinal, large));
    std::unique_ptr<Spill> spill;
    if (spilled) {
      spill = std::move(*log().open_spill(id));
      ASSERT_TRUE(spill->append(events));
      events.clear();
    }
    ASSERT_TRUE(log().write(transaction(id, 4), events, std::move(spill), nullptr));
    const auto first = reader()->events(id, 0, 100);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->size(), 2u);
    EXPECT_FALSE(JournalReader::are_last(*first, 100));
    EXPECT_EQ(ordinals(id, 2), (Ordinals{3, 4}));
  }
}

TEST_P(LogContractTest, WhatWasReopenedIsNotInDoubt) {
  const auto taken_back = write(3);
  auto spill = log().reopen(taken_back);
  ASSERT_TRUE(spill) << spill.error().message;
  spill->reset();
  bench_->restart();
  EXPECT_TRUE(pending().empty());
}

TEST_P(LogContractTest, WhatWasReopenedIsWrittenAgain) {
  for (const bool spilled : {false, true}) {
    const auto id = spilled ? write_spilled(2, 1) : write(3);
    auto spill = log().reopen(id);
    ASSERT_TRUE(spill) << spill.error().message;
    ASSERT_TRUE((*spill)->append(rows(4, 5)));
    ASSERT_TRUE((*spill)->cut(5));
    ASSERT_TRUE(log().write(transaction(id, 5), rows(6, 6), std::move(*spill), nullptr));
    note({reopened(id)});  // told late
    EXPECT_EQ(ordinals(id), (Ordinals{1, 2, 3, 4, 6}));
    bench_->restart();
    ASSERT_EQ(pending(), Ids{id});
    EXPECT_EQ(log().recovered().pending[0].event_count, 5u);
    EXPECT_EQ(ordinals(id), (Ordinals{1, 2, 3, 4, 6}));
    note({aborted(id)});
  }
}

TEST_P(LogContractTest, ATransactionIsReopenedAgainBeforeTheStreamHasToldOfTheFirstTime) {
  const auto id = write(3);
  for (int i = 0; i < 2; ++i) {
    auto spill = log().reopen(id);
    ASSERT_TRUE(spill) << spill.error().message;
    ASSERT_TRUE(log().write(transaction(id, 3), {}, std::move(*spill), nullptr));
  }
  note({reopened(id)});
  EXPECT_EQ(ordinals(id), (Ordinals{1, 2, 3}));
  auto last = log().reopen(id);
  ASSERT_TRUE(last) << last.error().message;
  note({reopened(id)});
  note({reopened(id)});
  last->reset();
  bench_->restart();
  EXPECT_TRUE(pending().empty());
}

TEST_P(LogContractTest, AReopenedTransactionThatWasCutIsForgottenOrWholeAfterACrash) {
  const auto id = write_spilled(4, 2);
  sync();
  auto spill = log().reopen(id);
  ASSERT_TRUE(spill) << spill.error().message;
  ASSERT_TRUE((*spill)->cut(3));
  spill->reset();
  bench_->crash();
  // Forgotten, or as it was.
  if (!pending().empty()) {
    EXPECT_EQ(ordinals(id).size(), 6u);
  }
}

TEST_P(LogContractTest, ReopenedAndNotWrittenAgainIsForgotten) {
  const auto id = write();
  note({reopened(id)});
  bench_->restart();
  EXPECT_TRUE(pending().empty());
}

TEST_P(LogContractTest, AFailedWriteLeavesNothing) {
  const auto before = write();
  const Place end = log().end();
  bench_->fail_writes(true);
  const auto failed = try_write(log().next_id());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "53100");
  EXPECT_FALSE(log().note(std::vector{released(before, 1)}));
  EXPECT_EQ(log().end(), end);
  bench_->fail_writes(false);
  const auto after = write();
  note({released(before, 1)});
  bench_->restart();
  EXPECT_EQ(pending(), Ids{after});
  EXPECT_EQ(stream_ids(), Ids{before});
}

TEST_P(LogContractTest, AfterAFailedSyncNothingIsTakenUntilOneSucceeds) {
  const auto one = write();
  const Place durable = log().durable();
  bench_->fail_syncs(true);
  const auto failed = log().sync();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "58030");
  EXPECT_EQ(log().durable(), durable);
  EXPECT_FALSE(try_write(log().next_id()));
  EXPECT_FALSE(log().note(std::vector{released(one, 1)}));
  EXPECT_FALSE(log().sync());
  bench_->fail_syncs(false);
  sync();
  EXPECT_EQ(log().durable(), log().end());
  const auto two = write();
  sync();
  bench_->crash();
  EXPECT_EQ(pending(), (Ids{one, two}));
}

TEST_P(LogContractTest, WhatEveryDestinationHasGoes) {
  const std::uint64_t before = log().bytes();
  Ids ids;
  for (Position position = 1; position <= 50; ++position) {
    ids.push_back(position % 10 == 0 ? write_spilled(200, 0) : write(100));
    note({released(ids.back(), position)});
  }
  sync();
  const std::uint64_t full = log().bytes();
  EXPECT_GT(full, before);
  ASSERT_TRUE(log().keep_from(20));
  EXPECT_LE(log().erased().through, 20);
  EXPECT_EQ(stream_ids(20), Ids(ids.begin() + 20, ids.end()));
  EXPECT_EQ(stream().at(0).position, log().erased().through + 1);
  ASSERT_TRUE(log().keep_from(50));
  EXPECT_LT(log().bytes(), full / 2);
  if (bench_->lets_go_of_all()) {
    EXPECT_GT(log().erased().through, 40);
    EXPECT_EQ(log().erased().lsn, 2000u);
  }
  const Erased erased = log().erased();
  bench_->restart();
  EXPECT_EQ(log().erased().through, erased.through);
  EXPECT_EQ(log().erased().lsn, erased.lsn);
  EXPECT_EQ(log().recovered().last_position, 50);
  EXPECT_EQ(log().recovered().last_lsn, 2000u);
  EXPECT_TRUE(stream(50).empty());
  const auto next = write();
  note({released(next, 51)});
  EXPECT_EQ(stream_ids(50), Ids{next});
}

TEST_P(LogContractTest, OneInDoubtHoldsBackOnlyItself) {
  const auto doubtful = write(5);
  const auto spilled = write_spilled(10, 5);
  const auto known = write(3);
  note({acknowledged(known)});
  for (Position position = 1; position <= 100; ++position) note({released(write(100), position)});
  sync();
  const std::uint64_t full = log().bytes();
  ASSERT_TRUE(log().keep_from(100));
  EXPECT_LT(log().bytes(), full / 2);
  EXPECT_EQ(ordinals(doubtful), (Ordinals{1, 2, 3, 4, 5}));
  bench_->crash();
  Ids all = pending();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (Ids{doubtful, spilled, known}));
  for (const Transaction& each : log().recovered().pending) {
    EXPECT_EQ(each.committed_us, each.id == known ? 1'795'247'618'000'002 : 0);
    EXPECT_EQ(ordinals(each.id).size(), each.event_count);
  }
  note({released(doubtful, 101), released(spilled, 102), released(known, 103)});
  EXPECT_EQ(stream_ids(100), (Ids{doubtful, spilled, known}));
}

TEST_P(LogContractTest, AReaderFollowsTheStream) {
  const auto reading = reader();
  EXPECT_FALSE(*reading->next(0));
  for (Position position = 1; position <= 30; ++position) {
    const auto id = position % 7 == 0 ? write_spilled(20, 1) : write(10);
    write();  // has no outcome
    note({released(id, position)});
    const auto next = reading->next(position - 1);
    ASSERT_TRUE(next && *next);
    EXPECT_EQ((**next).id, id);
    EXPECT_EQ((**next).position, position);
    EXPECT_FALSE(*reading->next(position));
    EXPECT_EQ(reading->events(id, 0, 1000)->size(), position % 7 == 0 ? 21u : 10u);
  }
  EXPECT_EQ((**reading->next(4)).position, 5);  // back
  EXPECT_EQ((**reading->next(28)).position, 29);
}

INSTANTIATE_TEST_SUITE_P(Segments, LogContractTest,
                         testing::Values(LogBenchKind{"segments",
                                                      [] { return std::unique_ptr<LogBench>(new SegmentBench); }}),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Fake, LogContractTest,
                         testing::Values(LogBenchKind{"fake", [] { return std::unique_ptr<LogBench>(new FakeBench); }}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir::capture
