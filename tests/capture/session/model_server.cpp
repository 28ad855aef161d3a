#include "tests/capture/session/model_server.h"

#include <algorithm>

#include "capture/event/change_event.h"
#include "tests/capture/session/catalog_table.h"
#include "tests/capture/session/messages.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace weir::testing {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool ends_failed_block(std::string_view text) {
  return text.starts_with("COMMIT") || text.starts_with("ROLLBACK");
}

bool is_plain_write(std::string_view text) {
  return text.starts_with("INSERT") || text.starts_with("UPDATE") || text.starts_with("DELETE");
}

/// A write whose rows come back.
bool returns(std::string_view text) {
  return contains(text, "RETURNING");
}

/// A write whose literals Weir has taken out. It may be refused where the client's own text is not.
bool is_shape(std::string_view text) {
  return is_plain_write(text) && contains(text, "$1");
}

bool has_rows(std::string_view text) {
  return text.starts_with("SELECT") || contains(text, "to_regclass") || returns(text);
}

std::string table_of(std::string_view text) {
  for (const char* table : {" t", " s", " r", " m"})
    if (contains(text.substr(0, 16), table)) return table + 1;
  return "?";
}

/// From 18 on Weir asks for the old row too.
bool returns_old(std::string_view text) {
  return contains(text, "/*weir*/") && (contains(text, "\"weir old\"") || contains(text, "row_to_json(old."));
}

/// The columns of a statement's rows.
std::vector<std::string> columns_of(std::string_view text) {
  std::vector<std::string> columns;
  if (text.starts_with("SELECT") || contains(text.substr(0, text.find("/*weir*/")), "RETURNING")) columns = {"id"};
  if (returns_old(text)) columns.push_back("row_to_json");
  if (contains(text, "/*weir*/")) columns.insert(columns.end(), {"row_to_json", "tableoid", "xid", "lsn"});
  return columns;
}

/// RETURNING with a list of the client's own.
bool has_own_list(std::string_view text) {
  return contains(text.substr(0, text.find("/*weir*/")), "RETURNING");
}

std::vector<std::string> split_statements(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    std::string part = text.substr(begin, end - begin);
    part.erase(0, part.find_first_not_of(" ?"));  // syntax that Weir's parser does not know
    if (!part.empty()) parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) (out += kDigits[std::uint8_t(c) >> 4]) += kDigits[std::uint8_t(c) & 15];
  return out;
}

/// Of a row that moves.
std::string old_image(std::uint32_t row) {
  const std::string id = std::to_string(row);
  return "{\"id\":-" + id + ",\"v\":" + id + "}";
}

Table table_facts(const std::string& quoted) {
  Table table;
  table.table = quoted.substr(1, quoted.size() - 2);
  table.leaves = "[[\"16400\",\"public\",\"" + table.table + "\"]]";
  if (table.table == "s") table.persistence = "t";
  if (table.table == "r") table.row_security = true;
  return table;
}

}  // namespace

std::vector<std::string> split_frames(std::string_view bytes) {
  std::vector<std::string> frames;
  for (auto header = wire::read_header(bytes);
       header.state == wire::FrameHeader::State::valid && header.size <= bytes.size();
       header = wire::read_header(bytes)) {
    frames.emplace_back(bytes.substr(0, header.size));
    bytes.remove_prefix(header.size);
  }
  return frames;
}

std::string ModelServer::greeting() const {
  return server::parameter_status("server_version", is_18_ ? "18.4" : "15.20") +
         server::parameter_status("server_encoding", "UTF8") + server::parameter_status("client_encoding", "UTF8") +
         server::parameter_status("standard_conforming_strings", "on") + frame('K', int32(1) + "key!") +
         server::ready('I');
}

std::uint32_t ModelServer::decide(std::uint32_t what, std::uint32_t count) const {
  std::uint32_t mixed = seed_ * 2654435761u + what * 40503u + count * 2246822519u;
  mixed ^= mixed >> 15;
  mixed *= 2654435761u;
  return mixed ^ mixed >> 13;
}

std::string ModelServer::status(std::uint64_t xid) const {
  const auto ended = ended_.find(xid);
  return ended == ended_.end() ? "in progress" : ended->second ? "committed" : "aborted";
}

void ModelServer::close() {
  closed_ = true;
  end_transaction(false);
}

std::string ModelServer::take(std::string_view frame) {
  out_.clear();
  if (closed_) return {};
  const std::string_view body = frame.substr(wire::kHeaderSize);
  if (skipping_ && frame[0] != 'S') return {};
  if (!copy_in_ && std::string_view("PBDEQ").find(frame[0]) != std::string_view::npos && !start(frame[0])) return out_;
  if (copy_in_) {
    take_copy(frame[0]);
    return out_;
  }
  wire::Cursor in(body);
  switch (frame[0]) {
    case 'P': {
      const std::string name(in.cstring());
      parse(name, std::string(in.cstring()));
      break;
    }
    case 'B':
      bind(body);
      break;
    case 'D':
    case 'C': {
      const char kind = char(in.uint8());
      const std::string name(in.cstring());
      frame[0] == 'D' ? describe(kind, name) : close(kind, name);
      break;
    }
    case 'E': {
      const std::string name(in.cstring());
      execute(name, std::size_t(in.int32()));
      break;
    }
    case 'Q':
      query(body);
      break;
    case 'S':
      sync();
      break;
    case 'H':
      if (!body.empty()) fail("08P01", "invalid message format");
      break;
    default:
      break;
  }
  return out_;
}

/// Whatever needs a transaction begins one, or makes an implicit block of what an Execute before it has begun.
bool ModelServer::start(char type) {
  if (limbo_) {
    fail("XX000", "StartTransactionCommand: unexpected state STARTED");
    if (type == 'Q') {
      skipping_ = false;
      out_ += ready();
    }
    return false;
  }
  if (started_ && pipelined_ && !in_block_ && is_18_) implicit_ = true;
  started_ = true;
  return true;
}

/// What has changed of the settings comes just before it.
std::string ModelServer::ready() {
  std::string out;
  if (std::exchange(encoding_told_, encoding_.now) != encoding_.now)
    out = server::parameter_status("client_encoding", encoding_.now);
  return out + server::ready(failed_ ? 'E' : in_block_ || implicit_ ? 'T' : 'I');
}

/// An image as the client gets it: in hex where the statement asks for that.
std::string ModelServer::in_client_encoding(const std::string& image, std::string_view text) const {
  if (contains(text, "'hex')")) return hex(image);
  if (encoding_.now == "UTF8") return image;
  std::string latin = image;
  for (auto at = latin.find("\xc3\xa9"); at != std::string::npos; at = latin.find("\xc3\xa9"))
    latin.replace(at, 2, "\xe9");
  return latin;
}

std::optional<ModelServer::Ended> ModelServer::set_encoding(const std::string& text) {
  if (!contains(text, "client_encoding")) return std::nullopt;
  encoding_.now = contains(text, "LATIN1") ? "LATIN1" : "UTF8";
  if (!contains(text, "LOCAL")) encoding_.stays = encoding_.now;
  return Ended{server::complete(text.substr(0, text.find(' '))), false};
}

void ModelServer::fail(std::string_view sqlstate, std::string_view message) {
  out_ += server::error(sqlstate, message, {{'F', "portalmem.c"}, {'L', "1"}, {'R', "MarkPortalActive"}});
  skipping_ = true;
  if (in_block_) failed_ = true;
  if (!in_block_) end_transaction(false);
}

ModelServer::Ended ModelServer::refuse(std::string_view sqlstate, std::string_view message) {
  fail(sqlstate, message);
  return {{}, true};
}

bool ModelServer::refused_in_failed_block(const std::string& text) const {
  return failed_ && !text.empty() && !ends_failed_block(text);
}

void ModelServer::parse(std::string_view name, const std::string& whole) {
  if (contains(whole, "\xff"))
    return encoding_.now == "UTF8" ? fail("22021", "invalid byte sequence") : fail("42601", "syntax error");
  const std::vector<std::string> parts = split_statements(whole);
  if (parts.size() > 1) return fail("42601", "cannot insert multiple commands into a prepared statement");
  const std::string text = parts.empty() ? "" : parts[0];
  if (text.starts_with("bad")) return fail("42601", "syntax error");
  if (refused_in_failed_block(text)) return fail("25P02", "current transaction is aborted");
  if (!name.empty() && statements_.contains(std::string(name))) return fail("42P05", "already exists");
  if (is_shape(text) && decide(7, shapes_++) % 4 == 1) return fail("42P18", "could not determine data type");
  statements_[std::string(name)] = text;
  out_ += server::parse_complete();
}

void ModelServer::bind(std::string_view body) {
  const auto view = wire::read_bind(body);
  if (!view) return fail("08P01", "malformed");
  const auto statement = statements_.find(std::string(view->statement));
  if (statement == statements_.end()) return fail("26000", "prepared statement does not exist");
  if (refused_in_failed_block(statement->second)) return fail("25P02", "current transaction is aborted");
  const std::string name(view->portal);
  if (is_shape(statement->second) && decide(7, shapes_++) % 4 == 0) return fail("22P02", "invalid input syntax");
  if (!name.empty() && portals_.contains(name)) return fail("42P03", "cursor already exists");
  Portal portal{.text = statement->second, .subtransaction = subtransaction()};
  for (const auto& value : view->values) portal.parameters.emplace_back(value.value_or(""));
  portals_[name] = std::move(portal);
  out_ += server::bind_complete();
}

void ModelServer::describe(char kind, const std::string& name) {
  const auto statement = statements_.find(name);
  const auto portal = portals_.find(name);
  if (kind == 'S' && statement == statements_.end()) return fail("26000", "prepared statement does not exist");
  if (kind == 'P' && portal == portals_.end()) return fail("34000", "portal does not exist");
  const std::string& text = kind == 'S' ? statement->second : portal->second.text;
  if (has_rows(text) && failed_) return fail("25P02", "current transaction is aborted");
  if (kind == 'S') out_ += server::parameter_description({});
  out_ += has_rows(text) ? server::row_description(columns_of(text)) : server::no_data();
}

void ModelServer::close(char kind, const std::string& name) {
  kind == 'S' ? void(statements_.erase(name)) : void(portals_.erase(name));
  out_ += server::close_complete();
}

void ModelServer::execute(const std::string& name, std::size_t limit) {
  const auto portal = portals_.find(name);
  if (portal == portals_.end()) return fail("34000", "portal \"" + name + "\" does not exist");
  if (portal->second.text.empty()) {
    out_ += frame('I');
    return;
  }
  if (refused_in_failed_block(portal->second.text)) return fail("25P02", "current transaction is aborted");
  if (portal->second.failed || (portal->second.ran && !has_rows(portal->second.text)))
    return fail("55000", "portal \"" + name + "\" cannot be run");
  // A copy: what it runs may end the transaction, and the portal with it.
  Portal running = portal->second;
  const Ended ended = run(running, limit);
  const auto still = portals_.find(name);
  if (ended.failed) {
    if (still != portals_.end()) still->second.failed = true;
    return;
  }
  out_ += ended.complete;
  pipelined_ = !in_block_ && !ends_failed_block(running.text);
  if (still != portals_.end()) still->second = std::move(running);
}

ModelServer::Ended ModelServer::run(Portal& portal, std::size_t limit) {
  const std::string& text = portal.text;
  for (const char* own : {"to_regclass", "if_assigned", "pg_xact_status"})
    if (contains(text, own)) return run_own(portal);
  if (contains(text, "FOR NO KEY UPDATE OF")) return lock(text);
  if (text.starts_with("CALL")) {
    portal.ran = true;
    return call(in_block_ || several_ || implicit_);
  }
  if (is_plain_write(text)) return write(portal, limit);
  if (contains(text, "pg_prepared_statements") && !portal.ran) {
    portal.ran = true;
    return list_statements();
  }
  if (text.starts_with("SELECT")) {
    if (!portal.ran) {
      const std::uint32_t decision = decide(1, runs_++);
      if (decision % 8 == 7) return refuse("22012", "division by zero");
      // A function that nobody knows changes what is known.
      if (text == "SELECT f()") encoding_.now = encoding_.stays = encoding_.now == "UTF8" ? "LATIN1" : "UTF8";
      for (std::uint32_t i = 0; i < decision % 3; ++i) portal.rows.push_back(server::row({std::to_string(i)}));
    }
    portal.ran = true;
    return fetch(portal, limit, "SELECT ");
  }
  portal.ran = true;
  return text == "COPY s FROM STDIN" ? begin_copy() : run_control(text);
}

/// It may fail before it reads anything; what was sent with it is then read as ever.
ModelServer::Ended ModelServer::begin_copy() {
  out_ += frame('G', std::string(3, '\0'));
  if (decide(4, copies_++) % 3 == 2) return refuse("55000", "cannot perform COPY FREEZE");
  copy_in_ = true;
  return {};
}

void ModelServer::take_copy(char type) {
  if (type == 'S' || type == 'H') return;
  if (type == 'd' && decide(5, copies_) % 3 != 2) return;
  copy_in_ = false;
  if (type == 'c') {
    out_ += server::complete("COPY 1");
  } else if (type == 'd') {
    fail("22P04", "extra data after last expected column");
  } else if (type == 'f') {
    fail("57014", "COPY from stdin failed");
  } else {
    fail("08P01", std::string("unexpected message type ") + type + " during COPY from stdin");
  }
}

ModelServer::Ended ModelServer::run_own(const Portal& portal) {
  if (contains(portal.text, "to_regclass")) {
    // That something has changed may be said at any time.
    const bool checks = portal.parameters.size() > 1 && !portal.parameters[1].empty();
    if (checks && decide(6, checks_++) % 3 == 0) return refuse("22012", "division by zero");
    Table table = table_facts(portal.parameters.at(0));
    if (seed_ % 2 == 0) table.server_run = "7714 00000001 1796.5 0/0 1795.25 1";  // else behind a pooler
    // The first question is not enough in every session.
    const bool plain = !contains(portal.text, "'deferrable'");
    const bool whole = contains(portal.text, "inside AS");
    if (seed_ % 3 == 0) table.has_update_triggers = true;
    if (seed_ % 5 == 0 && !whole) table.columns = R"([["id","N",""],["v","S","i"]])";
    if (whole) table.digest = "3";
    out_ += server::row(plain ? table.without_updates().facts() : table.facts());
  } else if (contains(portal.text, "pg_xact_status")) {
    out_ += server::row({status(std::stoull(portal.parameters.at(0)))});
  } else {
    out_ += server::row({has_xid_ ? std::optional(std::to_string(xid_)) : std::nullopt, event::to_text(lsn_)});
  }
  return {server::complete("SELECT 1"), false};
}

/// A procedure that commits or rolls back, or neither, and then may fail.
ModelServer::Ended ModelServer::call(bool atomic) {
  const std::uint32_t decision = decide(6, calls_++);
  const bool ends = decision % 3 != 0;
  if (ends && atomic) return refuse("2D000", "invalid transaction termination");
  if (ends && !end_transaction(decision % 3 == 1)) return refuse("23503", "violates foreign key constraint");
  if (decision / 3 % 3 == 0) return refuse("P0001", "raised behind it");
  return {server::complete("CALL"), false};
}

/// Of the rows that the next write moves: their old keys are negative.
ModelServer::Ended ModelServer::lock(const std::string& text) {
  const bool reads = !text.starts_with("SELECT FROM");
  const std::uint32_t count = rows_of_write(runs_);
  for (std::uint32_t i = 1; i <= count; ++i) {
    out_ += server::row(reads ? Values{in_client_encoding(old_image(rows_ + i), text), "16400", std::to_string(xid_),
                                       event::to_text(lsn_)}
                              : Values());
  }
  return {server::complete("SELECT " + std::to_string(count)), false};
}

/// How many rows the write that is the `run`th statement to run writes.
std::uint32_t ModelServer::rows_of_write(std::uint32_t run) const {
  return decide(2, run) % 6 % 3;
}

ModelServer::Ended ModelServer::write(Portal& portal, std::size_t limit) {
  const std::string& text = portal.text;
  const std::string verb = text.starts_with("INSERT") ? "INSERT 0 " : text.substr(0, 7);
  if (!portal.ran) {
    portal.ran = true;
    const std::uint32_t run = runs_++;
    if (decide(2, run) % 6 == 5) return refuse("23505", "duplicate key");
    const std::uint32_t count = rows_of_write(run);
    const std::string table = table_of(text);
    if (count > 0) has_xid_ = true;
    if (count > 0 && table == "r") written_.push_back("r " + std::to_string(count));
    // Of several rows that move the deletes are told first.
    for (std::uint32_t i = 1; table == "m" && count > 1 && i <= count; ++i) written_.push_back(old_image(rows_ + i));
    const bool own_list = has_own_list(text);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::string id = std::to_string(++rows_);
      const std::string image = "{\"id\":" + id + (table == "m" ? ",\"v\":" + id : ",\"n\":\"\xc3\xa9\"") + "}";
      lsn_ += 8;
      if (table == "t" || table == "m") written_.push_back(image);
      Values columns;
      if (own_list) columns.push_back(id);
      if (returns_old(text)) columns.push_back(in_client_encoding(old_image(rows_), text));
      if (contains(text, "/*weir*/"))
        columns.insert(columns.end(),
                       {in_client_encoding(image, text), "16400", std::to_string(xid_), event::to_text(lsn_)});
      portal.rows.push_back(server::row(columns));
    }
    if (!returns(text)) {
      portal.rows.clear();
      return {server::complete(verb + std::to_string(count)), false};
    }
  }
  return fetch(portal, limit, verb);
}

ModelServer::Ended ModelServer::fetch(Portal& portal, std::size_t limit, std::string_view verb) {
  const std::size_t count = limit == 0 ? portal.rows.size() : std::min(limit, portal.rows.size());
  for (std::size_t i = 0; i < count; ++i) out_ += portal.rows[i];
  portal.rows.erase(portal.rows.begin(), portal.rows.begin() + std::ptrdiff_t(count));
  // The server cannot know that there is nothing more until it was asked for more.
  if (limit != 0 && count == limit) return {server::portal_suspended(), false};
  return {server::complete(std::string(verb) + std::to_string(count)), false};
}

ModelServer::Ended ModelServer::list_statements() {
  std::size_t count = 0;
  for (const auto& [name, text] : statements_) {
    if (name.empty()) continue;
    out_ += server::row({name});
    ++count;
  }
  return {server::complete("SELECT " + std::to_string(count)), false};
}

ModelServer::Ended ModelServer::run_control(const std::string& text) {
  if (text == "BEGIN") {
    if (in_block_) out_ += server::report('N', "WARNING", "25001", "there is already a transaction in progress");
    in_block_ = true;
    implicit_ = pipelined_ = false;
    return {server::complete("BEGIN"), false};
  }
  const bool chain = contains(text, "AND CHAIN");
  if (text.starts_with("COMMIT") || text == "ROLLBACK") {
    if (!in_block_ && chain) return refuse("25P01", "COMMIT AND CHAIN can only be used in transaction blocks");
    if (!in_block_) out_ += server::report('N', "WARNING", "25P01", "there is no transaction in progress");
    const bool commit = text != "ROLLBACK" && !failed_;
    in_block_ = failed_ = false;
    if (!end_transaction(commit)) return refuse("23503", "violates foreign key constraint");
    in_block_ = chain;
    return {server::complete(commit ? "COMMIT" : "ROLLBACK"), false};
  }
  if (text == "SET search_path = a") return {server::complete("SET"), false};
  if (const auto set = set_encoding(text)) return *set;
  if (text == "DEALLOCATE ALL") {
    std::erase_if(statements_, [](const auto& statement) { return !statement.first.empty(); });
    return {server::complete("DEALLOCATE ALL"), false};
  }
  if (text == "DEALLOCATE a") {
    if (statements_.erase("a") == 0) return refuse("26000", "prepared statement \"a\" does not exist");
    return {server::complete("DEALLOCATE"), false};
  }
  if (!in_block_) return refuse("25P01", "can only be used in transaction blocks");
  if (text == "SAVEPOINT a") {
    savepoints_.push_back({++subtransactions_, written_.size(), encoding_});
    return {server::complete("SAVEPOINT"), false};
  }
  if (savepoints_.empty()) return refuse("3B001", "savepoint does not exist");
  const std::uint32_t ended = savepoints_.back().subtransaction;
  if (text == "RELEASE a") {
    savepoints_.pop_back();
    for (auto& [name, portal] : portals_) portal.subtransaction = std::min(portal.subtransaction, subtransaction());
    return {server::complete("RELEASE"), false};
  }
  written_.resize(savepoints_.back().written);
  encoding_ = savepoints_.back().encoding;
  std::erase_if(portals_, [ended](const auto& portal) { return portal.second.subtransaction >= ended; });
  failed_ = false;
  return {server::complete("ROLLBACK"), false};
}

/// False where a deferred constraint fails.
bool ModelServer::end_transaction(bool commit) {
  const bool wrote = has_xid_;
  const bool holds = !commit || !wrote || decide(3, commits_++) % 5 != 4;
  if (commit && holds) committed_.insert(committed_.end(), written_.begin(), written_.end());
  encoding_before_ = commit && holds ? encoding_.stays : encoding_before_;
  encoding_ = {encoding_before_, encoding_before_};
  written_.clear();
  savepoints_.clear();
  portals_.clear();
  if (wrote) ended_[xid_++] = commit && holds;
  has_xid_ = pipelined_ = implicit_ = limbo_ = false;
  lsn_ += 8;
  return holds;
}

void ModelServer::sync() {
  // Nothing has been started since the Query that left the transaction open: the server forgets to end it.
  if (!started_ && (implicit_ || limbo_)) {
    limbo_ = true;
    implicit_ = false;
  } else if (!in_block_ && !end_transaction(true)) {
    fail("23503", "violates foreign key constraint");
  }
  skipping_ = started_ = false;
  out_ += ready();
}

/// What is no string, or not in the client's encoding, is refused before it ends the unnamed statement.
void ModelServer::query(std::string_view body) {
  if (!body.ends_with('\0')) {
    fail("08P01", "invalid string in message");
  } else if (contains(body, "\xff") && encoding_.now == "UTF8") {
    fail("22021", "invalid byte sequence");
  } else {
    return run_query(std::string(body.substr(0, body.size() - 1)));
  }
  skipping_ = started_ = false;
  out_ += ready();
}

void ModelServer::run_query(const std::string& text) {
  statements_.erase("");
  const std::vector<std::string> parts = split_statements(text);
  const bool bad = std::any_of(parts.begin(), parts.end(),
                               [](const auto& part) { return part.starts_with("bad") || part.starts_with("\xff"); });
  if (bad) fail("42601", "syntax error");
  several_ = parts.size() > 1;
  // An empty one commits too what was outstanding.
  if (parts.empty() && !in_block_ && !implicit_ && !end_transaction(true))
    fail("23503", "violates foreign key constraint");
  if (parts.empty() && !skipping_) out_ += frame('I');
  for (std::size_t i = 0; i < parts.size() && !skipping_; ++i) {
    if (refused_in_failed_block(parts[i])) {
      fail("25P02", "current transaction is aborted");
      break;
    }
    // One that fails while it runs leaves its own unnamed portal in a failed block; nobody asks for that, and it is not
    // modelled.
    portals_.erase("");
    Portal portal{.text = parts[i]};
    const std::string before = std::exchange(out_, {});
    const Ended ended = run(portal, 0);
    // Rows of a write are collected before any of them is sent.
    const std::string rows = std::exchange(out_, before);
    const bool described = has_rows(parts[i]) && (!ended.failed || parts[i].starts_with("SELECT"));
    if (described) out_ += server::row_description(columns_of(parts[i]));
    out_ += rows;
    if (ended.failed) break;
    const bool last = i + 1 == parts.size();
    const bool goes_on = in_block_ || (implicit_ && !several_);
    if (last && !goes_on && !end_transaction(true)) {
      fail("23503", "violates foreign key constraint");
      break;
    }
    out_ += ended.complete;
  }
  skipping_ = several_ = started_ = false;
  if (!in_block_ && !implicit_) end_transaction(false);
  out_ += ready();
}

}  // namespace weir::testing
