// Weir's metrics: one table of families, and the page that Prometheus reads, made from a snapshot by that table. The
// README's list is the same table (a test holds it), so a metric that is there is described. Pure.
#pragma once

#include <span>
#include <string>

#include "proxy/admin/snapshot.h"
#include "proxy/counts/metrics_text.h"

namespace weir::proxy {

std::span<const MetricFamily> metric_families();
std::string metrics_page(const Snapshot& snapshot, MetricsText::Format format);
/// The table in Markdown, as it stands in README.md.
std::string metrics_reference();

}  // namespace weir::proxy
