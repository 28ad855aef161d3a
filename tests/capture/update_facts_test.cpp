// The catalog's answer about UPDATEs. What it does not say proves nothing.
#include "capture/update_facts.h"

#include <gtest/gtest.h>

namespace weir::capture {
namespace {

TEST(UpdateFactsTest, EveryMemberOfTheAnswer) {
  const UpdateFacts facts = read_update_facts(
      R"({"deferrable" : false, "columns" : [["id", "int4", "b", true, -1], ["n", "numeric", "b", true, -1],
          ["own", null, "b", true, -1], ["mood", "mood", "e", true, -1], ["c", "bpchar", "b", true, 7],
          ["any", "bpchar", "b", true, -1], ["ci", "text", "b", false, -1], ["at", "timestamptz", "b", true, -1], ["big", "int8", "b", true, -1]],
          "generated" : ["k"], "sources" : ["a", "k"],
          "triggers" : [["plpgsql", "begin new.n := 1; return new; end", "616200"], ["c", "moddatetime", "61740062"]],
          "operators" : ["==="], "casts" : false})");
  EXPECT_FALSE(facts.key_deferrable);
  EXPECT_FALSE(facts.casts);
  EXPECT_EQ(facts.generated, std::vector<std::string>{"k"});
  EXPECT_EQ(facts.key_sources, (std::vector<std::string>{"a", "k"}));
  EXPECT_EQ(facts.operators, std::vector<std::string>{"==="});
  EXPECT_TRUE(facts.triggers.known);
  EXPECT_EQ(facts.triggers.sets, (std::vector<std::string>{"n", "at"}));
  const auto sameness = [&facts](const char* column) { return facts.type_of(column)->sameness; };
  EXPECT_EQ(sameness("id"), Sameness::of_any_columns);
  EXPECT_EQ(sameness("big"), Sameness::of_constants);
  EXPECT_EQ(sameness("n"), Sameness::unknown);
  EXPECT_EQ(sameness("own"), Sameness::unknown);
  EXPECT_EQ(sameness("mood"), Sameness::of_own_type);
  EXPECT_EQ(sameness("c"), Sameness::of_constants);
  EXPECT_EQ(sameness("any"), Sameness::unknown) << "'a' and 'a ' are equal";
  EXPECT_EQ(sameness("ci"), Sameness::unknown) << "its collation calls different texts equal";
  EXPECT_EQ(sameness("at"), Sameness::of_own_type);
  EXPECT_FALSE(facts.type_of("own")->built_in);
  EXPECT_TRUE(facts.type_of("mood")->built_in);
  EXPECT_EQ(facts.type_of("other"), nullptr);
}

TEST(UpdateFactsTest, WhatIsNotSaidIsNotKnown) {
  const char* const answers[] = {"", "null", "[]", "{", "{}", R"({"triggers":[["plpgsql"]],"columns":[["id"]]})"};
  for (const char* answer : answers) {
    const UpdateFacts facts = read_update_facts(answer);
    EXPECT_TRUE(facts.key_deferrable) << answer;
    EXPECT_TRUE(facts.casts) << answer;
    EXPECT_FALSE(facts.triggers.known) << answer;
    EXPECT_TRUE(facts.types.empty()) << answer;
  }
  EXPECT_FALSE(read_update_facts(std::nullopt).triggers.known);
}

TEST(UpdateFactsTest, ALongSourceIsNotRead) {
  const std::string source = "begin return new; end" + std::string(50000, ' ');
  const std::string answer = R"({"triggers":[["plpgsql",")" + source.substr(0, 50000) + R"(",""]]})";
  EXPECT_FALSE(read_update_facts(answer).triggers.known);
}

}  // namespace
}  // namespace weir::capture
