// ${NAME} and ${file:PATH}: secrets that stand elsewhere.
#include "proxy/settings/expand.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "proxy/settings/config.h"
#include "proxy/settings/options.h"

namespace weir::proxy {
namespace {

class ExpandTest : public ::testing::Test {
 protected:
  ExpandTest() {
    ::setenv("WEIR_TEST_SECRET", "a@b/c:d%", 1);
    ::unsetenv("WEIR_TEST_NONE");
    std::filesystem::create_directories(folder);
    std::ofstream(file) << "from the file\r\n\n";
  }
  ~ExpandTest() override {
    std::filesystem::remove_all(folder);
    ::unsetenv("WEIR_TEST_SECRET");
  }

  static std::string text(const std::string& value, bool in_uri = false) {
    const auto expanded = expand(value, in_uri);
    return expanded ? *expanded : "error: " + expanded.error().message;
  }

  const std::string folder = ::testing::TempDir() + "weir-expand-" + std::to_string(::getpid());
  const std::string file = folder + "/secret";
};

TEST_F(ExpandTest, VariablesAndFiles) {
  EXPECT_EQ(text("${WEIR_TEST_SECRET}"), "a@b/c:d%");
  EXPECT_EQ(text("<${WEIR_TEST_SECRET}|${WEIR_TEST_SECRET}>"), "<a@b/c:d%|a@b/c:d%>");
  EXPECT_EQ(text("${file:" + file + "}"), "from the file");
}

TEST_F(ExpandTest, AllElseStaysAsItIs) {
  for (const char* same : {"", "plain", "$", "$x", "a$", "{x}", "100 $"}) EXPECT_EQ(text(same), same);
  EXPECT_EQ(text("$${x}"), "${x}");
  EXPECT_EQ(text("$${${WEIR_TEST_SECRET}"), "${a@b/c:d%");
}

TEST_F(ExpandTest, APartOfAUriIsEncodedAndAWholeUriIsNot) {
  EXPECT_EQ(text("postgresql://me:${WEIR_TEST_SECRET}@db", true), "postgresql://me:a%40b%2Fc%3Ad%25@db");
  EXPECT_EQ(text("${WEIR_TEST_SECRET}", true), "a@b/c:d%");
}

TEST_F(ExpandTest, WhatIsNotThereIsNamedWithoutAnyValue) {
  EXPECT_NE(text("${WEIR_TEST_NONE}").find("\"WEIR_TEST_NONE\", which is not set"), std::string::npos);
  EXPECT_NE(text("${}").find("is not set"), std::string::npos);
  EXPECT_NE(text("${file:/no/such}").find("\"/no/such\", which cannot be read (No such file"), std::string::npos);
  EXPECT_NE(text("${file:" + folder + "}").find("cannot be read"), std::string::npos);
  EXPECT_NE(text("${WEIR_TEST_SECRET").find("without its }"), std::string::npos);
  EXPECT_EQ(text("${WEIR_TEST_SECRET}${WEIR_TEST_NONE}").find("a@b"), std::string::npos);
}

TEST_F(ExpandTest, InTheFileAndOnTheCommandLine) {
  const auto file_settings = parse_config(
      "upstream: postgresql://me:${WEIR_TEST_SECRET}@db\nemit:\n"
      "  - uri: kafka://k:9092/p\n    kafka:\n      sasl.password: ${file:" +
          file + "}\n",
      "weir.yaml");
  ASSERT_TRUE(file_settings) << file_settings.error().message;
  const auto settings = settle({.file = *file_settings});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->credentials.password, "a@b/c:d%");
  EXPECT_EQ(settings->emit.at(0).own.at("sasl.password"), "from the file");

  const auto line = parse_command_line({"--upstream", "postgresql://db", "--emit", "kafka://k:9092/p",
                                        "--emit.kafka.sasl.password", "${WEIR_TEST_SECRET}"});
  ASSERT_TRUE(line);
  const auto from_line = settle({.command_line = line->assignments});
  ASSERT_TRUE(from_line) << from_line.error().message;
  EXPECT_EQ(from_line->emit.at(0).own.at("sasl.password"), "a@b/c:d%");
}

TEST_F(ExpandTest, AWrongValueIsShownAsItWasWritten) {
  const auto settings = parse_config("log: {level: \"${WEIR_TEST_SECRET}\"}\n", "weir.yaml");
  ASSERT_TRUE(settings) << settings.error().message;
  const auto settled = settle({.file = *settings});
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().message,
            "weir.yaml:1: log.level must be debug, info, warn or error (given: \"${WEIR_TEST_SECRET}\")");
}

}  // namespace
}  // namespace weir::proxy
