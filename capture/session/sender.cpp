#include "capture/session/sender.h"

#include <utility>

namespace weir::capture {

void Sender::expect(Pending pending) const {
  if (pending.expect == Expect::execute || pending.expect == Expect::query) copy_->begins();
  const Weight& weight = queue_->push(std::move(pending));
  if (weight.captured > 0) transaction_->announce();
  if (weight.sets_lexer) catalog_->doubt_encoding();
}

void Sender::expect(Expect expected, Pending pending) const {
  pending.expect = expected;
  expect(std::move(pending));
}

void Sender::parse(std::string_view statement, std::string_view text, std::string_view types, Pending pending) const {
  wire::append_parse(out_->buffer(), statement, text, types);
  expect(Expect::parse, std::move(pending));
}

void Sender::bind(std::string_view portal, std::string_view statement, std::string_view parameters,
                  std::span<const std::int16_t> formats, Pending pending) const {
  wire::append_bind(out_->buffer(), portal, statement, parameters, formats);
  expect(Expect::bind, std::move(pending));
}

void Sender::bind_texts(std::string_view portal, std::string_view statement, std::span<const std::string> values,
                        Pending pending) const {
  wire::append_text_bind(out_->buffer(), portal, statement, values);
  expect(Expect::bind, std::move(pending));
}

void Sender::describe_portal(std::string_view portal, Pending pending) const {
  wire::append_describe(out_->buffer(), 'P', portal);
  expect(Expect::describe_portal, std::move(pending));
}

void Sender::execute(std::string_view portal, Pending pending) const {
  wire::append_execute(out_->buffer(), portal, 0);
  expect(Expect::execute, std::move(pending));
}

void Sender::close(char kind, std::string_view name, Pending pending) const {
  wire::append_close(out_->buffer(), kind, name);
  expect(Expect::close, std::move(pending));
}

void Sender::query(std::string_view text, Pending pending) const {
  wire::append_query(out_->buffer(), text);
  expect(Expect::query, std::move(pending));
}

void Sender::sync(Pending pending) const {
  wire::append_sync(out_->buffer());
  expect(Expect::sync, std::move(pending));
}

void Sender::relay(std::string_view received, bool outlives_turn, Pending pending) const {
  expect(std::move(pending));
  relay_unanswered(received, outlives_turn);
}

void Sender::relay_unanswered(std::string_view received, bool outlives_turn) const {
  if (outlives_turn) {
    out_->relay(received);
  } else {
    out_->buffer() += received;
  }
}

}  // namespace weir::capture
