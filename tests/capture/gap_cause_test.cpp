// The causes of gaps: their words, and README.md's table of them.
#include "capture/event/gap_cause.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace weir::event {
namespace {

TEST(GapCause, EachRowStandsWhereItsNumberSays) {
  for (std::size_t i = 0; i < gap_causes().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(gap_causes()[i].cause), i) << gap_causes()[i].text;
    EXPECT_STREQ(to_text(gap_causes()[i].cause), gap_causes()[i].text);
  }
  EXPECT_EQ(gap_causes().back().cause, GapCause::erased) << "the enum's last one has a row";
}

TEST(GapCause, WordsAreFoundAgainWithAndWithoutWhatTheMomentKnew) {
  for (const auto& row : gap_causes()) {
    EXPECT_EQ(gap_cause_of(row.text), row.cause);
    const auto more = std::string(row.text) + ": of this moment";
    EXPECT_EQ(gap_cause_of(more), row.has_more ? std::optional(row.cause) : std::nullopt) << more;
  }
  EXPECT_EQ(gap_cause_of("merge of 3 rows"), GapCause::merge);
  EXPECT_EQ(gap_cause_of("shed"), std::nullopt);
  EXPECT_EQ(gap_cause_of(""), std::nullopt);
}

TEST(GapCause, TheReadmesTableIsThisOne) {
  std::ifstream file(WEIR_SOURCE_FOLDER "/README.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(gap_cause_table()), std::string::npos) << "README.md must hold this table:\n"
                                                                   << gap_cause_table();
}

}  // namespace
}  // namespace weir::event
