// The thread that makes spans of committed transactions and sends them to a collector. It reads the stream beside the
// destinations and never holds anybody up: a transaction it has no time for has no spans, and is counted.
//
// Order of life: attach() its reader, start(), then deliveries and wake() from any thread, then stop(), behind the
// destinations' end. What delivery() gives away may outlive it. What decides is in transaction_spans.h and
// span_queue.h.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/notice.h"
#include "capture/journal/tail.h"
#include "proxy/tracing/collector_connection.h"
#include "proxy/tracing/otlp_json.h"
#include "proxy/tracing/span_queue.h"
#include "proxy/tracing/transaction_spans.h"

namespace weir::proxy {

class Tracer {
 public:
  struct Options {
    std::string url;
    std::vector<std::string> headers;
    TraceSource source;
    std::function<event::Position()> newest;  ///< of the stream; any thread
    Tell tell = [](const Notice&) {};
  };
  struct Counts {
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;
  };

  explicit Tracer(Options options);
  ~Tracer() { stop(std::chrono::milliseconds(0)); }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  void attach(std::unique_ptr<capture::StreamReader> reader) { reader_ = std::move(reader); }
  /// Transactions behind this position.
  void start(event::Position after);
  /// Sends what it has, at most so long.
  void stop(std::chrono::milliseconds at_most);

  // From any thread.
  /// Something was released.
  void wake();
  /// A destination begins; to be told up to where it has everything, and destroyed at its end.
  std::function<void(event::Position)> delivery(const std::string& name, const std::string& system);
  Counts counts() const { return {sent_.load(std::memory_order_relaxed), dropped_.load(std::memory_order_relaxed)}; }

 private:
  struct Inbox;
  struct Delivered;
  using Clock = std::chrono::steady_clock;

  void run();
  void look();
  void read_stream(std::vector<Span>& spans);
  void send(bool last);
  std::chrono::milliseconds patience() const;

  const Options options_;
  std::unique_ptr<capture::StreamReader> reader_;
  std::shared_ptr<Inbox> inbox_;  // what deliveries told
  event::Position after_ = 0;
  TransactionSpans spans_;
  SpanQueue queue_;
  std::uint64_t given_up_ = 0;  // that the queue was told of
  std::string trouble_;         // in reading, that was told
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace weir::proxy
