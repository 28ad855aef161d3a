#include "proxy/admin/console.h"

#include <algorithm>
#include <utility>

#include "wire/error_response.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace weir::proxy {

namespace {

namespace backend = wire::backend;
namespace frontend = wire::frontend;

/// A statement of the console is a few words.
constexpr std::uint32_t kLongestMessage = 64 * 1024;
constexpr std::size_t kMostNames = 1'000;
constexpr const char* kProtocolViolation = "08P01";

void append_int16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xFFu);
  out += static_cast<char>(value & 0xFFu);
}

void append_int32(std::string& out, std::uint32_t value) {
  append_int16(out, value >> 16);
  append_int16(out, value & 0xFFFFu);
}

/// All of type text, which is the same in both formats.
void append_row_description(std::string& out, const std::vector<std::string>& columns) {
  constexpr std::uint32_t kText = 25;
  std::string body;
  append_int16(body, columns.size());
  for (const auto& name : columns) {
    body += name;
    body += '\0';
    append_int32(body, 0);  // of no table
    append_int16(body, 0);
    append_int32(body, kText);
    append_int16(body, 0xFFFF);       // of no fixed size
    append_int32(body, 0xFFFF'FFFF);  // without a modifier
    append_int16(body, 0);
  }
  wire::append_frame(out, backend::kRowDescription, body);
}

void append_row(std::string& out, const std::vector<std::string>& values) {
  wire::append_data_row(out, wire::RowView(values.begin(), values.end()));
}

void append_complete(std::string& out, const std::string& tag) {
  wire::append_frame(out, backend::kCommandComplete, tag + '\0');
}

void append_error(std::string& out, const Error& error) {
  wire::append_error(out, "ERROR", error.sqlstate.empty() ? "XX000" : error.sqlstate, error.message, {});
}

void append_ready(std::string& out) {
  wire::append_ready_for_query(out, wire::TransactionStatus::idle);
}

Error malformed() {
  return {"invalid message format", kProtocolViolation};
}

}  // namespace

std::size_t Console::from_upstream(std::string_view received, wire::Turn& turn) {
  if (options_.refusal) {
    if (!turn.close)
      wire::append_error(turn.to_client.buffer(), "FATAL", options_.refusal->sqlstate, options_.refusal->message, {});
    turn.close = true;
    return received.size();
  }
  std::size_t used = 0;
  while (used < received.size()) {
    const auto rest = received.substr(used);
    if (upstream_body_ > 0) {
      const auto part = std::min(upstream_body_, rest.size());
      turn.to_client.buffer() += rest.substr(0, part);
      upstream_body_ -= part;
      used += part;
      continue;
    }
    const auto header = wire::read_header(rest);
    if (header.state == wire::FrameHeader::State::incomplete) break;
    if (header.state == wire::FrameHeader::State::malformed) {
      wire::append_error(turn.to_client.buffer(), "FATAL", kProtocolViolation, "the database sent no message", {});
      turn.close = true;
      return received.size();
    }
    upstream_body_ = header.size;
    greeted_ = greeted_ || header.type == backend::kReadyForQuery;
  }
  return used;
}

std::size_t Console::from_client(std::string_view received, wire::Turn& turn) {
  std::size_t used = 0;
  frame_size_ = 0;
  while (used < received.size() && !then_) {
    const auto rest = received.substr(used);
    const auto header = wire::read_header(rest, kLongestMessage);
    if (header.state == wire::FrameHeader::State::incomplete) break;
    if (header.state == wire::FrameHeader::State::malformed) {
      wire::append_error(turn.to_client.buffer(), "FATAL", kProtocolViolation, "invalid message length", {});
      turn.close = true;
      return received.size();
    }
    if (rest.size() < header.size) {
      frame_size_ = header.size;
      break;
    }
    used += header.size;
    if (header.type == frontend::kTerminate) {
      turn.to_upstream.buffer() += rest.substr(0, header.size);
      continue;
    }
    answer(header.type, rest.substr(wire::kHeaderSize, header.size - wire::kHeaderSize), turn.to_client.buffer());
  }
  return used;
}

void Console::answer(char type, std::string_view body, std::string& out) {
  if (type == frontend::kSync) {
    skips_ = false;
    portals_.clear();
    return append_ready(out);
  }
  if (type == frontend::kQuery) {
    skips_ = false;
    return query(wire::read_string(body).value_or(""), out);
  }
  if (skips_ || type == frontend::kFlush) return;
  if (const auto done = extended(type, body, out); !done) {
    append_error(out, done.error());
    // A FunctionCall has no Sync behind it.
    if (type == frontend::kFunctionCall) return append_ready(out);
    skips_ = true;
  }
}

void Console::query(std::string_view text, std::string& out) {
  const auto statements = split_statements(text);
  if (statements.empty()) wire::append_frame(out, backend::kEmptyQueryResponse, {});
  rest_.assign(statements.rbegin(), statements.rend());
  go_on(out);
}

/// An error ends the Query; `skips_` says so.
void Console::go_on(std::string& out) {
  while (!rest_.empty() && !skips_) {
    const auto text = std::move(rest_.back());
    rest_.pop_back();
    run_query(text, out);
    if (then_) return;
  }
  rest_.clear();
  skips_ = false;
  append_ready(out);
}

/// `then` is called with the table, on this thread, and then whatever waits goes on.
void Console::begin(const ConsoleStatement& statement,
                    std::function<void(Result<ConsoleTable>, std::string& out)> then) {
  then_ = std::move(then);
  statement.begin(options_.orders, [this, later = options_.later](Result<ConsoleTable> table) {
    later([this, table = std::move(table)](wire::Turn& turn) {
      const auto then = std::exchange(then_, nullptr);
      then(table, turn.to_client.buffer());
    });
  });
}

void Console::run_query(const std::string& text, std::string& out) {
  const auto statement = ConsoleStatement::parse(text);
  if (!statement) return tell_query({}, statement.error(), out);
  if (!statement->takes_time()) return tell_query(*statement, statement->run(options_.look, options_.orders), out);
  begin(*statement, [this, statement = *statement](const Result<ConsoleTable>& table, std::string& more) {
    tell_query(statement, table, more);
    go_on(more);
  });
}

void Console::tell_query(const ConsoleStatement& statement, const Result<ConsoleTable>& table, std::string& out) {
  if (!table) {
    skips_ = true;
    return append_error(out, table.error());
  }
  if (!table->columns.empty()) append_row_description(out, table->columns);
  for (const auto& row : table->rows) append_row(out, row);
  append_complete(out, statement.tag());
}

Result<void> Console::extended(char type, std::string_view body, std::string& out) {
  switch (type) {
    case frontend::kParse:
      return parse(body, out);
    case frontend::kBind:
      return bind(body, out);
    case frontend::kDescribe:
      return describe(body, out);
    case frontend::kExecute:
      return execute(body, out);
    case frontend::kClose:
      return close(body, out);
    case frontend::kFunctionCall:
      return Error{"the console of Weir has no functions", "0A000"};
    default:
      return Error{"the console of Weir does not know this message", kProtocolViolation};
  }
}

Result<void> Console::parse(std::string_view body, std::string& out) {
  const auto message = wire::read_parse(body);
  if (!message) return malformed();
  const auto texts = split_statements(message->query);
  if (texts.size() > 1) return Error{"cannot insert multiple commands into a prepared statement", "42601"};
  const auto statement = ConsoleStatement::parse(texts.empty() ? std::string_view() : std::string_view(texts[0]));
  if (!statement) return statement.error();
  const std::string name(message->statement);
  if (!name.empty() && statements_.contains(name))
    return Error{"prepared statement \"" + name + "\" already exists", "42P05"};
  if (statements_.size() >= kMostNames) return Error{"too many prepared statements", "53000"};
  statements_.insert_or_assign(name, *statement);
  wire::append_frame(out, backend::kParseComplete, {});
  return {};
}

Result<void> Console::bind(std::string_view body, std::string& out) {
  const auto message = wire::read_bind(body);
  if (!message) return malformed();
  const auto statement = statements_.find(std::string(message->statement));
  if (statement == statements_.end())
    return Error{"prepared statement \"" + std::string(message->statement) + "\" does not exist", "26000"};
  if (!message->values.empty()) return Error{"statements of the console have no parameters", kProtocolViolation};
  if (portals_.size() >= kMostNames) return Error{"too many portals", "53000"};
  portals_.insert_or_assign(std::string(message->portal), Portal{statement->second, {}, 0});
  wire::append_frame(out, backend::kBindComplete, {});
  return {};
}

Result<void> Console::describe(std::string_view body, std::string& out) {
  const auto target = wire::read_target(body);
  if (!target) return malformed();
  const std::string name(target->name);
  std::vector<std::string> columns;
  if (target->kind == 'S') {
    const auto found = statements_.find(name);
    if (found == statements_.end()) return Error{"prepared statement \"" + name + "\" does not exist", "26000"};
    columns = found->second.columns();
    wire::append_frame(out, backend::kParameterDescription, std::string(2, '\0'));
  } else {
    const auto found = portals_.find(name);
    if (found == portals_.end()) return Error{"portal \"" + name + "\" does not exist", "34000"};
    columns = found->second.statement.columns();
  }
  if (columns.empty()) {
    wire::append_frame(out, backend::kNoData, {});
  } else {
    append_row_description(out, columns);
  }
  return {};
}

Result<void> Console::execute(std::string_view body, std::string& out) {
  const auto message = wire::read_execute(body);
  if (!message) return malformed();
  const auto found = portals_.find(std::string(message->portal));
  if (found == portals_.end()) return Error{"portal \"" + std::string(message->portal) + "\" does not exist", "34000"};
  auto& portal = found->second;
  if (portal.statement.empty()) {
    wire::append_frame(out, backend::kEmptyQueryResponse, {});
    return {};
  }
  if (!portal.table && portal.statement.takes_time()) {
    // No other message is taken meanwhile, so the portal stays.
    begin(portal.statement, [this, &portal, limit = message->row_limit](Result<ConsoleTable> table, std::string& more) {
      skips_ = !table;
      if (!table) return append_error(more, table.error());
      portal.table = std::move(*table);
      execute(portal, limit, more);
    });
    return {};
  }
  if (!portal.table) {
    auto table = portal.statement.run(options_.look, options_.orders);
    if (!table) return table.error();
    portal.table = std::move(*table);
  }
  execute(portal, message->row_limit, out);
  return {};
}

void Console::execute(Portal& portal, std::int32_t row_limit, std::string& out) {
  const auto left = portal.table->rows.size() - portal.next;
  const auto limit = row_limit > 0 ? std::min(left, static_cast<std::size_t>(row_limit)) : left;
  for (std::size_t i = 0; i < limit; ++i) append_row(out, portal.table->rows[portal.next++]);
  if (row_limit > 0 && limit < left) {
    wire::append_frame(out, backend::kPortalSuspended, {});
  } else {
    append_complete(out, portal.statement.tag());
  }
}

Result<void> Console::close(std::string_view body, std::string& out) {
  const auto target = wire::read_target(body);
  if (!target) return malformed();
  if (target->kind == 'S') {
    statements_.erase(std::string(target->name));
  } else {
    portals_.erase(std::string(target->name));
  }
  wire::append_frame(out, backend::kCloseComplete, {});
  return {};
}

}  // namespace weir::proxy
