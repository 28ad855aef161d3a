#include "capture/event/change_event.h"

#include <gtest/gtest.h>

namespace weir::event {
namespace {

TEST(ChangeEventTest, ATableWithoutSchemaIsItsNameAlone) {
  ChangeEvent change;
  change.table = "orders";
  EXPECT_EQ(qualified_table(change), "orders");
  change.schema = "public";
  EXPECT_EQ(qualified_table(change), "public.orders");
}

TEST(ChangeEventTest, MemoryIsThatOfItsTexts) {
  ChangeEvent change;
  const std::size_t empty = memory_of(change);
  change.before = change.after = std::string(1000, 'x');
  change.statement = std::string(500, 'y');
  EXPECT_EQ(memory_of(change), empty + 2500);
  EXPECT_EQ(memory_of(std::vector<ChangeEvent>{change, change}), 2 * memory_of(change));
}

TEST(LsnTest, PrintsAsPostgresqlDoes) {
  EXPECT_EQ(to_text(Lsn{37677488}), "0/23EE9B0");
  EXPECT_EQ(to_text(Lsn{0}), "0/0");
  EXPECT_EQ(to_text(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(to_text(~Lsn{0}), "FFFFFFFF/FFFFFFFF");
}

TEST(LsnTest, ReadsWhatItPrints) {
  for (const Lsn lsn : {Lsn{0}, Lsn{1}, Lsn{37677488}, Lsn{0x16B374D848}, ~Lsn{0}}) {
    EXPECT_EQ(parse_lsn(to_text(lsn)), lsn);
  }
  EXPECT_EQ(parse_lsn("16/b374d848"), Lsn{0x16B374D848});
}

TEST(LsnTest, ReadsNothingElse) {
  for (const char* text : {"", "/", "0/", "/0", "0", "0/0/0", "0/G", " 0/0", "0/0 ", "-1/0", "123456789/0", "0x1/0"}) {
    EXPECT_EQ(parse_lsn(text), std::nullopt) << text;
  }
}

TEST(FidelityTest, HasTheWordsOfTheEvents) {
  EXPECT_STREQ(to_text(Fidelity::row), "row");
  EXPECT_STREQ(to_text(Fidelity::input), "input");
  EXPECT_STREQ(to_text(Fidelity::statement), "statement");
}

}  // namespace
}  // namespace weir::event
