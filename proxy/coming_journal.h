// The journal of this Weir, which another one may have still (proxy/takeover): whoever needs it is told when it is
// there, or that it does not come in time. Any thread; `came` and `late` once, by whoever opens it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/commit/committer.h"

namespace weir::proxy {

class ComingJournal {
 public:
  /// Null as long as it is not there.
  Committer* get() const { return committer_.load(); }
  /// Called with true once it is there, at once where it is; before that with false, where whoever waits is to give up.
  void when_known(std::function<void(bool there)> tell);
  void came(Committer& committer);
  /// Those who wait have waited long enough, and those who come do not wait at all; it may come all the same.
  void late();

 private:
  void tell_all(bool there);

  std::atomic<Committer*> committer_ = nullptr;
  std::mutex mutex_;
  bool late_ = false;
  std::vector<std::function<void(bool)>> waiting_;
};

/// A gate that is made when the journal is there. What is opened before, against all that early_reads.h lets pass, is
/// refused at its commit.
class ComingGate final : public capture::CommitGate {
 public:
  using Make = std::function<std::unique_ptr<capture::CommitGate>(Committer&)>;

  ComingGate(ComingJournal& journal, Make make) : journal_(journal), make_(std::move(make)) {}

  std::int64_t open() override { return is_there() ? gate_->open() : kNone; }
  void append(std::int64_t id, std::vector<event::ChangeEvent> events) override {
    if (id != kNone) gate_->append(id, std::move(events));
  }
  void truncate(std::int64_t id, std::uint32_t ordinal) override {
    if (id != kNone) gate_->truncate(id, ordinal);
  }
  std::optional<Result<void>> prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) override {
    if (transaction.id != kNone) return gate_->prepare(std::move(transaction), std::move(rest));
    return Result<void>(
        Error{"the journal of the proxy is not there yet, so this transaction is not committed", "58030"});
  }
  bool may_be_told(std::int64_t id) override { return id == kNone || gate_->may_be_told(id); }
  void reopen(std::int64_t id) override {
    if (id != kNone) gate_->reopen(id);
  }
  void outcome(std::int64_t id, capture::Outcome outcome) override {
    if (id != kNone) gate_->outcome(id, outcome);
  }
  void report(event::Transaction transaction, event::ChangeEvent gap) override;

 private:
  static constexpr std::int64_t kNone = -1;
  bool is_there();

  ComingJournal& journal_;
  const Make make_;
  std::unique_ptr<capture::CommitGate> gate_;
};

}  // namespace weir::proxy
