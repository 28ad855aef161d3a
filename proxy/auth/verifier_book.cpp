#include "proxy/auth/verifier_book.h"

namespace weir::proxy {

std::optional<wire::KnownVerifier> VerifierBook::known(const VerifierQuestion& question, Clock::time_point now) {
  const auto found = by_user_.find(question.user);
  if (found == by_user_.end()) return std::nullopt;
  const Entry& entry = *found->second;
  if (entry.question.salt != question.salt || entry.question.iterations != question.iterations) return std::nullopt;
  if (entry.answer.kind == wire::KnownVerifier::Kind::none && now - entry.since >= kUnknownFor) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return entry.answer;
}

void VerifierBook::note(const VerifierQuestion& question, const wire::KnownVerifier& answer, Clock::time_point now) {
  if (const auto old = by_user_.find(question.user); old != by_user_.end()) {
    entries_.erase(old->second);
    by_user_.erase(old);
  }
  entries_.push_front({question, answer, now});
  by_user_[question.user] = entries_.begin();
  if (entries_.size() <= kMostUsers) return;
  by_user_.erase(entries_.back().question.user);
  entries_.pop_back();
}

}  // namespace weir::proxy
