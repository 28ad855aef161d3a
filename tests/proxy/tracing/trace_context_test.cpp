// traceparent and tracestate as applications write them into comments, well and badly.
#include "proxy/tracing/trace_context.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

constexpr const char* kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr const char* kSpan = "00f067aa0ba902b7";

std::string parent(const std::string& flags) {
  return std::string("00-") + kTrace + "-" + kSpan + "-" + flags;
}

TEST(TraceContext, OfAWellFormedTraceparent) {
  const auto context = parse_traceparent(parent("01"));
  ASSERT_TRUE(context);
  EXPECT_EQ(*context, (TraceContext{kTrace, kSpan, true, ""}));
}

TEST(TraceContext, OnlyTheLastBitOfTheFlagsSaysThatItIsSampled) {
  for (const char* flags : {"01", "03", "ff", "0d"}) EXPECT_TRUE(parse_traceparent(parent(flags))->sampled) << flags;
  for (const char* flags : {"00", "02", "fe", "1c"}) EXPECT_FALSE(parse_traceparent(parent(flags))->sampled) << flags;
}

TEST(TraceContext, ALaterVersionMaySayMore) {
  const std::string rest = parent("01").substr(2);
  EXPECT_TRUE(parse_traceparent("01" + rest));
  EXPECT_TRUE(parse_traceparent("cc" + rest + "-what-the-future-brings"));
  EXPECT_FALSE(parse_traceparent("cc" + rest + ".x"));
  EXPECT_FALSE(parse_traceparent("00" + rest + "-x")) << "version 00 ends there";
  EXPECT_FALSE(parse_traceparent("ff" + rest)) << "no version";
}

TEST(TraceContext, WhatIsMalformedIsNone) {
  const auto good = parent("01");
  for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(parse_traceparent(good.substr(0, length)));
  for (std::size_t place = 0; place < good.size(); ++place) {
    auto bad = good;
    bad[place] = 'G';
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
  }
  EXPECT_FALSE(parse_traceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")) << "capital letters";
  EXPECT_FALSE(parse_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
}

TEST(TraceContext, OfAnEventsTags) {
  const auto tags = [](const std::string& state) {
    return R"({"route":"/pay","traceparent":")" + parent("01") + R"(","tracestate":")" + state + "\"}";
  };
  EXPECT_EQ(trace_context_of(tags(R"(a=\"1\")"))->state, R"(a="1")");
  EXPECT_EQ(trace_context_of(tags(std::string(513, 's')))->state, "") << "longer than anybody must carry";
  EXPECT_FALSE(trace_context_of(R"({"route":"/pay"})"));
  EXPECT_FALSE(trace_context_of(R"({"traceparent":7})"));
  EXPECT_FALSE(trace_context_of(R"({"traceparent":")"));
  EXPECT_FALSE(trace_context_of(""));
}

}  // namespace
}  // namespace weir::proxy
