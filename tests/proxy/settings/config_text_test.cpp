// weir config: what counts, from where, and that no secret is in it.
#include "proxy/settings/config_text.h"

#include <gtest/gtest.h>

#include "proxy/settings/config.h"
#include "proxy/settings/environment.h"
#include "proxy/settings/options.h"
#include "proxy/settings/secret.h"

namespace weir::proxy {
namespace {

constexpr const char* kFile =
    "upstream: postgresql://me:hush1@db:5433/shop?sslmode=require&passfile=/p\n"
    "journal:\n  path: \"/var/my journal\"\n"
    "capture: {include: [\"*.a\", public.b]}\n"
    "emit:\n  - stdout\n  - uri: kafka://k:9092/shop\n    format: flat\n"
    "    kafka: {sasl.username: weir, sasl.password: hush2, ssl.key.location: /k, security: {protocol: ssl}}\n"
    "prefix: file\n";

Sources sources_of(const std::string& file, const std::vector<std::string>& variables,
                   const std::vector<std::string>& arguments) {
  return {*parse_config(file, "weir.yaml"), read_environment(variables)->assignments,
          parse_command_line(arguments)->assignments};
}

TEST(ConfigText, EachValueSaysWhereItIsFrom) {
  const auto text = config_text(sources_of(kFile, {"WEIR_PREFIX=env", "WEIR_WORKERS=2"}, {"--workers", "3"}));
  for (const char* line : {
           "listen: 127.0.0.1:6432  # default\n",
           "upstream: \"postgresql://me:***@db:5433/shop?sslmode=require&passfile=/p\"  # weir.yaml:1\n",
           "workers: 3  # --workers\n",
           "journal:\n  path: \"/var/my journal\"  # weir.yaml:3\n",
           "  include:\n    - \"*.a\"  # weir.yaml:4\n    - \"public.b\"  # weir.yaml:4\n",
           "  max_bytes: 10GB  # default\n",
           "emit:\n  - stdout  # weir.yaml:6\n  - uri: kafka://k:9092/shop  # weir.yaml:7\n    format: flat  # "
           "weir.yaml:8\n",
           "    kafka.sasl.password: \"***\"  # weir.yaml:9\n",
           "    kafka.security.protocol: ssl  # weir.yaml:9\n",
           "prefix: env  # WEIR_PREFIX\n",
       }) {
    std::string expected = line;
    if (expected.find("\"public.b\"") != expected.npos) expected.replace(expected.find("\"public.b\""), 10, "public.b");
    EXPECT_NE(text.find(expected), std::string::npos) << line << "is not in\n" << text;
  }
  EXPECT_EQ(text.find("hush"), std::string::npos) << text;
}

/// Everything that counts, as one text that two configurations can be compared by.
std::string values(const Sources& sources) {
  std::string all;
  for (const auto& one : effective(sources)) {
    for (const auto* assignment : one.assignments) {
      all += std::string(one.row->key) + "=" + assignment->value + "\n";
      for (const auto& of : assignment->of) all += "  " + of.key + "=" + of.value + "\n";
    }
  }
  return all;
}

TEST(ConfigText, IsReadBackAsTheSame) {
  const std::string odd =
      "upstream: postgresql://db\nlisten: [\"[::1]:1\", 7000]\ncapture: {include: ['*.*', 'a.\"b # c']}\n"
      "journal: {path: \"${JOURNAL}\"}\nprefix: \"{db}\"\nemit: [{uri: 'file:/a: b', format: flat}]\n";
  const auto sources = sources_of(odd, {}, {});
  const auto again = parse_config(config_text(sources), "again");
  ASSERT_TRUE(again) << again.error().message << "\n" << config_text(sources);
  // Defaults are written down, so they are set in the second one.
  Sources with_defaults = sources;
  for (const auto& row : settings_table()) {
    const bool set =
        std::any_of(sources.file.begin(), sources.file.end(), [&](const auto& a) { return a.row == &row; });
    if (!set && !row.fallback.empty()) with_defaults.file.push_back({&row, std::string(row.fallback), "", {}});
  }
  EXPECT_EQ(values({.file = *again}), values(with_defaults));
}

TEST(Secrets, PasswordsAreHiddenWhereverTheyStand) {
  const auto hidden = [](const std::string& value) { return without_secrets("upstream", value); };
  EXPECT_EQ(hidden("postgresql://me:hush@db/shop"), "postgresql://me:***@db/shop");
  EXPECT_EQ(hidden("postgresql://me@db/shop"), "postgresql://me@db/shop");
  EXPECT_EQ(hidden("postgresql://db/shop?password=hush&user=me"), "postgresql://db/shop?password=***&user=me");
  EXPECT_EQ(hidden("postgresql://db/shop?user=me&sslpassword=hush"), "postgresql://db/shop?user=me&sslpassword=***");
  EXPECT_EQ(hidden("postgresql://me:hu/s@h@db/shop"), "postgresql://me:***@db/shop");
  EXPECT_EQ(hidden("https://token:hush@hooks/x?access_token=hush"), "https://token:***@hooks/x?access_token=***");
  EXPECT_EQ(without_secrets("kafka.sasl.password", "hush"), "***");
  EXPECT_EQ(without_secrets("kafka.sasl.jaas.config", "hush"), "***");
  EXPECT_EQ(without_secrets("kafka.ssl.key.pem", "hush"), "***");
  EXPECT_EQ(without_secrets("kafka.sasl.oauthbearer.assertion.private.key.passphrase", "hush"), "***");
}

TEST(Secrets, WhatSaysWhereASecretIsMayBeShown) {
  EXPECT_EQ(without_secrets("kafka.sasl.password", "${KAFKA_PASSWORD}"), "${KAFKA_PASSWORD}");
  EXPECT_EQ(without_secrets("upstream", "postgresql://weir:${file:/run/secrets/weir}@db/shop"),
            "postgresql://weir:${file:/run/secrets/weir}@db/shop");
  EXPECT_EQ(without_secrets("upstream", "${URI}"), "${URI}");
  EXPECT_EQ(without_secrets("upstream", "postgresql://db?passfile=/p"), "postgresql://db?passfile=/p");
  EXPECT_EQ(without_secrets("kafka.ssl.key.location", "/k"), "/k");
  EXPECT_EQ(without_secrets("kafka.sasl.password", "${A}hush${B}"), "***");
}

}  // namespace
}  // namespace weir::proxy
