#include "proxy/tail/tail_lines.h"

#include <utility>

#include "emitters/line_writer.h"
#include "emitters/readable.h"
#include "proxy/tail/pretty.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kEventsPerRead = 256;

using Then = LineStream::Next::Then;

}  // namespace

Result<std::unique_ptr<TailLines>> TailLines::open(const TailRequest& request, TailSource source) {
  const auto newest = source.newest();
  auto after = newest;
  if (request.from == TailRequest::From::beginning) after = source.erased();
  if (request.from == TailRequest::From::position) after = request.position - 1;
  if (after > newest)
    return Error{"position " + std::to_string(request.position) + " is not there yet: the stream ends at " +
                     std::to_string(newest),
                 ""};
  std::unique_ptr<TailLines> made(new TailLines(request, std::move(source), after));
  auto format = made->make_format();
  if (!format) return format.error();
  made->format_ = std::move(*format);
  return made;
}

TailLines::TailLines(const TailRequest& request, TailSource source, event::Position after)
    : request_(request), source_(std::move(source)), filter_(request.tables), after_(after), left_(request.count) {}

Result<std::unique_ptr<emitters::Format>> TailLines::make_format() const {
  if (request_.format == "pretty") return make_pretty(request_.colour);
  auto options = source_.format;
  options.colour = request_.colour;
  return emitters::make_format(request_.format, options);
}

LineStream::Next TailLines::next() {
  Next next;
  for (std::size_t work = 0; next.text.size() < kMostBytes && work < kMostEvents; ++work) {
    if (left_ == 0u) return {std::move(next.text), Then::end, "count"};
    auto begun = begin();
    if (begun && !*begun) return next;
    auto read = begun ? read_events(next.text) : Result<std::size_t>(begun.error());
    if (!read) return {std::move(next.text), Then::end, "error: " + emitters::printable(read.error().message)};
    work += *read;
  }
  next.then = Then::again;
  return next;
}

/// True: there is a transaction to read, from the beginning or from where it was left.
Result<bool> TailLines::begin() {
  if (reading_) return true;
  if (!reader_) {
    auto reader = source_.subscribe();
    if (!reader) return reader.error();
    reader_ = std::move(*reader);
  }
  auto next = reader_->next(after_);
  if (!next) return next.error();
  if (!*next) return false;
  reading_ = std::move(*next);
  if (reading_->position == begun_) return true;
  if (begun_ != 0) {
    // The rest of one that it was in is gone, and so is what the format knew of it.
    auto format = make_format();
    if (!format) return format.error();
    format_ = std::move(*format);
  }
  begun_ = reading_->position;
  after_ordinal_ = 0;
  std::vector<emitters::Record> nothing_yet;
  format_->begin(*reading_, nothing_yet);
  return true;
}

/// How many were read.
Result<std::size_t> TailLines::read_events(std::string& text) {
  const auto lent = reader_->events(reading_->id, after_ordinal_, kEventsPerRead);
  if (!lent) {
    const auto erased = is_erased(lent.error());
    return erased ? Result<std::size_t>(0) : Result<std::size_t>(erased.error());
  }
  std::size_t count = 0;
  for (const auto& change : lent->events) {
    if (left_ == 0u) return count;
    ++count;
    after_ordinal_ = change.ordinal;
    if (filter_.wants(change)) show(change, text);
  }
  if (lent->last && left_ != 0u) end_transaction(text);
  return count;
}

void TailLines::show(const event::ChangeEvent& change, std::string& text) {
  const auto& scope = source_.scope();
  std::vector<emitters::Record> records;
  if (has_excluded(scope)) {
    format_->change(without_excluded(change, scope), source_.now_us(), records);
  } else {
    format_->change(change, source_.now_us(), records);
  }
  append(std::move(records), text);
}

/// A format may hold an event back until it knows whether it is the last one: so lines are counted, not events.
void TailLines::append(std::vector<emitters::Record> records, std::string& text) {
  for (auto& record : records) {
    if (left_ == 0u) return;
    const auto before = text.size();
    const bool is_heading = record.topic == kHeadingTopic;
    emitters::append_lines(text, {std::move(record)});
    if (left_ && !is_heading && text.size() > before) --*left_;
  }
}

void TailLines::end_transaction(std::string& text) {
  std::vector<emitters::Record> records;
  format_->end(records);
  append(std::move(records), text);
  after_ = std::exchange(begun_, 0);
  reading_.reset();
}

/// True: its events are gone, since every destination has them, and what is next tells so. Else the error is one.
Result<bool> TailLines::is_erased(const Error& error) {
  const auto was = std::exchange(reading_, nullptr);
  auto next = reader_->next(after_);
  if (!next) return next.error();
  if (*next && (*next)->position == was->position && (*next)->id == was->id) return error;
  return true;
}

/// begun_ stays: it goes on in the middle of a transaction where that is still there.
void TailLines::rest() {
  reading_.reset();
  reader_.reset();
}

std::string TailLines::farewell() const {
  return "shutdown; from=" + std::to_string(after_ + 1) + " goes on";
}

}  // namespace weir::proxy
