// The syncer's thread, over a log whose syncs can be held and can fail: who is told, when, and by which sync.
#include "proxy/commit/syncer.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "tests/capture/journal/fake_log.h"
#include "tests/capture/journal/transactions.h"
#include "tests/proxy/heard.h"

namespace weir::proxy {
namespace {

using capture::FakeDisk;
using capture::FakeLog;
using capture::Place;

const Error kIoError{"journal /j: cannot sync: input/output error", "58030"};

class SyncerTest : public testing::Test {
 protected:
  SyncerTest() : log(disk), syncer(std::make_unique<Syncer>(log, [this] { heard.add("synced"); })) { syncer->start(); }
  ~SyncerTest() override { disk->let_sync_go(); }

  Place write() {
    const auto id = log.next_id();
    const auto event = capture::change();
    const auto lsn = static_cast<event::Lsn>(id);
    return *log.write(capture::transaction(id, lsn, lsn), {&event, 1}, nullptr, {});
  }
  bool is_durable_or_tells(Place end, const std::string& name) {
    return syncer->is_durable_or_tell(end, [this, end, name] {
      EXPECT_GE(log.durable(), end);
      heard.add(name);
    });
  }
  int syncs() {
    const std::lock_guard lock(disk->mutex);
    return disk->syncs;
  }
  void await_syncs(int count) {
    std::unique_lock lock(disk->mutex);
    disk->changed.wait(lock, [&] { return disk->syncs >= count; });
  }
  void fail_syncs(std::optional<Error> error) {
    disk->set([&](FakeDisk& one) { one.fail_sync = std::move(error); });
  }

  std::shared_ptr<FakeDisk> disk = std::make_shared<FakeDisk>();
  FakeLog log;
  Heard heard;
  std::unique_ptr<Syncer> syncer;
};

TEST_F(SyncerTest, WhoWaitsIsToldWhenItIsDurable) {
  disk->hold_sync();
  EXPECT_FALSE(is_durable_or_tells(write(), "a"));
  disk->await_held_syncs(1);
  EXPECT_TRUE(heard.all().empty());
  disk->let_sync_go();
  EXPECT_TRUE(heard.hears("a"));
  EXPECT_TRUE(heard.hears("synced"));
}

TEST_F(SyncerTest, WhatIsDurableIsNotWaitedFor) {
  const Place end = write();
  EXPECT_FALSE(is_durable_or_tells(end, "a"));
  ASSERT_TRUE(heard.hears("a"));
  EXPECT_TRUE(is_durable_or_tells(end, "again"));
  EXPECT_TRUE(is_durable_or_tells(0, "nothing was written"));
  syncer.reset();
  EXPECT_EQ(heard.all(), (std::vector<std::string>{"a", "synced"}));
}

TEST_F(SyncerTest, WhoIsWantedForIsSyncedThoughNobodyWaits) {
  const Place end = write();
  syncer->want(end);
  ASSERT_TRUE(heard.hears("synced"));
  EXPECT_GE(log.durable(), end);
}

TEST_F(SyncerTest, NothingIsSyncedThatNobodyWants) {
  write();
  syncer->stop();
  EXPECT_EQ(syncs(), 0);
}

TEST_F(SyncerTest, AllThatComeDuringASyncShareTheNext) {
  disk->hold_sync();
  EXPECT_FALSE(is_durable_or_tells(write(), "first"));
  disk->await_held_syncs(1);
  for (const char* name : {"a", "b", "c"}) EXPECT_FALSE(is_durable_or_tells(write(), name));
  disk->let_sync_go();
  for (const char* name : {"first", "a", "b", "c"}) EXPECT_TRUE(heard.hears(name));
  syncer->stop();
  EXPECT_EQ(syncs(), 2);
  EXPECT_EQ(heard.all(), (std::vector<std::string>{"first", "synced", "a", "b", "c", "synced"}));
}

TEST_F(SyncerTest, WhileSyncsFailNobodyIsToldAndItIsTriedAgain) {
  fail_syncs(kIoError);
  EXPECT_FALSE(is_durable_or_tells(write(), "a"));
  await_syncs(2);
  EXPECT_TRUE(heard.all().empty());
  fail_syncs(std::nullopt);
  EXPECT_TRUE(heard.hears("a"));
  EXPECT_FALSE(is_durable_or_tells(write(), "b"));
  EXPECT_TRUE(heard.hears("b")) << "and it goes on";
}

TEST_F(SyncerTest, StoppingSyncsWhatWasWanted) {
  disk->hold_sync();
  syncer->want(write());
  disk->await_held_syncs(1);
  const Place last = write();
  syncer->want(last);
  auto stopped = std::async(std::launch::async, [this] { syncer->stop(); });
  disk->let_sync_go();
  stopped.get();
  EXPECT_GE(log.durable(), last);
}

TEST_F(SyncerTest, AFailingDiskDoesNotKeepItFromStopping) {
  fail_syncs(kIoError);
  EXPECT_FALSE(is_durable_or_tells(write(), "a"));
  await_syncs(1);
  syncer->stop();
  syncer->stop();
  syncer.reset();
  EXPECT_TRUE(heard.all().empty());
}

TEST_F(SyncerTest, OneThatWasNeverStartedStops) {
  Syncer other(log, [] {});
  other.stop();
}

TEST_F(SyncerTest, EverybodyOfManyThreadsIsToldOnce) {
  constexpr int kThreads = 8;
  constexpr int kWrites = 100;
  std::vector<Heard> told(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : told) {
    threads.emplace_back([this, &mine] {
      for (int i = 0; i < kWrites; ++i) {
        const Place end = write();
        const auto name = std::to_string(i);
        if (syncer->is_durable_or_tell(end, [&mine, name] { mine.add(name); })) mine.add(name);
        ASSERT_TRUE(mine.hears(name));
        ASSERT_GE(log.durable(), end);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  syncer.reset();
  for (const auto& mine : told) EXPECT_EQ(mine.all().size(), static_cast<std::size_t>(kWrites));
}

}  // namespace
}  // namespace weir::proxy
