// weir.yaml: what it takes, and what it says about what it does not take.
#include "proxy/settings/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "proxy/settings/options.h"

namespace weir::proxy {
namespace {

const std::string kLeast = "upstream: postgresql://db\nemit: stdout\n";

std::string complaint_of(const std::string& text) {
  auto read = parse_config(text, "weir.yaml");
  if (!read) return read.error().message;
  auto settings = settle({.file = *read});
  return settings ? "" : settings.error().message;
}

Settings settings_of(const std::string& text, const std::vector<std::string>& arguments = {}) {
  auto read = parse_config(text, "weir.yaml");
  EXPECT_TRUE(read) << read.error().message;
  auto line = parse_command_line(arguments);
  EXPECT_TRUE(line) << line.error().message;
  auto settings = settle({.file = *read, .command_line = line->assignments});
  EXPECT_TRUE(settings) << settings.error().message;
  return *settings;
}

TEST(Config, AWholeFile) {
  const auto settings = settings_of(R"(
listen: [127.0.0.1:7000, "[::1]:7000"]
upstream: postgresql://db:5433/shop
workers: 3
tls: {cert: c.pem, key: k.pem, required: true}
capture:
  include: [public.*]
  exclude: [public.tmp_*]
  exclude_columns: [public.users.password]
  statement_text: true
journal:
  path: /var/lib/weir/journal
  max_bytes: 2GB
emit:
  - stdout
  - uri: file:/tmp/out
    format: flat
    file: {rotate_bytes: 1MB, rotate_seconds: 60}
  - uri: kafka://k:9092/shop
    tombstones: false
    transaction_topic: true
    pace_ms: 20
    kafka:
      compression.type: lz4
      security: {protocol: ssl}
format: debezium
prefix: shop
log: {level: debug}
shutdown: {timeout_ms: 500}
)");
  EXPECT_EQ(settings.listen.size(), 2u);
  EXPECT_EQ(settings.workers, 3u);
  EXPECT_TRUE(settings.tls.required);
  EXPECT_EQ(settings.include, std::vector<std::string>{"public.*"});
  EXPECT_EQ(settings.journal_max_bytes, 2ull << 30);
  ASSERT_EQ(settings.emit.size(), 3u);
  EXPECT_EQ(emitters::number_of(settings.emit[1].own, "rotate_seconds", 0), 60u);
  EXPECT_EQ(emitters::bytes_of(settings.emit[1].own, "rotate_bytes", 0), 1u << 20);
  EXPECT_EQ(settings.emit[2].own.at("compression.type"), "lz4");
  EXPECT_EQ(settings.emit[2].own.at("security.protocol"), "ssl");
  EXPECT_TRUE(settings.emit[2].transaction_topic);
  EXPECT_FALSE(settings.emit[1].transaction_topic);
  EXPECT_EQ(settings.emit[2].pace_ms, 20u);
  EXPECT_FALSE(settings.emit[1].pace_ms);
  EXPECT_EQ(settings.log_level, "debug");
  EXPECT_EQ(settings.shutdown_timeout.count(), 500);
}

TEST(Config, EveryKeyOfTheTableIsAKeyOfTheFile) {
  for (const auto& row : settings_table()) {
    if (row.fallback.empty()) continue;
    std::string key(row.key);
    if (const auto dot = key.find('.'); dot != std::string::npos) key.replace(dot, 1, ": {");
    const bool nested = key.find('{') != std::string::npos;
    const auto text = kLeast + key + ": \"" + std::string(row.fallback) + "\"" + (nested ? "}" : "");
    EXPECT_EQ(complaint_of(text), "") << text;
  }
}

TEST(Config, APasswordThatStandsInTheFileIsSeen) {
  const auto holds = [](const std::string& text) { return hold_password(*parse_config(text, "weir.yaml")); };
  EXPECT_TRUE(holds("upstream: postgresql://me:secret@db\n"));
  EXPECT_TRUE(holds("emit:\n  - uri: kafka://k/p\n    kafka: {sasl.password: secret}\n"));
  EXPECT_TRUE(holds("upstream: postgresql://db/shop?user=me&password=secret\n"));
  EXPECT_TRUE(holds("auth: {password: secret}\n"));
  EXPECT_TRUE(holds("admin: {token: 0123456789abcdef}\n"));
  EXPECT_TRUE(holds("emit:\n  - uri: kafka://k/p\n    kafka: {ssl.key.pem: secret}\n"));
  for (const char* none : {"upstream: postgresql://me@db:5432\n", "upstream: postgresql://me:${PW}@db\n",
                           "upstream: postgresql://db:5432\n", "upstream: ${URI}\n",
                           "emit:\n  - uri: kafka://k/p\n    kafka: {sasl.username: me, sasl.password: \"${PW}\"}\n"})
    EXPECT_FALSE(holds(none)) << none;
}

TEST(Config, AComplaintShowsNoSecret) {
  EXPECT_EQ(complaint_of("upstream: postgresql://db\nadmin: {token: planted}\n"),
            "weir.yaml:2: admin.token must have at least 16 characters; openssl rand -hex 16 makes some");
}

TEST(Config, AWrongKeyNamesFileLineAndTheNearestRightName) {
  EXPECT_EQ(complaint_of("upstream: postgresql://db\njournal:\n  pth: x\n"),
            "weir.yaml:3: \"journal.pth\" is no setting of Weir; did you mean \"journal.path\"?");
  EXPECT_EQ(complaint_of("captur:\n  enabled: true\n"),
            "weir.yaml:1: \"captur\" is no setting of Weir; did you mean \"capture\"?");
  EXPECT_EQ(complaint_of("emit:\n  - uri: stdout\n    formt: flat\n"),
            "weir.yaml:3: \"formt\" is no setting of an entry of emit; did you mean \"format\"?");
  EXPECT_EQ(complaint_of("emit:\n  - uri: file:x\n    file:\n      rotate_byte: 1\n"),
            "weir.yaml:4: \"file.rotate_byte\" is no setting of an entry of emit; did you mean \"file.rotate_bytes\"?");
}

TEST(Config, AWrongValueNamesFileLineAndWhatIsAllowed) {
  EXPECT_EQ(complaint_of(kLeast + "log:\n  level: loud\n"),
            "weir.yaml:4: log.level must be debug, info, warn or error (given: \"loud\")");
  EXPECT_EQ(complaint_of(kLeast + "workers: many\n"),
            "weir.yaml:3: workers must be a whole number from 0 to 1024 (given: \"many\")");
  EXPECT_EQ(complaint_of("upstream: postgresql://db\nemit:\n  - uri: stdout\n    tombstones: 2\n"),
            "weir.yaml:4: emit.tombstones must be true or false (given: \"2\")");
  EXPECT_EQ(complaint_of("emit:\n  - uri: redis://x\n").rfind("weir.yaml:2: emit must be stdout", 0), 0u);
}

TEST(Config, NothingIsReadTwiceOrNotAtAll) {
  EXPECT_EQ(complaint_of("capture.enabled: true\ncapture:\n  enabled: false\n"),
            "weir.yaml:3: \"capture.enabled\" is given twice");
  EXPECT_EQ(complaint_of("listen: 127.0.0.1:1\n---\nfoo: 1\n"),
            "weir.yaml:3: is a second YAML document; all settings must be in one");
  EXPECT_EQ(complaint_of("---\n" + kLeast), "");
}

TEST(Config, WrongShapesAreRefused) {
  EXPECT_EQ(complaint_of("- a\n- b\n").rfind("weir.yaml:1: must be a map", 0), 0u);
  EXPECT_EQ(complaint_of("journal: yes\n"),
            "weir.yaml:1: \"journal\" must be a map of settings; did you mean \"journal.path\"?");
  EXPECT_EQ(complaint_of("workers: [1]\n"), "weir.yaml:1: \"workers\" must be one value: 0..1024");
  EXPECT_EQ(complaint_of("listen: {a: b}\n"),
            "weir.yaml:1: \"listen\" must be a list of HOST:PORT: each entry begins with \"- \"");
  EXPECT_EQ(complaint_of("emit:\n  - format: flat\n"),
            "weir.yaml:2: an entry of \"emit\" needs \"uri\": where its events go");
  EXPECT_EQ(complaint_of("workers: 1\nworkers: 2\n"), "weir.yaml:2: \"workers\" is given twice");
  EXPECT_EQ(complaint_of("a: [\n").rfind("weir.yaml:2: is no valid YAML", 0), 0u);
}

TEST(Config, AnEmptyFileAndAnEmptySectionSetNothing) {
  EXPECT_TRUE(parse_config("", "weir.yaml")->empty());
  EXPECT_TRUE(parse_config("# nothing\n", "weir.yaml")->empty());
  EXPECT_TRUE(parse_config("journal:\n", "weir.yaml")->empty());
}

TEST(Config, TheCommandLineBeatsTheFile) {
  const auto settings = settings_of(kLeast + "workers: 1\nlisten: [1000, 1001]\n",
                                    {"--workers", "2", "--listen", "2000", "--emit", "file:x"});
  EXPECT_EQ(settings.workers, 2u);
  ASSERT_EQ(settings.listen.size(), 1u);
  EXPECT_EQ(settings.listen[0].port, 2000);
  ASSERT_EQ(settings.emit.size(), 1u);
  EXPECT_EQ(settings.emit[0].uri, "file:x");
}

TEST(Config, WhatTheCommandLineOverrulesMustStillBeRight) {
  auto file = parse_config(kLeast + "workers: many\n", "weir.yaml");
  auto line = parse_command_line({"--workers", "2"});
  EXPECT_FALSE(settle({.file = *file, .command_line = line->assignments}));
}

TEST(Config, AFileThatCannotBeReadIsNamed) {
  const auto read = read_config("/nonexistent/weir.yaml");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message.rfind("/nonexistent/weir.yaml: cannot be read (No such file", 0), 0u);
  EXPECT_FALSE(read_config("/tmp"));
}

/// examples/weir.yaml; with all settings that are switched off in it ("#key") switched on where `all` says so.
std::string example(bool all) {
  std::ifstream file(WEIR_SOURCE_FOLDER "/examples/weir.yaml");
  std::string text;
  for (std::string line; std::getline(file, line);) {
    const bool off = line.size() > 1 && line[0] == '#' && (line[1] != ' ' || line.rfind("#  ", 0) == 0);
    if (!all || !off || line.rfind("#   build/", 0) == 0) {
      text += line + "\n";
    } else if (line.rfind("#upstream", 0) != 0) {  // the second way to write it
      text += line.substr(1) + "\n";
    }
  }
  return text;
}

TEST(Config, TheAnnotatedExampleIsRight) {
  ::setenv("WEIR_AUTH_PASSWORD", "secret", 1);
  EXPECT_EQ(complaint_of(example(false)), "");
  EXPECT_EQ(complaint_of(example(true)), "");
}

TEST(Config, TheAnnotatedExampleNamesEverySetting) {
  const auto read = parse_config(example(true), "weir.yaml");
  ASSERT_TRUE(read) << read.error().message;
  for (const auto& row : settings_table()) {
    const bool named = std::any_of(read->begin(), read->end(), [&](const auto& one) { return one.row == &row; });
    EXPECT_TRUE(named) << row.key << " is not in examples/weir.yaml";
  }
  for (const auto& line : emitter_setting_lines()) {
    const auto names = [&](const auto& of) {
      const auto section = line.key.substr(0, line.key.find('.') + 1);
      return of.key == line.key || (line.any_key && of.key.starts_with(section));
    };
    const bool named = std::any_of(read->begin(), read->end(),
                                   [&](const auto& one) { return std::any_of(one.of.begin(), one.of.end(), names); });
    EXPECT_TRUE(named) << "emit[]." << line.key << " is not in examples/weir.yaml";
  }
}

}  // namespace
}  // namespace weir::proxy
