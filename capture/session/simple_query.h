// Query. One that only reads is relayed. One whose rows can be captured is sent in steps (RunSteps), or, inside a
// block, as a Query with a splice. All others are relayed and their writes, if any, are reported as gaps.
#pragma once

#include "capture/session/session_state.h"

namespace weir::capture {

class SimpleQuery : private InTurn {
 public:
  using InTurn::InTurn;
  explicit SimpleQuery(const InTurn& in) : InTurn(in) {}

  Took take_query(const Frame& frame);

 private:
  bool relay_plain_read(std::string_view query, const Frame& frame);
  std::optional<QueryRun::Plans> plan_query(const std::shared_ptr<const ParsedText>& text);
  bool can_splice(const ParsedText& text, const Plans& plans) const;
  bool end_own_pipeline(const ParsedText& text);
  Took splice_query(std::shared_ptr<const ParsedText> text, Plans plans);
  Took relay_query(const Frame& frame, std::shared_ptr<const ParsedText> text, Plans plans);
  bool can_tell_transaction(const ParsedText& text, const Plans& plans) const;
  Took relay_copy(std::shared_ptr<const ParsedText> text, Plans plans);
};

}  // namespace weir::capture
