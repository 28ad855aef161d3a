// A span as OpenTelemetry has it: something that took time, within a trace. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace weir::proxy {

struct SpanAttribute {
  std::string key;
  std::variant<std::string, std::int64_t> value;
};

struct SpanLink {
  std::string trace_id;
  std::string span_id;
};

struct Span {
  enum class Kind { client = 3, producer = 4 };  ///< the numbers are OTLP's

  std::string trace_id;  ///< 32 hexadecimal digits
  std::string id;        ///< 16
  std::string parent_id;
  bool parent_is_remote = false;  ///< it is not one of Weir's own
  std::string state;              ///< tracestate
  std::string name;
  Kind kind = Kind::client;
  std::int64_t start_us = 0;  ///< microseconds since the epoch, UTC
  std::int64_t end_us = 0;
  std::vector<SpanAttribute> attributes;
  std::vector<SpanLink> links;
};

}  // namespace weir::proxy
