// The server's answer about its run, and what a session keeps of it.
#include "capture/server_run.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

const std::string kAnswer = "7714089097775773406 0000000A 1796076334.712020 0/1526D08 1796076339.699660 4242";

TEST(ServerRunTest, EveryPartOfTheAnswer) {
  const auto run = read_server_run(kAnswer);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->system, "7714089097775773406");
  EXPECT_EQ(run->timeline, 10u);
  EXPECT_EQ(run->started, "1796076334.712020");
  EXPECT_EQ(run->recovered, 0x1526D08u);
  EXPECT_EQ(run->counts_since, "1796076339.699660");
  EXPECT_EQ(run->backend, "4242");
  EXPECT_FALSE(run->pooled);
  EXPECT_TRUE(run->logged);
}

TEST(ServerRunTest, WhatTheSessionKeepsIsReadAgain) {
  const std::string kept = "7714089097775773406 0000000A 1796076334.712020 0/1526D08 1796076339.699660";
  EXPECT_EQ(note(kAnswer, false, true), kept);
  EXPECT_EQ(note(kAnswer, true, false), kept + " pooled unlogged");
  const auto run = read_server_run(note(kAnswer, true, false));
  ASSERT_TRUE(run);
  EXPECT_TRUE(run->pooled);
  EXPECT_FALSE(run->logged);
  EXPECT_TRUE(same_run(*run, *read_server_run(kAnswer)));
}

TEST(ServerRunTest, WhatIsNoAnswerIsNone) {
  for (const char* text : {"", " ", "77", "77 1 2 0/0", "77 timeline 2 0/0 3", "77 1 2 nowhere 3"})
    EXPECT_FALSE(read_server_run(text)) << text;
}

TEST(ServerRunTest, ARunEndsWithARecovery) {
  const auto run = [](const char* text) { return *read_server_run(text); };
  const auto first = run("77 1 100 0/0 50");
  EXPECT_TRUE(same_run(first, run("77 1 100 0/0 60"))) << "statistics were reset";
  EXPECT_TRUE(same_run(first, run("77 1 200 0/0 50"))) << "a clean restart";
  EXPECT_FALSE(same_run(first, run("77 1 100 0/9 60"))) << "a backend was killed";
  EXPECT_FALSE(same_run(first, run("77 1 200 0/9 60"))) << "a crash";
  EXPECT_FALSE(same_run(first, run("77 2 100 0/0 50"))) << "a standby, made of a copy";
  EXPECT_FALSE(same_run(first, run("78 1 100 0/0 50"))) << "another cluster";
  EXPECT_FALSE(same_run(run("77 0 100 0/0 50"), run("77 0 100 0/0 50"))) << "standbys";
}

}  // namespace
}  // namespace weir::capture
