// The statements and portals that Weir makes in the client's session for itself: their names, which of them are there,
// and what was left behind. Not what they mean. Used on the session's thread.
//
// Rule: no name of Weir's own is used twice: only `parse` draws one, and sends it in the same call. Each begins with
// the session's own prefix, so that no client, no other session and no other Weir has the same where a pooler gives all
// of them one backend. Behind a pooler none outlives the exchange that it was made in.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/facts.h"
#include "capture/session/names.h"
#include "capture/session/sender.h"

namespace weir::capture {

/// On whose behalf one of Weir's own statements runs.
struct Asking {
  // NOLINTNEXTLINE(google-explicit-constructor): most are known by their purpose alone
  Asking(Purpose purpose, std::uint8_t commit_question = 0) : purpose(purpose), commit_question(commit_question) {}
  Purpose purpose;
  std::uint8_t commit_question;  ///< epilogue: which one
};

class OwnStatements {
 public:
  explicit OwnStatements(const std::string& prefix)
      : prefix_(prefix), portal_(prefix + "own"), shape_portal_(prefix + "shape"), no_portal_(prefix + "none") {}

  /// Weir's own statements run in it: the client's unnamed one must stay as it is.
  const std::string& portal() const { return portal_; }
  const std::string& shape_portal() const { return shape_portal_; }
  /// Never made: running it has the server itself say an error that Weir must bring about.
  const std::string& no_portal() const { return no_portal_; }

  /// A new statement, under a name of its own.
  OwnStatement parse(std::string_view text, std::string_view types, Pending pending, const Sender& send);
  /// Those that are kept: the question to the catalog, and those before a commit, by their places in the list.
  const OwnStatement& facts(FactsText text, const Sender& send);
  const OwnStatement& commit_question(std::uint8_t place, std::string_view text, const Sender& send);
  /// With text parameters, to its end.
  void run(const OwnStatement& own, std::span<const std::string> values, Asking asking, const Sender& send) const;
  /// One that is made for it and closed behind it.
  void run_once(std::string_view text, std::span<const std::string> values, Asking asking, const Sender& send);

  /// Closes it, and all that was left behind.
  void close(std::string name, const Sender& send);
  /// Some day.
  void close_later(std::string name) { left_behind_.push_back(std::move(name)); }
  /// Closes one of those that wait for it.
  void close_one_left(const Sender& send);
  /// Where none may outlive its exchange.
  void let_go_facts(const Sender& send);
  void let_go_commit_question(std::uint8_t place, const Sender& send) { let_go(commit_questions_.at(place), send); }

  /// The server came to none of what was sent.
  void skipped(Pending& skipped);
  /// Closes all there are, those of other parts too: what a client finds in pg_prepared_statements is its own.
  void hide(std::vector<std::string> twins, const std::vector<std::string>& shapes, const Sender& send);
  /// The client has dropped all: they are not there any more.
  void are_gone();
  /// It may have: they are made anew, and closed in case that it has not.
  void may_be_gone();

  /// Not before it is known that the server's process is the session's own; some servers name none.
  bool outlive_exchange() const { return pooling_ == Pooling::none || backend_.empty() || backend_ == "0"; }
  bool knows_pooling() const { return pooling_ != Pooling::unknown; }
  /// BackendKeyData.
  void set_backend(std::string process_id) { backend_ = std::move(process_id); }
  /// A process that has answered. True where it is not the session's own: a pooler says an id of its own, or brings the
  /// session to another process.
  bool note_backend(std::string_view process_id);
  /// One that was there is missing: this is another backend than the one it was made in.
  void missing();

 private:
  enum class Pooling : std::uint8_t { unknown, none, pooled };  // maybe another process for each transaction

  void let_go(OwnStatement& own, const Sender& send);

  std::string prefix_;
  std::string portal_;
  std::string shape_portal_;
  std::string no_portal_;
  std::uint64_t names_ = 0;
  std::array<OwnStatement, kFactsTexts> facts_;  // by FactsText
  std::vector<OwnStatement> commit_questions_;   // by their places
  std::vector<std::string> left_behind_;         // to be closed: the server skipped their Close, or nobody needs them
  std::string backend_;                          // its process id, by BackendKeyData
  Pooling pooling_ = Pooling::unknown;
};

}  // namespace weir::capture
