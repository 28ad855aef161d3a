// All that is shown of a running Weir, as it stood at one moment: what /metrics, /readyz, the page and SHOW are made
// from. Plain values, taken by whoever composes Weir; no secret and no value of a row is among them but where
// `admin.events` asks for rows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proxy/counts/commit_counts.h"
#include "proxy/counts/destination_counts.h"
#include "proxy/counts/stream_counts.h"
#include "proxy/process/counters.h"

namespace weir::proxy {

struct SessionRow {
  std::uint64_t id = 0;
  std::string user;
  std::string database;
  std::string application_name;
  std::string client;
  bool captured = false;
  std::int64_t since_us = 0;
  std::uint64_t client_bytes = 0;
  std::uint64_t upstream_bytes = 0;
  std::uint64_t transactions = 0;
  std::uint64_t events = 0;
};

/// The system's numbers of this process.
struct ProcessNumbers {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t max_descriptors = 0;
  std::uint64_t threads = 0;
  double started_at = 0;  ///< seconds since the epoch
};

struct Snapshot {
  std::int64_t now_us = 0;
  std::string version;
  std::string instance;
  ProcessNumbers process;

  struct Connections {
    bool listening = false;  ///< new clients are taken
    std::string addresses;
    std::uint64_t opened = 0;
    std::uint64_t closed = 0;
    std::uint64_t cancel_requests = 0;
    std::map<std::string, std::uint64_t> refused;  ///< by reason
    std::uint64_t client_bytes = 0;
    std::uint64_t upstream_bytes = 0;
  } connections;
  std::vector<SessionRow> sessions;  ///< those that are logged in

  struct Upstream {
    bool asked = false;
    bool answers = false;
    std::string trouble;
    std::int64_t asked_us = 0;
  } upstream;

  bool capturing = false;
  CommitCounts::Value commits;
  StreamCounts::Value stream;
  struct Doubts {
    std::uint64_t transactions = 0;
    std::uint64_t waiting = 0;  ///< that committed, and stand behind them
    std::int64_t oldest_us = 0;
    std::string reason;
  } doubts;
  struct Journal {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t max_bytes = 0;  ///< 0: no limit
    std::string trouble;          ///< why nothing can be written; empty: it can
  } journal;
  event::Position last_position = 0;  ///< of the stream, an earlier run's included
  std::vector<DestinationCounts::Value> destinations;

  struct Tracing {
    bool on = false;
    std::uint64_t sent = 0;  ///< spans
    std::uint64_t dropped = 0;
  } tracing;

  std::vector<Counters::Family> more;  ///< what others count, for Prometheus
  struct Setting {
    std::string key;
    std::string value;  ///< never a secret
    std::string source;
  };
  std::vector<Setting> config;

  /// Since when the oldest transaction waits that some destination does not have; 0: none does.
  std::int64_t oldest_undelivered_us() const;
  event::Position lag(const DestinationCounts::Value& destination) const {
    return last_position > destination.durable ? last_position - destination.durable : 0;
  }
};

}  // namespace weir::proxy
