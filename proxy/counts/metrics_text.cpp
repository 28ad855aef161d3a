#include "proxy/counts/metrics_text.h"

#include <array>
#include <charconv>
#include <utility>

namespace weir::proxy {

namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append_number(std::string& out, double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

/// OpenMetrics wants a float to be seen as one.
std::string bound_text(double seconds) {
  std::string bound;
  append_number(bound, seconds);
  if (bound.find_first_of(".e") == std::string::npos) bound += ".0";
  return bound;
}

std::string_view word_of(MetricFamily::Type type, MetricsText::Format format) {
  switch (type) {
    case MetricFamily::Type::counter:
      return "counter";
    case MetricFamily::Type::histogram:
      return "histogram";
    case MetricFamily::Type::info:
      return format == MetricsText::Format::openmetrics ? "info" : "gauge";
    case MetricFamily::Type::gauge:
      break;
  }
  return "gauge";
}

std::string_view without(std::string_view name, std::string_view ending) {
  if (name.ends_with(ending)) name.remove_suffix(ending.size());
  return name;
}

}  // namespace

void MetricsText::begin(const MetricFamily& family) {
  family_ = &family;
  std::string name(family.name);
  if (format_ == Format::openmetrics) name = without(without(name, "_total"), "_info");
  text_ += "# TYPE " + name + " ";
  text_ += word_of(family.type, format_);
  if (format_ == Format::openmetrics && !family.unit.empty()) {
    text_ += "\n# UNIT " + name + " ";
    text_ += family.unit;
  }
  text_ += "\n# HELP " + name + " ";
  append_escaped(text_, family.help, format_ == Format::openmetrics);
  text_ += '\n';
}

void MetricsText::line(std::string_view suffix, const auto& labels, std::string_view le, double value) {
  text_ += family_->name;
  text_ += suffix;
  char before = '{';
  for (const auto& [name, text] : labels) {
    text_ += std::exchange(before, ',');
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, text, true);
    text_ += '"';
  }
  if (!le.empty()) {
    text_ += std::exchange(before, ',');
    text_ += "le=\"";
    text_ += le;
    text_ += '"';
  }
  if (before == ',') text_ += '}';
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void MetricsText::sample(Labels labels, double value) {
  line("", labels, "", value);
}

void MetricsText::histogram(Labels labels, const Histogram::Value& value) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < Histogram::kBounds; ++i) {
    sum += value.buckets[i];
    line("_bucket", labels, bound_text(static_cast<double>(Histogram::bounds_us()[i]) / 1e6), static_cast<double>(sum));
  }
  line("_bucket", labels, "+Inf", static_cast<double>(value.count()));
  line("_sum", labels, "", static_cast<double>(value.sum_us) / 1e6);
  line("_count", labels, "", static_cast<double>(value.count()));
}

void MetricsText::all_of(const Counters::Family& all) {
  const MetricFamily family{all.name, MetricFamily::Type::counter, "", all.help};
  begin(family);
  for (const auto& one : all.series) line("", one.labels, "", static_cast<double>(one.value));
  family_ = nullptr;
}

std::string MetricsText::finish() {
  if (format_ == Format::openmetrics) text_ += "# EOF\n";
  return std::move(text_);
}

std::string_view content_type(MetricsText::Format format) {
  return format == MetricsText::Format::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                                    : "text/plain; version=0.0.4; charset=utf-8";
}

MetricsText::Format accepted_format(std::string_view accept) {
  return accept.find("application/openmetrics-text") != std::string_view::npos ? MetricsText::Format::openmetrics
                                                                               : MetricsText::Format::prometheus;
}

}  // namespace weir::proxy
