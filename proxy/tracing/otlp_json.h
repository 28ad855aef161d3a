// Spans as the body of an OTLP/HTTP request in JSON (content type application/json), and what its answer says.
// Pure: the same spans make the same bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/tracing/span.h"

namespace weir::proxy {

/// Who speaks: the resource and the scope of all spans.
struct TraceSource {
  std::string version;   ///< Weir's
  std::string instance;  ///< the journal's
};

std::string otlp_json(const TraceSource& source, std::span<const Span> spans);

/// Of an answer with status 200: what the collector did not take.
struct PartialSuccess {
  std::uint64_t rejected = 0;
  std::string message;
};
PartialSuccess partial_success_of(std::string_view body);

}  // namespace weir::proxy
