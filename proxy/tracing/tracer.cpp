#include "proxy/tracing/tracer.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "proxy/process/clock.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

/// Of a transaction, so many events are looked at.
constexpr std::size_t kEventsLookedAt = 256;
/// What is older than so many transactions is not looked at any more.
constexpr event::Position kMostBehind = 20'000;
/// What is released within this time is read at once.
constexpr std::chrono::milliseconds kGather{50};
constexpr std::chrono::milliseconds kLongestWait{1'000};
/// What destinations told and nobody took yet; beyond it the last one grows.
constexpr std::size_t kMostTold = 4'096;

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  while (getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
  }
  return bits;
}

/// Without what may be a password.
std::string name_of(const std::string& url) {
  const auto scheme = url.find("://");
  const auto path = url.find('/', scheme + 3);
  const auto at = url.rfind('@', path);
  const auto begin = at == url.npos ? scheme + 3 : at + 1;
  return "the collector at " + url.substr(begin, path == url.npos ? path : path - begin);
}

}  // namespace

struct Tracer::Inbox {
  enum class What { begins, delivered, ends };
  struct Told {
    What what;
    std::string destination;
    std::string system;
    event::Position through = 0;
    std::int64_t at_us = 0;
  };

  explicit Inbox(const CollectorConnection::Options& options) : connection(options) {}

  void put(Told one) {
    {
      const std::lock_guard lock(mutex);
      const bool grows = told.size() >= kMostTold && one.what == What::delivered &&
                         told.back().what == What::delivered && told.back().destination == one.destination;
      if (grows) {
        told.back() = std::move(one);
      } else {
        told.push_back(std::move(one));
      }
    }
    wake();
  }
  void wake() {
    if (!woken.exchange(true)) connection.wake();
  }
  std::vector<Told> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(told, {});
  }

  CollectorConnection connection;
  std::atomic<bool> woken{false};
  std::mutex mutex;
  std::vector<Told> told;
};

/// One destination, as long as its delivery keeps what delivery() gave.
struct Tracer::Delivered {
  std::shared_ptr<Inbox> inbox;
  std::string name;

  Delivered(std::shared_ptr<Inbox> told, std::string destination, const std::string& system)
      : inbox(std::move(told)), name(std::move(destination)) {
    inbox->put({Inbox::What::begins, name, system});
  }
  Delivered(const Delivered&) = delete;
  Delivered& operator=(const Delivered&) = delete;
  ~Delivered() { inbox->put({Inbox::What::ends, name, {}}); }
};

Tracer::Tracer(Options options)
    : options_(std::move(options)),
      inbox_(std::make_shared<Inbox>(
          CollectorConnection::Options{options_.url, options_.headers, "weir/" + options_.source.version})),
      spans_(random_bits),
      queue_(name_of(options_.url)) {}

void Tracer::start(event::Position after) {
  after_ = after;
  thread_ = start_thread("weir-tracing", [this] { run(); });
}

void Tracer::stop(std::chrono::milliseconds at_most) {
  if (!thread_.joinable()) return;
  stopping_ = true;
  inbox_->woken = true;
  inbox_->connection.wake();
  thread_.join();
  look();
  for (const auto end = Clock::now() + at_most; !queue_.empty() && Clock::now() < end;) {
    send(true);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    const auto answer = inbox_->connection.wait(std::max(left, std::chrono::milliseconds(0)));
    if (!answer) continue;
    queue_.answered(*answer, Clock::now());
    if (answer->status / 100 != 2) break;
  }
  for (const auto& notice : queue_.take_notices()) options_.tell(notice);
  reader_.reset();
}

void Tracer::wake() {
  inbox_->wake();
}

std::function<void(event::Position)> Tracer::delivery(const std::string& name, const std::string& system) {
  return [one = std::make_shared<Delivered>(inbox_, name, system)](event::Position through) {
    one->inbox->put({Inbox::What::delivered, one->name, {}, through, wall_us()});
  };
}

void Tracer::run() {
  while (!stopping_) {
    if (const auto answer = inbox_->connection.wait(patience())) queue_.answered(*answer, Clock::now());
    if (inbox_->woken && !stopping_) {
      std::this_thread::sleep_for(kGather);
      inbox_->woken = false;
      look();
    }
    send(false);
    for (const auto& notice : queue_.take_notices()) options_.tell(notice);
  }
}

std::chrono::milliseconds Tracer::patience() const {
  const auto due = queue_.due();
  if (!due) return kLongestWait;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now());
  return std::clamp(left, std::chrono::milliseconds(0), kLongestWait);
}

/// What was told is taken first: all that it speaks of has been released by then.
void Tracer::look() {
  const auto told = inbox_->take();
  for (const auto& one : told)
    if (one.what == Inbox::What::begins) spans_.begin_destination(one.destination, one.system);
  std::vector<Span> spans;
  read_stream(spans);
  for (const auto& one : told) {
    if (one.what == Inbox::What::delivered) spans_.delivered(one.destination, one.through, one.at_us, spans);
    if (one.what == Inbox::What::ends) spans_.end_destination(one.destination);
  }
  queue_.add(std::move(spans), Clock::now());
  queue_.count_dropped(spans_.given_up() - std::exchange(given_up_, spans_.given_up()));
  dropped_.store(queue_.dropped(), std::memory_order_relaxed);
}

void Tracer::read_stream(std::vector<Span>& spans) {
  const auto fail = [&](const Error& error) {
    if (std::exchange(trouble_, error.message) != error.message)
      options_.tell({Notice::Level::warning, "tracing: cannot read the stream: " + error.message});
  };
  for (;;) {
    if (const auto behind = options_.newest() - after_; behind > kMostBehind) {
      after_ += behind;
      queue_.count_dropped(static_cast<std::uint64_t>(behind));
      options_.tell({Notice::Level::warning,
                     "tracing does not keep up: " + counted(static_cast<std::uint64_t>(behind), "transaction") +
                         " were not looked at",
                     "tracing does not keep up"});
    }
    const auto next = reader_->next(after_);
    if (!next) return fail(next.error());
    if (!*next) return trouble_.clear();
    const auto& transaction = **next;
    const auto events = reader_->events(transaction.id, 0, kEventsLookedAt);
    if (!events) return fail(events.error());
    spans_.committed(transaction, events->events, spans);
    after_ = transaction.position;
  }
}

void Tracer::send(bool last) {
  if (const auto* batch = queue_.next(Clock::now(), last)) inbox_->connection.post(otlp_json(options_.source, *batch));
  sent_.store(queue_.sent(), std::memory_order_relaxed);
  dropped_.store(queue_.dropped(), std::memory_order_relaxed);
}

}  // namespace weir::proxy
