#include "capture/journal/gap_reader.h"

#include <utility>

#include "capture/event/gap_cause.h"

namespace weir::capture {

namespace {

class ReaderBehindErased final : public JournalReader {
 public:
  ReaderBehindErased(std::unique_ptr<JournalReader> journal, std::function<Erased()> erased, std::int64_t now_us)
      : journal_(std::move(journal)), ask_(std::move(erased)), now_us_(now_us) {}

  Result<std::optional<event::Transaction>> next(event::Position after) override {
    erased_ = ask_();
    if (after >= erased_.through) return journal_->next(after);
    first_ = after + 1;
    event::Transaction missing;
    missing.id = -erased_.through;
    missing.first_lsn = missing.last_lsn = erased_.lsn;
    missing.committed_us = now_us_;
    missing.position = erased_.through;
    missing.event_count = 1;
    return std::optional(missing);
  }

  Result<std::vector<event::ChangeEvent>> events(std::int64_t id, std::uint32_t after_ordinal,
                                                 std::size_t limit) override {
    if (id != -erased_.through || erased_.through == 0) return journal_->events(id, after_ordinal, limit);
    std::vector<event::ChangeEvent> events;
    if (after_ordinal > 0) return events;
    event::ChangeEvent gap;
    gap.op = event::Op::gap;
    gap.fidelity = event::Fidelity::statement;
    gap.lsn = erased_.lsn;
    gap.ordinal = gap.statement_order = 1;
    gap.cause = to_text(event::GapCause::erased) + std::string(": transactions ") + std::to_string(first_) + " to " +
                std::to_string(erased_.through) + " of the stream, up to lsn " + event::to_text(erased_.lsn);
    events.push_back(std::move(gap));
    return events;
  }

 private:
  std::unique_ptr<JournalReader> journal_;
  const std::function<Erased()> ask_;
  Erased erased_;  // as it was at the last next()
  const std::int64_t now_us_;
  event::Position first_ = 1;
};

}  // namespace

std::unique_ptr<JournalReader> with_gap_for_erased(std::unique_ptr<JournalReader> journal,
                                                   std::function<Erased()> erased, std::int64_t now_us) {
  return std::make_unique<ReaderBehindErased>(std::move(journal), std::move(erased), now_us);
}

}  // namespace weir::capture
