#include "proxy/tracing/otlp_json.h"

#include <charconv>

#include "capture/event/json_members.h"

namespace weir::proxy {

namespace {

using event::append_json_string;

// SpanFlags: sampled; whether the parent is remote is known, and whether it is.
constexpr unsigned kSampled = 0x1;
constexpr unsigned kRemoteKnown = 0x100;
constexpr unsigned kRemote = 0x200;

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
}

void append_attribute(std::string& out, const SpanAttribute& one) {
  out += '{';
  append_member(out, "key", one.key);
  out += ",\"value\":{";
  // A number of 64 bits is text in JSON.
  if (const auto* number = std::get_if<std::int64_t>(&one.value)) {
    append_member(out, "intValue", std::to_string(*number));
  } else {
    append_member(out, "stringValue", std::get<std::string>(one.value));
  }
  out += "}}";
}

template <typename Parts, typename Append>
void append_list(std::string& out, std::string_view name, const Parts& parts, Append append) {
  append_json_string(out, name);
  out += ":[";
  bool first = true;
  for (const auto& one : parts) {
    if (!first) out += ',';
    first = false;
    append(out, one);
  }
  out += ']';
}

void append_link(std::string& out, const SpanLink& link) {
  out += '{';
  append_member(out, "traceId", link.trace_id);
  out += ',';
  append_member(out, "spanId", link.span_id);
  out += '}';
}

std::string nanoseconds(std::int64_t us) {
  return std::to_string(us * 1'000);
}

void append_span(std::string& out, const Span& span) {
  out += '{';
  append_member(out, "traceId", span.trace_id);
  out += ',';
  append_member(out, "spanId", span.id);
  out += ',';
  append_member(out, "parentSpanId", span.parent_id);
  out += ',';
  if (!span.state.empty()) {
    append_member(out, "traceState", span.state);
    out += ',';
  }
  out += "\"flags\":" + std::to_string(kSampled | kRemoteKnown | (span.parent_is_remote ? kRemote : 0)) + ',';
  append_member(out, "name", span.name);
  out += ",\"kind\":" + std::to_string(static_cast<int>(span.kind)) + ',';
  append_member(out, "startTimeUnixNano", nanoseconds(span.start_us));
  out += ',';
  append_member(out, "endTimeUnixNano", nanoseconds(span.end_us));
  out += ',';
  append_list(out, "attributes", span.attributes, append_attribute);
  if (!span.links.empty()) {
    out += ',';
    append_list(out, "links", span.links, append_link);
  }
  out += '}';
}

}  // namespace

std::string otlp_json(const TraceSource& source, std::span<const Span> spans) {
  const SpanAttribute resource[] = {
      {"service.name", "weir"}, {"service.version", source.version}, {"service.instance.id", source.instance}};
  std::string out = "{\"resourceSpans\":[{\"resource\":{";
  append_list(out, "attributes", resource, append_attribute);
  out += "},\"scopeSpans\":[{\"scope\":{\"name\":\"weir\",";
  append_member(out, "version", source.version);
  out += "},";
  append_list(out, "spans", spans, append_span);
  out += "}]}]}";
  return out;
}

PartialSuccess partial_success_of(std::string_view body) {
  PartialSuccess partial;
  const auto member = event::find_member(body, "partialSuccess");
  if (!member) return partial;
  // As text, or as the number that some collectors write.
  auto digits = event::find_member(*member, "rejectedSpans").value_or("");
  if (digits.size() > 1 && digits.front() == '"') digits = digits.substr(1, digits.size() - 2);
  std::from_chars(digits.data(), digits.data() + digits.size(), partial.rejected);
  const auto message = event::find_member(*member, "errorMessage").value_or("");
  if (message.size() > 1 && message.front() == '"')
    partial.message = event::unescape_json(message.substr(1, message.size() - 2));
  return partial;
}

}  // namespace weir::proxy
