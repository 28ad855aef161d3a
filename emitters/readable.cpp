#include "emitters/readable.h"

#include <utility>

#include "capture/event/json_members.h"
#include "emitters/envelope.h"
#include "emitters/format.h"
#include "emitters/json_text.h"

namespace weir::emitters {

namespace {

using event::ChangeEvent;

constexpr std::size_t line_width = 160;
constexpr std::size_t value_width = 40;
constexpr const char* ellipsis = "…";

enum class Style { plain, dim, green, yellow, red, magenta };

const char* escape(Style style) {
  switch (style) {
    case Style::dim:
      return "\x1b[2m";
    case Style::green:
      return "\x1b[32m";
    case Style::yellow:
      return "\x1b[33m";
    case Style::red:
      return "\x1b[31m";
    case Style::magenta:
      return "\x1b[1;35m";
    case Style::plain:
      break;
  }
  return "";
}

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// Characters, not bytes; wide and combining ones count as one.
std::size_t width(std::string_view text) {
  std::size_t characters = 0;
  for (const char byte : text) characters += continues_character(byte) ? 0 : 1;
  return characters;
}

std::string_view first_characters(std::string_view text, std::size_t count) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (continues_character(text[at])) continue;
    if (count-- == 0) return text.substr(0, at);
  }
  return text;
}

std::string shortened(std::string_view text, std::size_t limit) {
  if (width(text) <= limit) return std::string(text);
  return std::string(first_characters(text, limit - 1)) + ellipsis;
}

/// A JSON value as a person reads it: strings of one word without quotes, escapes kept.
std::string shown(std::string_view json) {
  const bool one_word = json.size() > 2 && json.find_first_of(" =,") == std::string_view::npos;
  if (one_word && json.front() == '"') json = json.substr(1, json.size() - 2);
  return shortened(printable(first_characters(json, value_width + 1)), value_width);
}

class Line {
 public:
  explicit Line(bool colour) : colour_(colour) {}

  void add(std::string_view text, Style style = Style::plain) {
    if (full_) return;
    const std::size_t room = line_width - width_;
    const std::string fitting = shortened(text, room);
    full_ = fitting.size() != text.size();
    width_ += width(fitting);
    const bool styled = colour_ && style != Style::plain;
    if (styled) text_ += escape(style);
    text_ += fitting;
    if (styled) text_ += "\x1b[0m";
    full_ = full_ || width_ >= line_width;
  }
  std::string take() { return std::move(text_); }

 private:
  const bool colour_;
  bool full_ = false;
  std::size_t width_ = 0;
  std::string text_;
};

std::pair<const char*, Style> op_word(event::Op op) {
  switch (op) {
    case event::Op::create:
      return {"INSERT", Style::green};
    case event::Op::update:
      return {"UPDATE", Style::yellow};
    case event::Op::remove:
      return {"DELETE", Style::red};
    case event::Op::truncate:
      return {"TRUNCATE", Style::red};
    case event::Op::gap:
      break;
  }
  return {"GAP   ", Style::magenta};
}

void add_member(Line& line, const event::Member& member) {
  line.add(" " + printable(member.name), Style::dim);
  line.add("=" + shown(member.value));
}

/// The row, without the columns that the key has shown already.
void add_row(Line& line, const std::string& row, const std::optional<std::string>& key) {
  event::MemberScanner members(row);
  while (const auto member = members.next()) {
    if (key && event::find_member(*key, event::unescape_json(member->name))) continue;
    add_member(line, *member);
  }
}

void add_key(Line& line, const std::string& key) {
  event::MemberScanner members(key);
  while (const auto member = members.next()) line.add(" " + printable(member->name) + "=" + shown(member->value));
}

/// What differs, without the columns that the key has shown already.
void add_differences(Line& line, const std::string& before, const std::string& after,
                     const std::optional<std::string>& key) {
  event::MemberScanner members(after);
  while (const auto member = members.next()) {
    const std::string name = event::unescape_json(member->name);
    const auto old = event::find_member(before, name);
    if ((old && *old == member->value) || (key && event::find_member(*key, name))) continue;
    line.add(" " + printable(member->name) + ":", Style::dim);
    line.add(" " + (old ? shown(*old) : std::string("?")) + " → " + shown(member->value));
  }
  if (before == after) line.add(" (nothing changed)", Style::dim);
}

std::string rows(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " row" : " rows");
}

std::int64_t total(const event::Counts& counts) {
  return counts.inserted + counts.updated + counts.deleted;
}

void add_gap(Line& line, const ChangeEvent& change) {
  const event::Counts& counts = change.counts;
  if (total(counts) == 0) {
    line.add(" may have been written; no event shows it");
  } else {
    line.add(" " + rows(total(counts)) + " written that no event shows: " + std::to_string(counts.inserted) +
             " inserted, " + std::to_string(counts.updated) + " updated, " + std::to_string(counts.deleted) +
             " deleted");
  }
  if (!change.cause.empty()) line.add(" (" + printable(change.cause) + ")", Style::magenta);
}

void add_change(Line& line, const ChangeEvent& change) {
  if (change.op == event::Op::truncate) return;
  if (change.fidelity == event::Fidelity::statement) {
    return line.add(" " + rows(total(change.counts)) + ", known only by the statement", Style::magenta);
  }
  if (change.old_key) {
    add_key(line, *change.old_key);
    line.add(" →");
  }
  if (change.key) add_key(line, *change.key);
  if (change.op == event::Op::update && change.before && change.after) {
    add_differences(line, *change.before, *change.after, change.key);
  } else if (change.op == event::Op::remove) {
    if (change.before) add_row(line, *change.before, change.key);
  } else if (change.after) {
    add_row(line, *change.after, change.key);
  }
  if (change.fidelity == event::Fidelity::input) line.add(" (as the client sent it)", Style::magenta);
}

void add_event(Line& line, const ChangeEvent& change) {
  const auto [word, style] = op_word(change.op);
  line.add(word, style);
  if (!change.table.empty()) line.add(" " + printable(event::qualified_table(change)));
  if (change.op == event::Op::gap) {
    add_gap(line, change);
  } else {
    add_change(line, change);
  }
}

class Readable final : public Format {
 public:
  explicit Readable(const FormatOptions& options) : options_(options) {}

  void begin(const event::Transaction& transaction, std::vector<Record>&) override {
    prefix_ = prefix_of(options_.prefix, transaction.database);
    xid_ = transaction.xid == 0 ? "" : std::to_string(transaction.xid);
    id_prefix_ = event_id_prefix(transaction, options_.instance);
    time_ = utc_time(transaction.committed_us).substr(11, 12);
  }

  void change(const ChangeEvent& change, std::int64_t, std::vector<Record>& out) override {
    const bool gap = change.op == event::Op::gap;
    if (!gap && !has_row(change) && options_.statements == Statements::skip) return;
    Line line(options_.colour);
    line.add(time_ + " " + (xid_.empty() ? "-" : xid_) + " ", Style::dim);
    add_event(line, change);
    out.push_back({gap ? Record::Kind::gap : Record::Kind::change,
                   prefix_ + "." + (gap ? "gap" : event::qualified_table(change)), change.key, line.take(),
                   record_headers(xid_, change, event_id(id_prefix_, change))});
  }

  void end(std::vector<Record>&) override {}

 private:
  const FormatOptions options_;
  // Of the transaction.
  std::string prefix_;
  std::string xid_;  // empty where it is not known
  std::string id_prefix_;
  std::string time_;
};

}  // namespace

std::string readable_event(const ChangeEvent& change, bool colour) {
  Line line(colour);
  add_event(line, change);
  return line.take();
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    // Those of Latin-1, C1, are two bytes in UTF-8.
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0;
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {
      out += '?';
      ++at;
    } else {
      out += byte < 0x20 || byte == 0x7F ? '?' : text[at];
    }
  }
  return out;
}

const FormatKind& readable_format() {
  static const FormatKind kind = {"readable", "text", [](const FormatOptions& options) -> std::unique_ptr<Format> {
                                    return std::make_unique<Readable>(options);
                                  }};
  return kind;
}

}  // namespace weir::emitters
