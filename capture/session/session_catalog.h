// What a session knows of the database: facts about tables, the plans and shapes that were made from them, and the
// settings that it has reported. Says what must be asked; does not ask. Knows neither messages nor the gate. Used on
// its session's thread.
//
// Facts hold until something may have changed them (`forget`), and for so long as they may age. What is asked on behalf
// of a message is not asked for again on behalf of the same.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "capture/capture_settings.h"
#include "capture/facts.h"
#include "capture/plan.h"
#include "capture/session/shape.h"
#include "capture/sql/statement.h"
#include "wire/message.h"

namespace weir::capture {

struct WantedFacts {
  std::string name;
  FactsText text = FactsText::plain;
};

class SessionCatalog {
 public:
  using PlanPtr = std::shared_ptr<const Plan>;
  using Clock = std::function<std::chrono::milliseconds()>;

  /// Without a clock facts do not age. `epoch` counts DDL seen by any session. `in_force`: null where the settings
  /// stay.
  SessionCatalog(const CaptureSettings& settings, std::atomic<std::uint64_t>& epoch, Clock clock,
                 const SettingsInForce* in_force = nullptr)
      : settings_(&settings), in_force_(in_force), epoch_(&epoch), clock_(std::move(clock)) {}

  /// Of the transaction that runs.
  const CaptureSettings& settings() const { return *settings_; }
  const Scope& scope() const { return settings_->scope; }
  const ServerSettings& server() const { return server_; }
  const LexerSettings& lexer() const { return lexer_; }

  /// The number of the client's message at hand.
  std::uint64_t message() const { return message_; }
  void next_message() { ++message_; }

  /// A plan in this session as it is now. It may be used where nothing is missing, and no older than it may be where
  /// nothing is aged.
  struct Planned {
    PlanPtr plan;
    bool is_kept = false;  ///< it is one that was made before
    std::vector<WantedFacts> missing = {};
    std::vector<WantedFacts> aged = {};
  };
  Planned plan(const std::shared_ptr<const ParsedText>& text, const Statement& statement);
  /// Keeps the plan for the next time the same text comes.
  void keep(const std::shared_ptr<const ParsedText>& text, const Statement& statement, const PlanPtr& plan);
  bool is_aged(std::chrono::milliseconds asked) const;
  /// For is_aged.
  std::chrono::milliseconds now() const { return clock_ ? clock_() : std::chrono::milliseconds::max(); }

  /// It is being asked for. Answers come in the order of the questions.
  void asked(WantedFacts what);
  /// It is asked again, on behalf of the message at hand; the question fails where the digest is another.
  struct Check {
    FactsText text;
    std::string digest;
  };
  Check check(const std::string& name);
  /// The row that answers a question.
  void answered(const wire::RowView& row);
  /// The question is done.
  void answer_ended(bool was_check);
  /// It is not answered: it failed, or stood behind something that did.
  void answer_skipped();
  /// Of what was under way there is no answer.
  void drop_answer() { answer_.reset(); }
  /// A statement could not be planned since the catalog could not be asked; so said to the next one that wants to be.
  void set_failed(bool failed) { failed_ = failed; }

  /// What is known may not be so any more.
  void forget();
  /// DDL in the open transaction: all sessions must ask again when it has committed.
  void changed() { changed_ = touched_ = true; }
  /// SET or DDL in it: a rollback undoes what the facts were read under.
  void touched() { touched_ = true; }
  bool is_touched() const { return touched_; }
  void transaction_ended(bool aborted);

  /// ParameterStatus.
  void reported(std::string_view name, std::string_view value);
  /// What the encoding is now comes only with ReadyForQuery; until then images travel in hex, which is right in any,
  /// and of what is in the client's encoding only ASCII has a meaning.
  void doubt_encoding();
  /// ReadyForQuery: what was reported holds.
  void trust_encoding();
  bool doubts_encoding() const { return server_.client_encoding.empty(); }

  /// Also where writes are not prepared by shape any more: of those that were some are to be closed.
  Shapes& shapes() { return shapes_; }

 private:
  struct KnownPlan {
    std::shared_ptr<const ParsedText> text;
    PlanPtr plan;
    std::chrono::milliseconds asked{0};  // the oldest of the facts it is made from
  };
  struct KnownFacts {
    std::shared_ptr<const RelationFacts> relation;  // null: no such table
    FactsText text = FactsText::plain;              // that was asked
    std::chrono::milliseconds asked{0};
    std::uint64_t message = 0;  // that it was last asked for
  };
  struct AskedFacts {
    WantedFacts what;
    std::chrono::milliseconds when{0};
  };

  void take_newest_settings();
  PlanPtr by_facts(const ParsedText& text, const Statement& statement);
  std::vector<WantedFacts> missing(const ParsedText& text, const Statement& statement) const;
  std::vector<WantedFacts> aged(const Statement& statement) const;
  void note_needed(const WantedFacts& what, bool may_have_casts);

  const CaptureSettings* settings_;
  const SettingsInForce* in_force_;
  bool settings_are_taken_ = false;  // for the transaction that runs
  std::atomic<std::uint64_t>* epoch_;
  Clock clock_;
  ServerSettings server_;
  LexerSettings lexer_;
  std::string reported_encoding_ = "UTF8";  // client_encoding by the last ParameterStatus
  std::unordered_map<std::string, KnownFacts> facts_;
  std::unordered_map<std::string, FactsText> needed_texts_;  // by table: what was needed will be needed again
  std::unordered_map<const Statement*, KnownPlan> plans_;
  std::deque<AskedFacts> asked_;
  std::shared_ptr<const RelationFacts> answer_;
  Shapes shapes_;
  std::uint64_t seen_epoch_ = 0;
  std::uint64_t message_ = 1;
  bool failed_ = false;
  bool changed_ = false;
  bool touched_ = false;
};

}  // namespace weir::capture
