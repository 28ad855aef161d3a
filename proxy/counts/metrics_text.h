// Writes metrics as Prometheus reads them: its own text format (version 0.0.4), or OpenMetrics 1.0.0 for who asks for
// it. Knows nothing of what is measured.
//
// A family is begun with its row of a table (metric_families.h), then come its samples. Names of counters end in
// `_total`, which OpenMetrics leaves out of the family's name. Label values may be any text. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/counts/histogram.h"
#include "proxy/process/counters.h"

namespace weir::proxy {

struct MetricFamily {
  enum class Type { counter, gauge, histogram, info };
  std::string_view name;  ///< as samples have it: with _total, and _info; histograms without _bucket
  Type type;
  std::string_view unit;  ///< "seconds", "bytes", or empty; the name has it too
  std::string_view help;
};

class MetricsText {
 public:
  enum class Format { prometheus, openmetrics };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit MetricsText(Format format) : format_(format) {}

  void begin(const MetricFamily& family);
  void sample(Labels labels, double value);
  void sample(double value) { sample({}, value); }
  void histogram(Labels labels, const Histogram::Value& value);
  /// A family that somebody else counts, with all its samples.
  void all_of(const Counters::Family& family);
  /// What was written; nothing may follow.
  std::string finish();

 private:
  void line(std::string_view suffix, const auto& labels, std::string_view le, double value);

  const Format format_;
  const MetricFamily* family_ = nullptr;
  std::string text_;
};

/// "text/plain; version=0.0.4; charset=utf-8" or OpenMetrics' own.
std::string_view content_type(MetricsText::Format format);
/// By the Accept header of a request: what Prometheus sends asks for OpenMetrics before plain text.
MetricsText::Format accepted_format(std::string_view accept);

}  // namespace weir::proxy
