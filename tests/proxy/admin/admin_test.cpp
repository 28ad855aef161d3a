// What the admin listener says, without sockets: metrics, readiness, and who may ask what.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "proxy/admin/health.h"
#include "proxy/admin/json_text.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/process_numbers.h"
#include "proxy/admin/routes.h"
#include "proxy/admin/snapshot_json.h"
#include "tests/proxy/admin/admin_snapshot.h"
#include "tests/support/child_process.h"

namespace weir::proxy {

namespace {

using test_support::TempFolder;

std::string page_of(const Snapshot& snapshot, MetricsText::Format format = MetricsText::Format::prometheus) {
  return metrics_page(snapshot, format);
}

/// What promtool says against the page; empty where it has nothing to say.
std::string complaints_of_promtool(const std::string& page) {
  const TempFolder folder("promtool");
  test_support::write_file(folder / "page", page);
  const auto said = folder / "said";
  const int status = test_support::run(
      {{"sh", "-c", "promtool check metrics < " + (folder / "page").string()}, std::nullopt, {}, said});
  const auto text = test_support::read_file(said);
  return status == 0 ? text : text + "exit " + std::to_string(status);
}

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

AdminRequest request(const std::string& method, const std::string& target) {
  AdminRequest made;
  made.method = method;
  made.target = target;
  made.host = "127.0.0.1:6433";
  made.loopback = true;
  return made;
}

AdminRequest from_afar(const std::string& method, const std::string& target) {
  auto made = request(method, target);
  made.host = "weir.example";
  made.loopback = false;
  return made;
}

AdminRoutes routes(const std::string& token = "") {
  return {token, full_snapshot};
}

using Then = AdminAnswer::Then;

}  // namespace

TEST(MetricsPage, HasWhatTheSnapshotHas) {
  const auto page = page_of(full_snapshot());
  EXPECT_TRUE(has_line(page, "weir_build_info{version=\"1.2.3\",instance=\"abc\"} 1"));
  EXPECT_TRUE(has_line(page, "weir_sessions{captured=\"true\"} 1"));
  EXPECT_TRUE(has_line(page, "weir_transactions_total{outcome=\"committed\"} 5"));
  EXPECT_TRUE(
      has_line(page, "weir_rows_total{database=\"shop\",table=\"public.orders\",op=\"create\",fidelity=\"row\"} 8"));
  EXPECT_TRUE(has_line(page, "weir_missed_rows_total{database=\"shop\",table=\"public.orders\",op=\"update\"} 2"));
  EXPECT_TRUE(has_line(page, "weir_gaps_total{cause=\"trigger\"} 1"));
  EXPECT_TRUE(has_line(page, "weir_transactions_in_doubt_age_seconds 10"));
  EXPECT_TRUE(has_line(page, "weir_destination_up{destination=\"kafka://127.0.0.1:9092/shop\"} 0"));
  EXPECT_TRUE(has_line(page, "weir_destination_lag_transactions{destination=\"kafka://127.0.0.1:9092/shop\"} 2"));
  EXPECT_TRUE(has_line(page, "weir_destination_lag_seconds{destination=\"kafka://127.0.0.1:9092/shop\"} 3"));
  EXPECT_TRUE(has_line(page, "weir_journal_oldest_undelivered_age_seconds 3"));
  EXPECT_TRUE(has_line(page, "weir_journal_sync_seconds_sum 0.00012"));
  EXPECT_TRUE(has_line(page, "weir_notices_total{level=\"error\"} 3"));
}

TEST(MetricsPage, EveryFamilyOfTheTableIsThereOnceAndNoOther) {
  std::set<std::string> described;
  for (const auto& one : metric_families()) EXPECT_TRUE(described.insert(std::string(one.name)).second) << one.name;
  std::set<std::string> there;
  std::istringstream lines(page_of(full_snapshot()));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      const auto name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(there.insert(name).second) << name;
    }
  }
  EXPECT_EQ(there, described);
}

TEST(MetricsPage, TheReadmesTableIsTheTable) {
  const auto readme = test_support::read_file(WEIR_SOURCE_FOLDER "/README.md");
  const std::string begin = "<!-- metrics -->\n";
  const auto from = readme.find(begin);
  const auto to = readme.find("<!-- end of metrics -->");
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(readme.substr(from + begin.size(), to - from - begin.size()), metrics_reference());
}

TEST(MetricsPage, NamesHaveTheirUnits) {
  for (const auto& one : metric_families()) {
    const bool counter = one.type == MetricFamily::Type::counter;
    EXPECT_EQ(one.name.ends_with("_total"), counter) << one.name;
    auto stem = one.name;
    if (counter) stem.remove_suffix(6);
    if (!one.unit.empty()) {
      EXPECT_TRUE(stem.ends_with(one.unit)) << one.name;
    }
    EXPECT_TRUE(one.name.starts_with("weir_") || one.name.starts_with("process_")) << one.name;
  }
}

TEST(MetricsPage, PromtoolHasNothingToSay) {
  EXPECT_EQ(complaints_of_promtool(page_of(full_snapshot())), "");
}

TEST(MetricsPage, PromtoolWouldSaySomething) {
  EXPECT_NE(complaints_of_promtool("weir_things 1\nweir_things 2\n"), "");
}

TEST(MetricsPage, WithoutCapturingThereIsWhatTheSocketsKnow) {
  auto snapshot = full_snapshot();
  snapshot.capturing = false;
  const auto page = page_of(snapshot);
  EXPECT_NE(page.find("weir_sessions"), std::string::npos);
  EXPECT_EQ(page.find("weir_journal"), std::string::npos);
  EXPECT_EQ(complaints_of_promtool(page), "");
}

TEST(Readiness, IsListeningUpstreamAndJournal) {
  EXPECT_TRUE(judge(full_snapshot()).ready);
  auto draining = full_snapshot();
  draining.connections.listening = false;
  EXPECT_FALSE(judge(draining).ready);
  auto down = full_snapshot();
  down.upstream = {true, false, "127.0.0.1:5432: Connection refused", 1};
  EXPECT_FALSE(judge(down).ready);
  EXPECT_NE(judge(down).json.find("Connection refused"), std::string::npos);
  auto unknown = full_snapshot();
  unknown.upstream = {};
  EXPECT_FALSE(judge(unknown).ready);
  auto full_disk = full_snapshot();
  full_disk.journal.trouble = "no space left";
  EXPECT_FALSE(judge(full_disk).ready);
  EXPECT_NE(judge(full_disk).json.find("no space left"), std::string::npos);
}

TEST(Readiness, ADestinationThatFailsIsNamedAndNoReason) {
  const auto judged = judge(full_snapshot());
  EXPECT_TRUE(judged.ready);
  EXPECT_NE(judged.json.find(
                R"("name":"kafka://127.0.0.1:9092/shop","state":"failing","lag_transactions":2,"lag_seconds":3)"),
            std::string::npos)
      << judged.json;
}

TEST(Readiness, TheDatabaseIsAskedOnceASecond) {
  ReadinessPace pace;
  const auto start = ReadinessPace::Clock::now();
  int asked = 0;
  for (int ms = 0; ms < 5'000; ms += 10) asked += pace.may_ask(start + std::chrono::milliseconds(ms)) ? 1 : 0;
  EXPECT_EQ(asked, 5);
}

TEST(Advice, IsThereForEachCause) {
  const auto usual = advice_for("something new");
  for (const char* cause : {"copy", "query cannot be split", "in doubt", "the machine crashed: commits between",
                            "row-level security", "lost track of the session: x"})
    EXPECT_NE(advice_for(cause), usual) << cause;
}

TEST(JsonText, IsJson) {
  JsonText json;
  json.open('{').member("a\"", "b\n\xff").member("n", 3).member("t", true).member("d", 0.5);
  json.key("l").open('[').value(1).value("x").open('{').close('}').close(']').key("e").open('[').close(']').close('}');
  EXPECT_EQ(json.text(), "{\"a\\\"\":\"b\\n\xEF\xBF\xBD\",\"n\":3,\"t\":true,\"d\":0.5,\"l\":[1,\"x\",{}],\"e\":[]}");
}

TEST(ProcessNumbers, AreThoseOfThisProcess) {
  const auto numbers = process_numbers();
  EXPECT_GT(numbers.resident_bytes, 1'000'000u);
  EXPECT_GT(numbers.open_descriptors, 2u);
  EXPECT_GE(numbers.max_descriptors, numbers.open_descriptors);
  EXPECT_GE(numbers.threads, 1u);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(numbers.started_at, now, 300);
}

TEST(AdminRoutes, AnswersWhatItHas) {
  EXPECT_EQ(routes().answer(request("GET", "/healthz")).body, "ok\n");
  EXPECT_TRUE(routes().answer(request("GET", "/readyz?verbose")).asks_upstream);
  EXPECT_NE(routes().answer(request("GET", "/")).body.find("<title>"), std::string::npos);
  EXPECT_EQ(routes().answer(request("GET", "/stats")).type, "application/json");
  EXPECT_TRUE(routes().answer(request("GET", "/events")).streams);
  EXPECT_EQ(routes().answer(request("GET", "/metricsx")).status, 404u);
  EXPECT_EQ(routes().answer(request("GET", "")).status, 404u);
  EXPECT_EQ(routes().answer(request("GET", "/drain")).status, 405u);
  EXPECT_EQ(routes().answer(request("GET", "/drain")).allow, "POST");
  EXPECT_EQ(routes().answer(request("DELETE", "/metrics")).status, 405u);
  EXPECT_EQ(routes().readyz().status, 200u);
}

TEST(AdminRoutes, TheFormatIsTheOneThatIsAcceptedFirst) {
  auto asked = request("GET", "/metrics");
  EXPECT_EQ(routes().answer(asked).type, "text/plain; version=0.0.4; charset=utf-8");
  asked.accept = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5";
  EXPECT_NE(routes().answer(asked).type.find("openmetrics"), std::string::npos);
  EXPECT_TRUE(routes().answer(asked).body.ends_with("# EOF\n"));
}

TEST(AdminRoutes, OrdersAreForLoopbackOrTheToken) {
  EXPECT_EQ(routes().answer(request("POST", "/drain")).then, Then::drain);
  EXPECT_EQ(routes().answer(request("POST", "/quitquitquit")).then, Then::quit);
  EXPECT_EQ(routes().answer(from_afar("POST", "/quitquitquit")).status, 403u);
  auto asked = from_afar("POST", "/quitquitquit");
  EXPECT_EQ(routes("secret").answer(asked).status, 401u);
  EXPECT_TRUE(routes("secret").answer(asked).ask_password);
  for (const char* wrong : {"Bearer secre", "Bearer secretx", "Bearer ", "Basic c2VjcmV0", "secret", "Basic eDp4"}) {
    asked.authorization = wrong;
    EXPECT_EQ(routes("secret").answer(asked).status, 401u) << wrong;
    EXPECT_EQ(routes("secret").answer(asked).then, Then::nothing);
  }
  asked.authorization = "Bearer secret";
  EXPECT_EQ(routes("secret").answer(asked).then, Then::quit);
  asked.authorization = "Basic YW55OnNlY3JldA==";  // any:secret
  EXPECT_EQ(routes("secret").answer(asked).then, Then::quit);
  // Where there is no token none is the right one.
  asked.authorization = "Bearer ";
  EXPECT_EQ(routes("").answer(asked).status, 403u);
}

TEST(AdminRoutes, ThePageIsNotForEverybodyAndProbesAre) {
  for (const char* open : {"/metrics", "/healthz", "/readyz"})
    EXPECT_EQ(routes().answer(from_afar("GET", open)).status, 200u);
  for (const char* closed : {"/", "/stats", "/events", "/tail", "/tail?from=beginning"})
    EXPECT_EQ(routes().answer(from_afar("GET", closed)).status, 403u);
}

TEST(AdminRoutes, LinesAreOfTheQueryAndOnlyForGet) {
  const auto tail = [](const std::string& target, bool own_user) {
    auto asked = request("GET", target);
    asked.own_user = own_user;
    return routes().answer(asked);
  };
  EXPECT_EQ(tail("/tail?from=1&count=2", true).lines, "from=1&count=2");
  EXPECT_EQ(tail("/tail", true).lines, "");
  EXPECT_FALSE(tail("/tail", false).lines) << "any account of the machine reaches loopback";
  EXPECT_EQ(tail("/tail", false).status, 403u);
  EXPECT_TRUE(has_rows("/tail?x") && has_rows("/tail") && !has_rows("/stats") && !has_rows("/tailor"));
  EXPECT_FALSE(routes().answer(request("HEAD", "/tail")).lines);
  EXPECT_EQ(routes().answer(request("POST", "/tail")).status, 405u);
  auto asked = from_afar("GET", "/tail");
  EXPECT_FALSE(routes("secret").answer(asked).lines);
  asked.authorization = "Bearer secret";
  EXPECT_TRUE(routes("secret").answer(asked).lines);
}

TEST(AdminRoutes, WhatAProxyForwardsIsNotLoopback) {
  auto asked = request("POST", "/quitquitquit");
  asked.forwarded = true;
  EXPECT_EQ(routes().answer(asked).status, 403u);
}

TEST(AdminRoutes, APageOfAnotherSiteGivesNoOrdersAndReadsNothing) {
  auto order = request("POST", "/quitquitquit");
  order.origin = "https://evil.example";
  EXPECT_EQ(routes().answer(order).status, 403u);
  order.origin = "http://127.0.0.1:6433";
  EXPECT_EQ(routes().answer(order).then, Then::quit);
  order.site = "cross-site";
  EXPECT_EQ(routes().answer(order).status, 403u);
  auto stream = request("GET", "/events");
  stream.site = "cross-site";
  EXPECT_EQ(routes().answer(stream).status, 403u);
  stream.target = "/tail";
  EXPECT_EQ(routes().answer(stream).status, 403u);
  auto rebound = request("GET", "/stats");
  rebound.host = "evil.example:6433";
  EXPECT_EQ(routes().answer(rebound).status, 421u);
  for (const char* good : {"localhost:6433", "127.0.0.1", "[::1]:6433", "10.0.0.1:6433"}) {
    rebound.host = good;
    EXPECT_EQ(routes().answer(rebound).status, 200u) << good;
  }
}

TEST(SnapshotJson, NamesWhatToDoAboutAGapAndShowsNoValue) {
  const auto json = snapshot_json(full_snapshot());
  EXPECT_NE(json.find("\"advice\":\"load with INSERT"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("captured":8,"counted":0,"gaps":1,"missed":2)"), std::string::npos) << json;
  EXPECT_EQ(json.find("\"row\":"), std::string::npos) << json;
}

}  // namespace weir::proxy
