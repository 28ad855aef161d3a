// Which settings have changed, and which may while Weir runs.
#include "proxy/settings/change.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "proxy/reload.h"
#include "proxy/settings/config.h"
#include "tests/support/child_process.h"

namespace weir::proxy {
namespace {

SettingValues values_of(const std::string& yaml) {
  return *setting_values({.file = *parse_config("upstream: postgresql://db\nemit: [stdout]\n" + yaml, "weir.yaml")});
}

using Keys = std::vector<std::string>;

TEST(SettingsChange, IsWhatDiffersAsItCounts) {
  const auto before = values_of("log: {level: warn}\ncapture: {exclude: [a.b, c.d]}\n");
  EXPECT_TRUE(compare(before, before).empty());
  const auto after = values_of("log: {level: debug}\ncapture: {exclude: [a.b]}\nworkers: 3\n");
  EXPECT_EQ(compare(before, after).taken, (Keys{"capture.exclude", "log.level"}));
  EXPECT_EQ(compare(before, after).left, Keys{"workers"});
  EXPECT_TRUE(compare(before, values_of("capture: {exclude: [a.b, c.d]}\nlog: {level: warn}\nworkers: 0\n")).empty())
      << "to write a default down is no change";
  EXPECT_EQ(compare(before, values_of("log: {level: warn}\n")).taken, Keys{"capture.exclude"});
}

TEST(SettingsChange, SecretsAndSettingsOfDestinationsAreComparedByWhatTheyAre) {
  const std::string text = "limits: {connections: \"${WEIR_TEST_CHANGE}\"}\n";
  ::setenv("WEIR_TEST_CHANGE", "10", 1);
  const auto before = values_of(text);
  ::setenv("WEIR_TEST_CHANGE", "20", 1);
  EXPECT_EQ(compare(before, values_of(text)).taken, Keys{"limits.connections"});
  ::unsetenv("WEIR_TEST_CHANGE");
  EXPECT_FALSE(setting_values({.file = *parse_config(text, "weir.yaml")}));
  const auto one = setting_values({.file = *parse_config("emit: [{uri: file:/a, format: flat}]", "f")});
  const auto other = setting_values({.file = *parse_config("emit: [{uri: file:/a, format: debezium}]", "f")});
  EXPECT_EQ(compare(*one, *other).taken, Keys{"emit"});
}

TEST(SettingsChange, EverySettingOfWhichItIsSaidIsOne) {
  std::size_t changeable = 0;
  for (const auto& row : settings_table()) changeable += may_change(row.key) ? 1 : 0;
  EXPECT_GT(changeable, 12u);
  for (const char* key : {"tls.cert", "limits.connections", "capture.include", "log.level", "shutdown.timeout_ms"}) {
    EXPECT_TRUE(may_change(key)) << key;
    EXPECT_NE(find_setting(key), nullptr) << key;
  }
  for (const char* key : {"listen", "upstream", "workers", "journal.path", "capture.enabled"})
    EXPECT_FALSE(may_change(key)) << key;
}

TEST(Reload, WhatNeedsARestartIsNamedUntilThen) {
  test_support::TempFolder folder("weir-reload");
  const auto path = (folder / "weir.yaml").string();
  const auto write = [&](const std::string& more) {
    test_support::write_file(path, "upstream: postgresql://db\nemit: stdout\n" + more);
  };
  write("");
  CommandLine line;
  line.config = path;
  Reload reload(line, *Reload(line).read());
  write("workers: 3\nlog: {level: warn}\n");
  auto read = reload.read();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(told(read->change), "taken: log.level; not before a restart: workers");
  EXPECT_EQ(read->settings.log_level, "warn");
  const auto shown = [](const Reload::Read& one, const std::string& key) {
    for (const auto& row : one.shown)
      if (row.key == key) return row.value;
    return std::string("not shown");
  };
  EXPECT_EQ(shown(*read, "workers"), "0") << "what counts";
  EXPECT_EQ(shown(*read, "log.level"), "warn");
  reload.taken(*read);
  EXPECT_EQ(told(reload.read()->change), "not before a restart: workers");
  write("log: {level: warn}\n");
  EXPECT_EQ(told(reload.read()->change), "the settings are as they were");
  write("log: {level: loud}\n");
  ASSERT_FALSE(reload.read());
  EXPECT_NE(reload.read().error().message.find("weir.yaml:3: log.level must be"), std::string::npos);
}

}  // namespace
}  // namespace weir::proxy
