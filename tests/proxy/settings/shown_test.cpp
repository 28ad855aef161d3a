// The settings as rows: what counts, where it is from, and no secret.
#include "proxy/settings/shown.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

Assignment assign(std::string_view key, const std::string& value, const std::string& place) {
  return {find_setting(key), value, place, {}};
}

std::string text(const Sources& sources) {
  std::string text;
  for (const auto& one : shown_settings(sources)) text += one.key + "=" + one.value + " (" + one.source + ")\n";
  return text;
}

TEST(Shown, WhatCountsIsShownWithItsPlace) {
  Sources sources;
  sources.file = {assign("log.level", "debug", "f:1"), assign("prefix", "a", "f:2")};
  sources.command_line = {assign("log.level", "warn", "--log.level"), assign("listen", "127.0.0.1:1", "--listen"),
                          assign("listen", "127.0.0.1:2", "--listen")};
  const auto shown = text(sources);
  EXPECT_NE(shown.find("log.level=warn (--log.level)\n"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("log.level=debug"), std::string::npos) << shown;
  EXPECT_NE(shown.find("prefix=a (f:2)\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("listen=127.0.0.1:1 (--listen)\nlisten=127.0.0.1:2 (--listen)\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("journal.max_bytes=10GB (default)\n"), std::string::npos) << shown;
}

TEST(Shown, SecretsAreNot) {
  auto kafka = assign("emit", "kafka://k:9092/shop", "f:1");
  kafka.of = {{"kafka.sasl.password", "planted1", "f:2"}, {"kafka.sasl.username", "weir", "f:3"}};
  Sources sources;
  sources.file = {kafka, assign("admin.token", "planted2", "f:4"),
                  assign("tracing.headers", "Authorization: Bearer planted4", "f:5"),
                  assign("tracing.otlp", "https://me:planted5@c:4318/v1/traces", "f:6")};
  sources.command_line = {assign("upstream", "postgresql://ann:planted3@h:1/db", "--upstream")};
  const auto shown = text(sources);
  EXPECT_EQ(shown.find("planted"), std::string::npos) << shown;
  EXPECT_NE(shown.find("admin.token=***"), std::string::npos) << shown;
  EXPECT_NE(shown.find("tracing.headers=Authorization: ***"), std::string::npos) << shown;
  EXPECT_NE(shown.find("tracing.otlp=https://me:***@c:4318/v1/traces"), std::string::npos) << shown;
  EXPECT_NE(shown.find("emit[].kafka.sasl.username=weir"), std::string::npos) << shown;
}

}  // namespace
}  // namespace weir::proxy
