#include "capture/journal/spill_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "tests/capture/journal/contract.h"
#include "tests/capture/journal/model_files.h"

namespace weir::capture {
namespace {

using Ordinals = std::vector<std::uint32_t>;
const std::string path = "spill/5";

/// Some 40 of these fill a block; but every fortieth has one of its own.
event::ChangeEvent wide(std::uint32_t ordinal) {
  if (ordinal % 40 == 7) {
    auto large = row(ordinal, std::string(300'000 + ordinal, static_cast<char>('a' + ordinal % 26)));
    large.before = std::string(ordinal % 80 == 7 ? 400'000 : 70'000, 'b');
    large.tags = "{}";
    return large;
  }
  return row(ordinal, std::string(3000 + ordinal % 700, static_cast<char>('a' + ordinal % 26)));
}

std::vector<event::ChangeEvent> wide_rows(std::uint32_t from, std::uint32_t to) {
  std::vector<event::ChangeEvent> made;
  for (std::uint32_t ordinal = from; ordinal <= to; ++ordinal) made.push_back(wide(ordinal));
  return made;
}

class SpillFileTest : public testing::Test {
 protected:
  Ordinals read(const SpillFacts& facts, std::uint32_t after = 0) {
    SpillReader reader(folder_, 5, facts);
    Ordinals found;
    for (;;) {
      auto next = reader.next(after);
      EXPECT_TRUE(next) << next.error().message;
      if (!next || !*next) return found;
      after = (**next).ordinal;
      EXPECT_EQ((**next).after, wide(after).after);
      EXPECT_EQ((**next).before, wide(after).before);
      EXPECT_EQ((**next).tags, wide(after).tags);
      found.push_back(after);
    }
  }
  static Ordinals numbers(std::uint32_t from, std::uint32_t to) {
    Ordinals made;
    for (std::uint32_t number = from; number <= to; ++number) made.push_back(number);
    return made;
  }

  ModelFiles files_;
  SpillFolder folder_{files_, "spill", 99};
};

TEST_F(SpillFileTest, IsCutAnywhereAndGrowsAgain) {
  for (std::uint32_t cut = 1; cut <= 302; cut += cut < 80 ? 1 : 7) {
    auto spill = std::move(*SpillFile::create(folder_, 5));
    ASSERT_TRUE(spill->append(wide_rows(1, 300)));
    ASSERT_TRUE(spill->cut(cut));
    ASSERT_TRUE(spill->append(wide_rows(400, 450)));
    const auto facts = spill->finish();
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->bytes, files_.contents(path).size());
    EXPECT_EQ(folder_.bytes, facts->bytes);
    Ordinals expected = numbers(1, std::min(cut - 1, 300u));
    for (const std::uint32_t each : numbers(400, 450)) expected.push_back(each);
    ASSERT_EQ(read(*facts), expected) << cut;
    EXPECT_EQ(facts->events, expected.size());
    spill.reset();
    EXPECT_FALSE(files_.has(path));
    EXPECT_EQ(folder_.bytes, 0u);
  }
}

TEST_F(SpillFileTest, IsReadFromAnyOrdinal) {
  auto spill = std::move(*SpillFile::create(folder_, 5));
  ASSERT_TRUE(spill->append(wide_rows(1, 200)));
  const auto facts = spill->finish();
  for (std::uint32_t after = 0; after <= 200; after += 7) EXPECT_EQ(read(*facts, after), numbers(after + 1, 200));
}

TEST_F(SpillFileTest, BelongsToItsRecordAsFarAsThatSays) {
  auto spill = std::move(*SpillFile::create(folder_, 5));
  ASSERT_TRUE(spill->append(wide_rows(1, 100)));
  const auto facts = spill->finish();
  spill->keep();
  spill.reset();
  int forgets = 0;
  std::uint64_t abandoned = 0;
  const auto reopen = [&] {
    return std::move(*SpillFile::reopen(folder_, 5, *facts,
                                        {[&]() -> Result<void> {
                                           ++forgets;
                                           return {};
                                         },
                                         [&](std::uint64_t bytes) { abandoned = bytes; }}));
  };
  spill = reopen();
  ASSERT_TRUE(spill->append(wide_rows(101, 200)));
  EXPECT_EQ(read(*facts), numbers(1, 100));
  const auto more = spill->finish();
  EXPECT_EQ(read(*more), numbers(1, 200));
  ASSERT_TRUE(spill->cut(150));
  EXPECT_EQ(forgets, 0);
  spill.reset();
  EXPECT_GE(abandoned, facts->bytes);
  EXPECT_TRUE(files_.has(path));  // the record may hold after a crash
  EXPECT_EQ(read(*facts), numbers(1, 100));
  spill = reopen();
  ASSERT_TRUE(spill->cut(90));
  EXPECT_EQ(forgets, 1);
  spill.reset();
  EXPECT_FALSE(files_.has(path));
}

TEST_F(SpillFileTest, AFullDiskIsAnErrorAndNothingIsLostBefore) {
  auto spill = std::move(*SpillFile::create(folder_, 5));
  ASSERT_TRUE(spill->append(wide_rows(1, 100)));
  files_.fail({0, 1, ENOSPC, true, false});
  const auto failed = spill->append(wide_rows(101, 200));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "53100");
  ASSERT_TRUE(spill->cut(50));
  const auto facts = spill->finish();
  ASSERT_TRUE(facts);
  EXPECT_EQ(read(*facts), numbers(1, 49));
}

TEST_F(SpillFileTest, AnyDamageIsSeen) {
  auto spill = std::move(*SpillFile::create(folder_, 5));
  ASSERT_TRUE(spill->append(rows(1, 5)));
  const auto facts = spill->finish();
  for (std::size_t at = 0; at < facts->bytes; ++at) {
    files_.contents(path)[at] ^= 16;
    for (const std::uint32_t after : {0u, 3u, 9u}) {
      SpillReader reader(folder_, 5, *facts);
      const bool is_payload = at >= block_header_size;
      const bool is_passed_over = is_payload && after == 9;
      EXPECT_EQ(static_cast<bool>(reader.next(after)), is_passed_over) << at << ", " << after;
    }
    files_.contents(path)[at] ^= 16;
  }
  files_.contents(path).resize(facts->bytes - 1);
  EXPECT_FALSE(SpillReader(folder_, 5, *facts).check());
}

}  // namespace
}  // namespace weir::capture
