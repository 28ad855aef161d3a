// The runs of the database server that Weir has seen, in their order, from one recovery to the next
// (capture/server_run.h). The first that follows the one a transaction was written in decides about it: later ones can
// only have lost less.
//
// A run is seen when a transaction of it is about to be journalled, and when the server answers a question. It is kept
// (in the journal's book) before anybody goes on with it: what is written in a run is judged by it. Any thread may use
// it; who sees a run that is just being kept waits for that.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/server_run.h"

namespace weir::proxy {

class ServerRuns {
 public:
  using Keep = std::function<Result<void>(std::string_view text)>;

  explicit ServerRuns(Keep keep = [](std::string_view) { return Result<void>(); }) : keep_(std::move(keep)) {}

  /// One that is kept already, or is not to be. False where it was there, or is no run at all. The session's own notes
  /// in it do not count.
  bool add(std::string_view text);
  /// Keeps it where it was not seen before. On an error it was not seen, and the next one tries again.
  Result<void> see(std::string_view text);
  /// Those seen behind this one; nothing where it was not seen.
  std::vector<capture::ServerRun> after(const capture::ServerRun& run) const;

 private:
  Result<bool> add(std::string_view text, const Keep* keep);

  const Keep keep_;
  mutable std::mutex mutex_;
  std::string last_;  // the text that came last: it comes again and again
  std::vector<capture::ServerRun> runs_;
};

}  // namespace weir::proxy
