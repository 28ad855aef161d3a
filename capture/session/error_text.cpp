#include "capture/session/error_text.h"

#include <algorithm>
#include <charconv>

#include "capture/session/sqlstates.h"

namespace weir::capture {
namespace {

/// What the server calls the lock query in "cannot execute … in a read-only transaction".
constexpr std::string_view kLockStatement = "SELECT FOR NO KEY UPDATE";
/// What a wait for a row is called in its CONTEXT, in the lock query and in the UPDATE.
constexpr std::string_view kLocking = "while locking tuple ";
constexpr std::string_view kUpdating = "while updating tuple ";

/// Where in it the error came to be.
bool is_place(char code) {
  return code == 'P' || code == 'p' || code == 'q' || code == 'W';
}

/// "bind message has 7 result formats but query has 5 columns": the number behind `words`, less `added`.
std::string with_fewer(std::string message, std::string_view words, int added) {
  const std::size_t at = message.find(words);
  if (at == std::string::npos) return message;
  const std::size_t begin = at + words.size();
  const std::size_t end = message.find(' ', begin);
  int number = 0;
  std::from_chars(message.data() + begin, message.data() + message.size(), number);
  return message.replace(begin, end - begin, std::to_string(number - added));
}

/// An error in a Bind of spliced text, as the client's own text would have had it.
std::string message_of_bind(std::string message, const Portal& portal) {
  const int added = (portal.cursor ? *portal.cursor : portal).plan->added.count;
  const std::string twin = "\"" + portal.prepared->spliced.name + "\"";
  const std::size_t at = message.find(twin);
  if (!portal.statement.empty() && at != std::string::npos)
    message.replace(at, twin.size(), "\"" + portal.statement + "\"");
  if (message.find(" result formats but query has ") == std::string::npos) return message;
  message = with_fewer(std::move(message), "bind message has ", added);
  return with_fewer(std::move(message), "but query has ", added);
}

void replace_first(std::string& text, std::string_view from, std::string_view to) {
  if (const std::size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
}

}  // namespace

ErrorText::ErrorText(const wire::ErrorFields& fields) {
  fields_.assign(fields.begin(), fields.end());
}

std::string ErrorText::get(char code) const {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [code](const auto& field) { return field.first == code; });
  return found == fields_.end() ? std::string() : found->second;
}

void ErrorText::set(char code, std::string_view value) {
  for (auto& field : fields_)
    if (field.first == code) field.second = value;
}

void ErrorText::without_place() {
  std::erase_if(fields_, [](const auto& field) { return is_place(field.first); });
}

void ErrorText::of_bind(const Portal& portal) {
  set('M', message_of_bind(get('M'), portal));
}

void ErrorText::of_lock(std::string_view own_portal, std::string_view portal, bool has_triggers) {
  std::string message = get('M');
  replace_first(message, kLockStatement, "UPDATE");
  set('M', message);
  std::string context = get('W');
  if (!has_triggers && context.starts_with(kLocking)) context.replace(0, kLocking.size(), kUpdating);
  const std::string own = "portal \"" + std::string(own_portal) + "\" with parameters: ";
  const std::string name = portal.empty() ? "unnamed portal" : "portal \"" + std::string(portal) + "\"";
  replace_first(context, own, name + " with parameters: ");
  set('W', context);
}

void ErrorText::of_shape(std::string_view shape_portal) {
  std::string context = get('W');
  if (const std::size_t name = context.find("\"" + std::string(shape_portal) + "\""); name != std::string::npos) {
    const std::size_t line = context.rfind('\n', name);
    context.resize(line == std::string::npos ? 0 : line);
  }
  if (context.empty()) {
    std::erase_if(fields_, [](const auto& field) { return field.first == 'W'; });
  } else {
    set('W', context);
  }
}

void ErrorText::of_part(const std::function<std::size_t(std::size_t)>& position_in_whole) {
  const std::string position = get('P');
  std::size_t number = 0;
  const char* end = position.data() + position.size();
  const auto [stop, error] = std::from_chars(position.data(), end, number);
  if (error == std::errc() && stop == end) set('P', std::to_string(position_in_whole(number)));
}

void ErrorText::cannot_be_run(std::string_view portal) {
  set('M', "portal \"" + std::string(portal) + "\" cannot be run");
  set('C', kObjectNotInPrerequisiteState);
  set('F', "portalmem.c");
  set('R', "MarkPortalActive");
}

void ErrorText::is_refused(const Error& refusal) {
  set('M', refusal.message);
  set('C', refusal.sqlstate);
}

void ErrorText::append_to(std::string& out, char type) const {
  const wire::ErrorFields views(fields_.begin(), fields_.end());
  wire::append_error_fields(out, type, views);
}

}  // namespace weir::capture
