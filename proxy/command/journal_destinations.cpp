// weir journal forget and rename: the destinations that a journal keeps events for, while no Weir runs on it.
#include "proxy/command/journal_command.h"
#include "proxy/command/subcommand.h"
#include "proxy/delivery/destination_name.h"

namespace weir::proxy {

namespace {

using capture::Checkpoint;
using capture::SqliteBook;
using Destinations = std::vector<Checkpoint>;

/// With the claim of the folder, so that no Weir begins on it meanwhile.
template <typename Change>
int change_book(const std::string& path, Change change) {
  const auto folder = capture::Folder::claim(path);
  if (!folder) return complain(kCommandFailed, folder.error().message);
  const auto has_book = (*folder)->has_book();
  if (!has_book) return complain(kCommandFailed, has_book.error().message);
  if (!*has_book) return complain(kCommandFailed, "there is no journal in " + path);
  const auto book = SqliteBook::open(**folder, true);
  if (!book) return complain(kCommandFailed, book.error().message);
  const auto destinations = (*book)->checkpoints();
  if (!destinations) return complain(kCommandFailed, destinations.error().message);
  return change(**book, *destinations);
}

int forget(SqliteBook& book, const Destinations& destinations, const std::string& name) {
  const auto* known = find_destination(destinations, name);
  if (known == nullptr) return complain(kCommandFailed, no_such_destination(destinations, name));
  const auto done = book.forget(known->emitter);
  return done ? 0 : complain(kCommandFailed, done.error().message);
}

int rename(SqliteBook& book, const Destinations& destinations, const std::string& before, const std::string& now) {
  const auto* known = find_destination(destinations, before);
  if (known == nullptr) return complain(kCommandFailed, no_such_destination(destinations, before));
  const auto emitter = parse_emitter(now);
  if (!emitter) return complain(kCommandUsage, now + " " + emitter.error().message);
  const auto name = destination_name(*emitter);
  if (name != known->emitter && find_destination(destinations, name) != nullptr)
    return complain(kCommandFailed, "the journal has a destination " + name + " already; forget one of the two");
  const auto done = book.rename(known->emitter, name);
  return done ? 0 : complain(kCommandFailed, done.error().message);
}

}  // namespace

int run_journal_forget(const std::vector<std::string>& arguments) {
  int code = 0;
  const auto read = read_journal_arguments({"journal forget", 1, 1, false}, arguments, code);
  if (!read) return code;
  return change_book(read->path, [&](SqliteBook& book, const Destinations& destinations) {
    return forget(book, destinations, read->words[0]);
  });
}

int run_journal_rename(const std::vector<std::string>& arguments) {
  int code = 0;
  const auto read = read_journal_arguments({"journal rename", 2, 2, false}, arguments, code);
  if (!read) return code;
  return change_book(read->path, [&](SqliteBook& book, const Destinations& destinations) {
    return rename(book, destinations, read->words[0], read->words[1]);
  });
}

}  // namespace weir::proxy
