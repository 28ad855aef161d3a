// WEIR_… variables: each is a row of the settings' table, and which source wins.
#include "proxy/settings/environment.h"

#include <gtest/gtest.h>

#include <set>

#include "proxy/settings/config.h"
#include "proxy/settings/options.h"

namespace weir::proxy {
namespace {

const std::vector<std::string> kLeast = {"WEIR_UPSTREAM=postgresql://db", "WEIR_EMIT=stdout"};

std::vector<std::string> with_least(std::vector<std::string> more) {
  more.insert(more.end(), kLeast.begin(), kLeast.end());
  return more;
}

Result<Settings> settings_of(const std::vector<std::string>& variables) {
  auto read = read_environment(variables);
  if (!read) return read.error();
  return settle({.environment = read->assignments});
}

std::string complaint_of(const std::vector<std::string>& variables) {
  auto settings = settings_of(variables);
  return settings ? "" : settings.error().message;
}

TEST(Environment, EverySettingHasAVariableOfItsOwn) {
  std::set<std::string> names;
  for (const auto& row : settings_table()) EXPECT_TRUE(names.insert(variable_of(row.key)).second) << row.key;
  for (const auto& row : emitter_settings_table())
    EXPECT_TRUE(names.insert(variable_of("emit." + std::string(row.key))).second) << row.key;
  EXPECT_EQ(variable_of("limits.login_timeout"), "WEIR_LIMITS_LOGIN_TIMEOUT");
}

TEST(Environment, EverySettingTakesItsDefaultFromItsVariable) {
  for (const auto& row : settings_table()) {
    if (row.fallback.empty()) continue;
    const auto variable = variable_of(row.key) + "=" + std::string(row.fallback);
    const auto read = read_environment({variable});
    ASSERT_TRUE(read) << variable;
    ASSERT_EQ(read->assignments.size(), 1u) << variable;
    EXPECT_EQ(read->assignments[0].row, &row);
    EXPECT_EQ(complaint_of(with_least({variable})), "");
  }
}

TEST(Environment, AFlagsShorterNameIsAVariableToo) {
  EXPECT_EQ(settings_of(with_least({"WEIR_JOURNAL=/j"}))->journal_path, "/j");
  EXPECT_EQ(settings_of(with_least({"WEIR_JOURNAL_PATH=/j"}))->journal_path, "/j");
  EXPECT_EQ(complaint_of({"WEIR_JOURNAL=/j", "WEIR_JOURNAL_PATH=/k"}),
            "WEIR_JOURNAL_PATH and WEIR_JOURNAL are the same setting: leave one out");
}

TEST(Environment, ListsAreOneValueOrYaml) {
  EXPECT_EQ(settings_of(with_least({"WEIR_LISTEN=[::1]:7000"}))->listen.at(0).text(), "[::1]:7000");
  const auto two = settings_of(with_least({"WEIR_LISTEN=[127.0.0.1:7000, \"[::1]:7001\"]"}));
  ASSERT_EQ(two->listen.size(), 2u);
  EXPECT_EQ(two->listen[1].text(), "[::1]:7001");
  EXPECT_EQ(settings_of(with_least({"WEIR_CAPTURE_INCLUDE=[a.*, b.c]"}))->include,
            (std::vector<std::string>{"a.*", "b.c"}));
  EXPECT_EQ(settings_of({"WEIR_UPSTREAM=postgresql://db", "WEIR_EMIT=kafka://a:1,b:2/shop"})->emit.at(0).uri,
            "kafka://a:1,b:2/shop");
}

TEST(Environment, DestinationsWithKeysOfTheirOwn) {
  const auto one = settings_of({"WEIR_UPSTREAM=postgresql://db", "WEIR_EMIT=kafka://k:9092/shop",
                                "WEIR_EMIT_FORMAT=flat", "WEIR_EMIT_KAFKA_SASL_PASSWORD=a=b"});
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->emit.at(0).format, "flat");
  EXPECT_EQ(one->emit.at(0).own.at("sasl.password"), "a=b");
  const auto two = settings_of(
      {"WEIR_UPSTREAM=postgresql://db", "WEIR_EMIT=[stdout, {uri: file:/a, format: flat, file: {rotate_bytes: 1MB}}]"});
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(two->emit.at(1).own.at("rotate_bytes"), "1MB");
  EXPECT_EQ(complaint_of({"WEIR_EMIT=[stdout, file:/a]", "WEIR_EMIT_FORMAT=flat"})
                .rfind("WEIR_EMIT_FORMAT does not say which destination", 0),
            0u);
  EXPECT_EQ(complaint_of({"WEIR_EMIT_FORMAT=flat"}),
            "WEIR_EMIT_FORMAT needs the destination that it belongs to in WEIR_EMIT");
}

TEST(Environment, FlagsWinOverItAndItOverTheFile) {
  const auto file =
      parse_config("upstream: postgresql://file\nworkers: 1\nemit: [stdout, file:/a]\nprefix: file\n", "f");
  const auto environment = read_environment({"WEIR_WORKERS=2", "WEIR_EMIT=file:/b", "WEIR_LOG_LEVEL=debug"});
  const auto line = parse_command_line({"--workers", "3"});
  const auto settings =
      settle({.file = *file, .environment = environment->assignments, .command_line = line->assignments});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->workers, 3u);
  EXPECT_EQ(settings->log_level, "debug");
  EXPECT_EQ(settings->prefix, "file");
  ASSERT_EQ(settings->emit.size(), 1u);
  EXPECT_EQ(settings->emit[0].uri, "file:/b");
}

TEST(Environment, WhatIsOverruledMustStillBeRight) {
  const auto environment = read_environment({"WEIR_WORKERS=many"});
  const auto line = parse_command_line({"--upstream", "postgresql://db", "--emit", "stdout", "--workers", "3"});
  const auto settings = settle({.environment = environment->assignments, .command_line = line->assignments});
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().message, "WEIR_WORKERS must be a whole number from 0 to 1024 (given: \"many\")");
}

TEST(Environment, ComplaintsNameTheVariable) {
  EXPECT_EQ(complaint_of({"WEIR_EMIT=[{uri: file:/a, format: loud}]"}),
            "WEIR_EMIT (format) must be " + listed(emitters::format_names(), "or") + " (given: \"loud\")");
  EXPECT_EQ(complaint_of({"WEIR_EMIT=[{uri: file:/a, formt: flat}]"}).rfind("WEIR_EMIT:1: \"formt\" is no setting", 0),
            0u);
  EXPECT_EQ(complaint_of({"WEIR_UPSTREAM=postgresql://me:secret@db:x"}).find("secret"), std::string::npos);
}

TEST(Environment, EmptyVariablesAreNone) {
  const auto read = read_environment({"WEIR_TLS_CERT=", "WEIR_CONFIG="});
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->assignments.empty());
  EXPECT_TRUE(read->config.empty());
}

TEST(Environment, NamesThatAreNearASettingAreTold) {
  const auto read = read_environment({"WEIR_JOURNAL_PTH=/j", "WEIR_CONFIG=/etc/weir.yaml", "PATH=/bin"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->config, "/etc/weir.yaml");
  ASSERT_EQ(read->unknown.size(), 1u);
  EXPECT_EQ(read->unknown[0], "WEIR_JOURNAL_PTH, which is no setting of Weir; did you mean \"WEIR_JOURNAL_PATH\"?");
}

TEST(Environment, WhatKubernetesSetsForAServiceOfThatNameIsLeftAlone) {
  const auto read =
      read_environment({"WEIR_SERVICE_HOST=10.0.0.1", "WEIR_SERVICE_PORT=6432", "WEIR_PORT=tcp://10.0.0.1",
                        "WEIR_PORT_6432_TCP=tcp://10.0.0.1:6432", "WEIR_PORT_6432_TCP_PROTO=tcp",
                        "WEIR_PORT_6432_TCP_PORT=6432", "WEIR_PORT_6432_TCP_ADDR=10.0.0.1"});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->assignments.empty());
  EXPECT_TRUE(read->unknown.empty()) << read->unknown.front();
}

}  // namespace
}  // namespace weir::proxy
