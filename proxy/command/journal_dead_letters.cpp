// weir journal dead-letters: the records that destinations refused for ever, one JSON object in each line.
#include <cstdio>

#include "capture/event/json_members.h"
#include "proxy/command/journal_command.h"
#include "proxy/command/subcommand.h"

namespace weir::proxy {

namespace {

void append_member(std::string& line, std::string_view name, std::string_view text) {
  line += line.size() == 1 ? "\"" : ",\"";
  line.append(name).append("\":");
  event::append_json_string(line, text);
}

/// Key and value are text, not JSON inside of JSON: a destination may have refused them because they are none.
std::string line_of(const capture::DeadLetter& letter) {
  std::string line = "{";
  append_member(line, "destination", letter.emitter);
  line += ",\"position\":" + std::to_string(letter.position);
  append_member(line, "topic", letter.topic);
  append_member(line, "key", letter.key);
  append_member(line, "value", letter.value);
  append_member(line, "reason", letter.reason);
  append_member(line, "stored_at", letter.stored_at);
  return line + "}\n";
}

}  // namespace

int run_journal_dead_letters(const std::vector<std::string>& arguments) {
  int code = 0;
  const auto read = read_journal_arguments({"journal dead-letters", 0, 0, false}, arguments, code);
  if (!read) return code;
  const auto book = look_at_book(read->path);
  if (!book) return complain(kCommandFailed, book.error().message);
  const auto done = (*book)->each_dead_letter([](const capture::DeadLetter& letter) {
    const auto line = line_of(letter);
    std::fwrite(line.data(), 1, line.size(), stdout);
  });
  if (!done) return complain(kCommandFailed, done.error().message);
  return finish_output();
}

}  // namespace weir::proxy
