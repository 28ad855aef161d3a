// Patterns of the configuration that match nothing: a typo in capture.exclude_columns would send the secret out.
//
// When the first session of a database stands between two transactions, it is asked which patterns match no table,
// column or database of the catalog; each of those is a warning, once per run of Weir and database. The question reads
// names from the catalog, in hex, and so evaluates nothing that a user could define and depends on no encoding.
// Thread-safe: sessions of all workers share one. Outlives them.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/notice.h"
#include "capture/scope.h"
#include "capture/session/session.h"

namespace weir::proxy {

class PatternCheck {
 public:
  /// `tell` is called on the threads of sessions.
  explicit PatternCheck(
      const capture::Scope& scope, Tell tell = [](const Notice&) {});

  /// The question for a session of this database, where nobody has asked it yet. Whoever has it asks it in its session
  /// or gives it back.
  std::optional<capture::Question> take(const std::string& database);
  void give_back(const std::string& database);

 private:
  struct Pattern {
    std::string setting;  ///< "capture.exclude_columns"
    std::string text;
    std::string hex;              ///< of what the server compares with: LIKE's form of it, in UTF-8
    bool said = false;            ///< that there is no such database
    std::string matched_in = {};  ///< the first database where it did
  };

  void add(const std::string& setting, const std::vector<std::string>& patterns);
  std::string listed(std::string_view setting) const;
  void answered(const std::string& database, const Result<std::vector<capture::Question::Row>>& rows);
  std::string warning(const Pattern& pattern, const std::string& database) const;

  const Tell tell_;
  std::mutex mutex_;
  std::vector<Pattern> patterns_;
  std::map<std::string, bool> asked_;  // databases, and whether the answer has come
};

/// `*` and `?` as LIKE has them; everything else stands for itself.
std::string like_pattern(const std::string& pattern);

}  // namespace weir::proxy
