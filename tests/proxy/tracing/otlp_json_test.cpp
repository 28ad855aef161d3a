// Spans as the bytes of a request, and what an answer to it says.
#include "proxy/tracing/otlp_json.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

Span span() {
  Span made;
  made.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  made.id = "0000000000000001";
  made.parent_id = "00f067aa0ba902b7";
  made.name = "COMMIT shop";
  made.start_us = 1795247617702980;
  made.end_us = 1795247617703000;
  return made;
}

TEST(OtlpJson, OfOneSpan) {
  Span one = span();
  one.parent_is_remote = true;
  one.state = "a=\"1\"";
  one.attributes = {{"db.namespace", "shop"}, {"weir.events", std::int64_t{3}}};
  one.links = {{"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b8"}};
  EXPECT_EQ(
      otlp_json({"1.2", "journal-1"}, {&one, 1}),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"weir"}},)"
      R"({"key":"service.version","value":{"stringValue":"1.2"}},)"
      R"({"key":"service.instance.id","value":{"stringValue":"journal-1"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"weir","version":"1.2"},"spans":[)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"0000000000000001","parentSpanId":"00f067aa0ba902b7",)"
      R"("traceState":"a=\"1\"","flags":769,"name":"COMMIT shop","kind":3,)"
      R"("startTimeUnixNano":"1795247617702980000","endTimeUnixNano":"1795247617703000000",)"
      R"("attributes":[{"key":"db.namespace","value":{"stringValue":"shop"}},)"
      R"({"key":"weir.events","value":{"intValue":"3"}}],)"
      R"("links":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b8"}]}]}]}]})");
}

TEST(OtlpJson, WithNothingThatIsOptional) {
  const Span two[] = {span(), span()};
  const std::string one =
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"0000000000000001","parentSpanId":"00f067aa0ba902b7",)"
      R"("flags":257,"name":"COMMIT shop","kind":3,"startTimeUnixNano":"1795247617702980000",)"
      R"("endTimeUnixNano":"1795247617703000000","attributes":[]})";
  EXPECT_NE(otlp_json({"1", "i"}, two).find("\"spans\":[" + one + "," + one + "]}"), std::string::npos);
}

TEST(OtlpJson, AnAnswerMaySayThatSomeWereRejected) {
  const auto partial = partial_success_of(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too \"old\""}})");
  EXPECT_EQ(partial.rejected, 3u);
  EXPECT_EQ(partial.message, "too \"old\"");
  EXPECT_EQ(partial_success_of(R"({"partialSuccess":{"rejectedSpans":2}})").rejected, 2u);
  for (const char* none : {"", "{}", R"({"partialSuccess":null})", R"({"partialSuccess":{}})", "no JSON",
                           R"({"partialSuccess":{"rejectedSpans":"-1"}})", R"({"partialSuccess":{"rejectedSpans":"}})"})
    EXPECT_EQ(partial_success_of(none).rejected, 0u) << none;
}

}  // namespace
}  // namespace weir::proxy
