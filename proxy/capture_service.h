// Everything that capturing needs around the sessions: journal, committer, resolver and one delivery per destination,
// composed from the settings. The I/O side knows nothing of it but the engines that it makes.
//
// start() opens the journal and the destinations and starts their threads. make_engine() is called on worker threads.
// stop() comes after the last engine is gone.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/sql/statement_cache.h"
#include "proxy/admin/line_stream.h"
#include "proxy/admin/snapshot.h"
#include "proxy/capture_rules.h"
#include "proxy/coming_journal.h"
#include "proxy/commit/committer.h"
#include "proxy/commit/subscriptions.h"
#include "proxy/delivery/deliveries.h"
#include "proxy/doubt/askable_sessions.h"
#include "proxy/doubt/resolver.h"
#include "proxy/io/engine_factory.h"
#include "proxy/process/notices.h"
#include "proxy/replay_request.h"
#include "proxy/settings/settings.h"
#include "proxy/tracing/tracer.h"

namespace weir::proxy {

class CaptureService {
 public:
  /// `on_output_gone`: the only destination is a stdout that nobody reads any more; called on a delivery's thread,
  /// once.
  /// `notices` outlive it.
  static Result<std::unique_ptr<CaptureService>> start(const Settings& settings, unsigned workers, Notices& notices,
                                                       std::function<void()> on_output_gone = {});
  /// The same without journal and destinations, which are another Weir's still: sessions read, and wait with the rest.
  static std::unique_ptr<CaptureService> make(const Settings& settings, unsigned workers, Notices& notices,
                                              std::function<void()> on_output_gone = {});
  /// Opens those, once. By the thread that changes them.
  Result<void> open();
  /// open() did not come in time: sessions that wait give up.
  void open_is_late() { coming_.late(); }
  ~CaptureService();

  /// False: sessions of this database are only relayed.
  bool captures(const std::string& database) const { return rules_.scope().captures_database(database); }
  std::unique_ptr<wire::Engine> make_engine(const SessionInfo& info);
  /// Reads the stream from now on, beside the destinations; ends before this does.
  /// Once open() has returned.
  Result<std::unique_ptr<capture::StreamReader>> subscribe(Subscriptions::Options options);
  /// Lines of the stream, by a query (proxy/tail); `wake` is called when there may be more. End before this does.
  Result<std::unique_ptr<LineStream>> open_lines(const std::string& query, std::function<void()> wake);
  /// Which stretch of the stream is sent again from now on (delivery.h); with dry_run, would be. Any thread.
  Result<Replay> replay(const ReplayRequest& request);
  /// Fills in what it knows. Any thread.
  void describe(Snapshot& now) const;
  /// Somebody looks at the last events.
  void watched();
  /// Any thread. Fails where there is no destination of this name.
  Result<void> pause(const std::string& destination, bool is_paused);
  /// All that can fail of a change to other settings (deliveries.h); nothing that runs is touched.
  Result<std::unique_ptr<Deliveries::Change>> prepare(const Settings& settings);
  /// Then what may change of them holds: the rules (capture_rules.h), which databases new sessions are captured of, and
  /// the destinations. May take as long as these need to confirm what is under way.
  void change(const Settings& settings, std::unique_ptr<Deliveries::Change> destinations);
  /// As Deliveries has it.
  Result<void> forget(const std::string& destination);
  /// Files that were moved away are begun anew at once, and not only with the next event.
  void reopen_files();
  /// Lets the destinations take what is left, at most so long. False: some of it is lost, because the journal is a
  /// temporary one.
  [[nodiscard]] bool stop(std::chrono::milliseconds at_most);
  /// For another Weir that goes on with this journal: the destinations confirm what is under way, and begin no more.
  /// Nothing where the journal is a temporary one, which ends with this Weir: stop() delivers it.
  void hand_over(std::chrono::milliseconds at_most);

 private:
  explicit CaptureService(Notices& notices) : notices_(notices), rules_(notices.teller()) {}
  Result<void> open_journal(const Settings& settings);
  Result<void> open_destinations(const Settings& settings);
  Result<void> start_tracer(event::Position newest);
  Result<void> run();
  bool is_open() const { return coming_.get() != nullptr; }
  bool end_outcomes(std::chrono::milliseconds at_most);

  Notices& notices_;
  capture::Journal journal_;  // until the committer has it
  std::string journal_name_;
  std::string instance_;
  capture::Durability durability_ = capture::Durability::answer;
  bool journal_stays_ = false;
  bool stopped_ = false;
  std::unique_ptr<Subscriptions> subscriptions_;
  std::unique_ptr<Tracer> tracer_;  // null: off
  std::unique_ptr<Deliveries> deliveries_;
  AskableSessions askable_sessions_;
  std::unique_ptr<Resolver> resolver_;
  ComingJournal coming_;
  std::unique_ptr<Committer> committer_;  // stopped before what its thread calls goes away

  CaptureRules rules_;
  std::vector<std::unique_ptr<capture::StatementCache>> statements_;  // one for each worker
  std::atomic<std::uint64_t> catalog_epoch_{0};
  Settings settings_;
  std::function<void()> on_output_gone_;
};

}  // namespace weir::proxy
