#include "capture/event/change_event.h"

#include <charconv>
#include <cstdio>

namespace weir::event {

namespace {

std::optional<std::uint32_t> parse_half(std::string_view text) {
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::size_t size_of(const std::optional<std::string>& text) {
  return text ? text->size() : 0;
}

}  // namespace

std::string qualified_table(const ChangeEvent& change) {
  return change.schema.empty() ? change.table : change.schema + "." + change.table;
}

void count_rows(Counts& counts, Op op, std::int64_t rows) {
  switch (op) {
    case Op::create:
      counts.inserted += rows;
      break;
    case Op::remove:
      counts.deleted += rows;
      break;
    case Op::update:
      counts.updated += rows;
      break;
    default:
      break;
  }
}

ChangeEvent as_gap(ChangeEvent change, std::string_view cause) {
  if (change.op != Op::gap) {
    if (change.fidelity != Fidelity::statement) {
      change.counts = {};
      count_rows(change.counts, change.op, 1);
    }
    change.fidelity = Fidelity::statement;
    change.cause = cause;
    change.op = Op::gap;
  }
  change.before.reset();
  change.after.reset();
  change.key.reset();
  change.old_key.reset();
  change.shape.reset();
  return change;
}

std::size_t memory_of(const ChangeEvent& change) {
  return sizeof change + size_of(change.before) + size_of(change.after) + size_of(change.key) +
         size_of(change.old_key) + change.statement.size();
}

std::size_t memory_of(const std::vector<ChangeEvent>& changes) {
  std::size_t bytes = 0;
  for (const ChangeEvent& change : changes) bytes += memory_of(change);
  return bytes;
}

std::string to_text(Lsn lsn) {
  char text[24];
  std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(lsn >> 32), static_cast<unsigned>(lsn & 0xFFFFFFFF));
  return text;
}

std::optional<Lsn> parse_lsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = parse_half(text.substr(0, slash));
  const auto low = parse_half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return static_cast<Lsn>(*high) << 32 | *low;
}

const char* to_text(Fidelity fidelity) {
  switch (fidelity) {
    case Fidelity::row:
      return "row";
    case Fidelity::input:
      return "input";
    case Fidelity::statement:
      break;
  }
  return "statement";
}

}  // namespace weir::event
