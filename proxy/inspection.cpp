#include "proxy/inspection.h"

#include "base/text.h"
#include "proxy/admin/process_numbers.h"
#include "proxy/process/clock.h"

namespace weir::proxy {

Snapshot Inspection::look() const {
  Snapshot now;
  now.now_us = wall_us();
  now.version = WEIR_VERSION;
  now.process = process_numbers();
  describe_connections(now);
  {
    const std::lock_guard lock(mutex_);
    now.upstream = upstream_;
    for (const auto& one : config_) now.config.push_back({one.key, one.value, one.source});
  }
  if (capturing_ != nullptr) capturing_->describe(now);
  now.more = counters_.read();
  return now;
}

void Inspection::show(std::vector<ShownSetting> config) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
}

void Inspection::describe_connections(Snapshot& now) const {
  auto& shown = now.connections;
  shown.listening = server_.accepting();
  shown.addresses = joined(server_.listening(), ", ", [](const auto& address) { return address.text(); });
  const auto counters = server_.counters();
  shown.opened = counters.sessions_opened;
  shown.closed = counters.sessions_closed;
  shown.cancel_requests = counters.cancel_requests;
  for (std::size_t i = 0; i < counters.refused.size(); ++i)
    shown.refused.emplace(kLoginRefusals[i], counters.refused[i]);
  shown.client_bytes = counters.client_bytes;
  shown.upstream_bytes = counters.upstream_bytes;
  for (auto& row : server_.sessions()) {
    now.sessions.push_back({row.id, std::move(row.user), std::move(row.database), std::move(row.application_name),
                            std::move(row.client), row.captured, row.since_us, row.client_bytes, row.upstream_bytes,
                            row.transactions, row.events});
  }
}

void Inspection::ask_upstream(std::function<void()> asked) {
  server_.probe_upstream([this, asked = std::move(asked)](const Result<void>& answered) {
    {
      const std::lock_guard lock(mutex_);
      upstream_ = {true, static_cast<bool>(answered), answered ? "" : answered.error().message, wall_us()};
    }
    asked();
  });
}

}  // namespace weir::proxy
