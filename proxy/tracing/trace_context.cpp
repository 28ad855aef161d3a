#include "proxy/tracing/trace_context.h"

#include <algorithm>

#include "capture/event/json_members.h"

namespace weir::proxy {

namespace {

/// Of tracestate; one that is longer may be left out.
constexpr std::size_t kLongestState = 512;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == text.npos;
}

std::string text_of(std::string_view tags, std::string_view name) {
  const auto raw = event::find_member(tags, name);
  if (!raw || raw->size() < 2 || raw->front() != '"') return {};
  return event::unescape_json(raw->substr(1, raw->size() - 2));
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  constexpr std::size_t kLength = 55;
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const auto version = text.substr(0, 2);
  const auto trace = text.substr(3, 32);
  const auto span = text.substr(36, 16);
  const auto flags = text.substr(53, 2);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(span) || !is_hex(flags)) return std::nullopt;
  // A later version may say more, behind a hyphen.
  const bool has_more = text.size() > kLength;
  if (version == "ff" || (has_more && (version == "00" || text[kLength] != '-'))) return std::nullopt;
  if (is_zero(trace) || is_zero(span)) return std::nullopt;
  const auto last = flags[1];
  const int digit = last <= '9' ? last - '0' : last - 'a' + 10;
  return TraceContext{std::string(trace), std::string(span), (digit & 1) != 0, {}};
}

std::optional<TraceContext> trace_context_of(std::string_view tags) {
  if (tags.find("\"traceparent\"") == tags.npos) return std::nullopt;
  auto context = parse_traceparent(text_of(tags, "traceparent"));
  if (!context) return std::nullopt;
  auto state = text_of(tags, "tracestate");
  if (state.size() <= kLongestState) context->state = std::move(state);
  return context;
}

}  // namespace weir::proxy
