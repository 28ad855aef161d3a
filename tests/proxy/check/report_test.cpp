// weir check: what was found, as a person and a program get it; and certificates' dates.
#include "proxy/check/report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "proxy/check/certificates.h"

namespace weir::proxy {
namespace {

using State = Finding::State;
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNow = 20'000 * kDay;

TableCheck table(const std::string& name, std::vector<TableCheck::Write> writes) {
  return {.database = "shop", .name = name, .key = {"id"}, .writes = std::move(writes), .notes = {}};
}

const std::vector<TableCheck::Write> kWhole = {{"insert", "row", ""}, {"delete", "row", ""}};
const std::vector<TableCheck::Write> kPartly = {{"insert", "input", "row-level security"},
                                                {"update", "statement", "row-level security"},
                                                {"delete", "statement", "row-level security"}};

TEST(Report, IsGoodWithoutFailuresAndStrictlyWithoutWarnings) {
  Report report;
  EXPECT_TRUE(report.is_good(true));
  report.ok("upstream", "answers");
  EXPECT_TRUE(report.is_good(true));
  report.warn("journal", "temporary");
  EXPECT_TRUE(report.is_good(false));
  EXPECT_FALSE(report.is_good(true));
  report.fail("login", "refused");
  EXPECT_FALSE(report.is_good(false));
}

TEST(Report, TablesAreAWarningWhereNotAllWritesGiveRows) {
  Report none;
  judge_tables(none);
  EXPECT_EQ(none.findings.at(0).state, State::warning);
  Report whole;
  whole.tables = {table("public.a", kWhole), table("public.b", kWhole)};
  judge_tables(whole);
  EXPECT_EQ(whole.findings.at(0).state, State::ok);
  whole.tables.push_back(table("public.c", kPartly));
  judge_tables(whole);
  EXPECT_EQ(whole.findings.at(1).state, State::warning);
  EXPECT_EQ(whole.findings.at(1).text, "3 tables, row events of all writes of 2");
}

TEST(Report, TheTextGroupsWritesByWhatTheyGive) {
  Report report;
  report.tables = {table("public.a", kWhole), table("public.c", kPartly)};
  report.tables[1].notes = {"no primary key"};
  judge_tables(report);
  const auto text = report_text(report, false);
  EXPECT_NE(text.find("public.a (key: id): row\n"), std::string::npos) << text;
  EXPECT_NE(text.find("public.c (key: id): insert: input (row-level security); update, delete: statement "
                      "(row-level security)\n             no primary key\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(report_text(report, true).find("\x1b[33mwarning"), std::string::npos);
}

TEST(Report, JsonHasAllOfIt) {
  Report report;
  report.warn("patterns", "\"x\" matches nothing");
  report.tables = {table("public.c", kPartly)};
  const auto parsed = boost::json::parse(report_json(report, true));
  EXPECT_EQ(parsed.at("good"), false);
  EXPECT_EQ(boost::json::parse(report_json(report, false)).at("good"), true);
  EXPECT_EQ(parsed.at("warnings"), 1);
  EXPECT_EQ(parsed.at("failures"), 0);
  EXPECT_EQ(parsed.at("findings").at(0).at("state"), "warning");
  const auto& write = parsed.at("tables").at(0).at("writes").at(1);
  EXPECT_EQ(write.at("write"), "update");
  EXPECT_EQ(write.at("fidelity"), "statement");
  EXPECT_EQ(write.at("cause"), "row-level security");
  EXPECT_EQ(parsed.at("tables").at(0).at("key").at(0), "id");
}

State state_of(std::int64_t not_before, std::int64_t not_after) {
  Report report;
  judge_dates(report, "tls.cert", {{"CN=a", not_before, not_after}}, kNow, false);
  return report.findings.at(0).state;
}

TEST(Certificates, AreJudgedByTheirDates) {
  EXPECT_EQ(state_of(kNow - kDay, kNow + 90 * kDay), State::ok);
  EXPECT_EQ(state_of(kNow - kDay, kNow + 20 * kDay), State::warning);
  EXPECT_EQ(state_of(kNow - kDay, kNow - 1), State::failure);
  EXPECT_EQ(state_of(kNow + 1, kNow + 90 * kDay), State::failure);
}

TEST(Certificates, OfAuthoritiesOneThatHoldsIsEnough) {
  Report report;
  judge_dates(report, "sslrootcert", {{"CN=old", 0, kNow - 1}, {"CN=new", 0, kNow + kDay}}, kNow, true);
  EXPECT_EQ(report.findings.at(0).state, State::ok);
  judge_dates(report, "sslrootcert", {{"CN=old", 0, kNow - 1}}, kNow, true);
  EXPECT_EQ(report.findings.at(1).state, State::failure);
}

}  // namespace
}  // namespace weir::proxy
