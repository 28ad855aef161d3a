// The trace that a statement belongs to, as its application said in a comment: `traceparent` and `tracestate` of
// SQLCommenter, which are those of W3C's Trace Context. Read from an event's tags; what is malformed is no trace.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy {

struct TraceContext {
  std::string trace_id;  ///< 32 hexadecimal digits
  std::string span_id;   ///< 16: the application's span
  bool sampled = false;  ///< somebody keeps this trace
  std::string state;     ///< tracestate, as it came; empty for none

  bool operator==(const TraceContext&) const = default;
};

/// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
std::optional<TraceContext> parse_traceparent(std::string_view text);
/// Of ChangeEvent::tags.
std::optional<TraceContext> trace_context_of(std::string_view tags);

}  // namespace weir::proxy
