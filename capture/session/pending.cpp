#include "capture/session/pending.h"

namespace weir::capture {
namespace {

void add(Weight& weight, const Statement& statement) {
  if (controls_transaction(statement.kind) || statement.kind == StatementKind::opaque) ++weight.control;
  if (changes_catalog(statement.kind)) ++weight.catalog;
  if (statement.kind == StatementKind::copy_from) ++weight.copies;
  weight.sets_lexer |= statement.sets_lexer;
}

/// Of what is executed on behalf of the client.
void add(Weight& weight, Expect expect, const Execution& execution) {
  if (execution.in_group) {
    for (std::size_t i = execution.first; i < execution.end; ++i) add(weight, execution.text->statements[i]);
    weight.captured += execution.captures ? 1 : 0;
    return;
  }
  if (is_unread(execution)) {
    ++weight.catalog;
    ++weight.control;
  } else if (expect == Expect::query) {
    for (const Statement& statement : execution.text->statements) add(weight, statement);
  } else if (execution.statement != nullptr) {
    add(weight, *execution.statement);
  }
  const bool captures = execution.statement && execution.plan && execution.plan->how != Plan::How::none;
  if (captures || !execution.cursors.empty()) ++weight.captured;
}

}  // namespace

void Weight::operator+=(const Weight& other) {
  captured += other.captured;
  control += other.control;
  syncs += other.syncs;
  catalog += other.catalog;
  copies += other.copies;
}

void Weight::operator-=(const Weight& other) {
  captured -= other.captured;
  control -= other.control;
  syncs -= other.syncs;
  catalog -= other.catalog;
  copies -= other.copies;
}

Weight weigh(const Pending& pending) {
  Weight weight;
  if (ends_segment(pending.expect)) ++weight.syncs;
  if (pending.expect != Expect::execute && pending.expect != Expect::query) return weight;
  if (pending.purpose == Purpose::open_block || pending.purpose == Purpose::close_block) ++weight.control;
  if (pending.execution && !is_own(pending.purpose)) add(weight, pending.expect, *pending.execution);
  return weight;
}

}  // namespace weir::capture
