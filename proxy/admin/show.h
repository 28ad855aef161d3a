// The console's language: SHOW of what a snapshot holds, and orders. Text in, a table or a tag or an error out; knows
// nothing of the protocol (console.h) and of threads.
//
// Words are read as SQL reads them: in any case, separated by blanks, without comments; a name that is no plain word
// stands in single or double quotes, or runs up to the next blank. What drivers send on their own (SET, BEGIN, COMMIT,
// …) is taken and does nothing.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proxy/admin/snapshot.h"

namespace weir::proxy {

struct ConsoleTable {
  std::vector<std::string> columns;  ///< empty: the statement has no rows
  std::vector<std::vector<std::string>> rows;
};

/// What the console may have done. Any thread.
struct ConsoleOrders {
  /// Called once, on any thread, maybe before the order has returned.
  using Done = std::function<void(Result<ConsoleTable>)>;
  std::function<void(Done done)> reload;  ///< its table has ConsoleStatement's columns
  std::function<void(const std::string& destination, Done done)> forget;
  std::function<Result<void>()> drain;
  std::function<Result<void>(const std::string& destination, bool is_paused)> pause;
  std::function<Result<void>(const std::string& level)> set_log_level;
};

class ConsoleStatement {
 public:
  /// 42601 where it is none of the console's; the hint says what is. An empty one has no tag.
  static Result<ConsoleStatement> parse(std::string_view text);

  /// Known before it runs.
  std::vector<std::string> columns() const;
  Result<ConsoleTable> run(const std::function<Snapshot()>& look, const ConsoleOrders& orders) const;
  /// It takes its time: begin() in the place of run().
  bool takes_time() const { return kind_ == Kind::reload || kind_ == Kind::forget; }
  void begin(const ConsoleOrders& orders, ConsoleOrders::Done done) const;
  /// Of CommandComplete.
  std::string tag() const;
  bool empty() const { return kind_ == Kind::nothing; }

  enum class Kind {
    nothing,
    help,
    sessions,
    destinations,
    tables,
    gaps,
    stats,
    config,
    version,
    reload,
    forget,
    pause,
    resume,
    drain,
    log_level,
    ignored
  };

 private:
  Kind kind_ = Kind::nothing;
  std::string argument_;  // a destination's name, a level, or the tag of what is ignored
};

/// Several in one Query are separated by semicolons that stand in no quotes.
std::vector<std::string> split_statements(std::string_view text);

}  // namespace weir::proxy
