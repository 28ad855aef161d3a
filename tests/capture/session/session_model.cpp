#include "tests/capture/session/session_model.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>

#include "capture/capture_settings.h"
#include "capture/encoding.h"
#include "capture/event/gap_cause.h"
#include "capture/event/json_members.h"
#include "capture/session/session.h"
#include "capture/sql/statement_cache.h"
#include "tests/capture/session/messages.h"
#include "tests/capture/session/model_server.h"
#include "wire/frame.h"

namespace weir::testing {
namespace {

constexpr std::array<const char*, 31> kTexts{"INSERT INTO t VALUES (1)",
                                             "INSERT INTO t VALUES (1) RETURNING id",
                                             "UPDATE t SET v = 1",
                                             "UPDATE t SET v = 1 RETURNING id",
                                             "DELETE FROM t",
                                             "DELETE FROM t RETURNING id",
                                             "SELECT id FROM x",
                                             "BEGIN",
                                             "COMMIT",
                                             "ROLLBACK",
                                             "SAVEPOINT a",
                                             "ROLLBACK TO a",
                                             "RELEASE a",
                                             "bad syntax",
                                             "INSERT INTO s VALUES (1)",
                                             "UPDATE r SET v = 1",
                                             "COMMIT AND CHAIN",
                                             "",
                                             "SET search_path = a",
                                             "DEALLOCATE ALL",
                                             "DEALLOCATE a",
                                             "SELECT name FROM pg_prepared_statements",
                                             "INSERT INTO t VALUES (2)",
                                             "BEGIN",
                                             "UPDATE m SET id = 1",
                                             "UPDATE m SET id = 1 RETURNING id",
                                             "SELECT f()",
                                             "SET client_encoding = 'LATIN1'",
                                             "SET client_encoding = 'UTF8'",
                                             "SET LOCAL client_encoding = 'LATIN1'",
                                             "RESET client_encoding"};
/// The server takes them, the parser does not.
constexpr std::array<const char*, 3> kUnread{"?SELECT id FROM x", "?COMMIT", "?ROLLBACK"};
/// In a Query of several statements the others make a gap of each write: its bytes are read before they are changed.
constexpr unsigned kBesideOthers = 27;
constexpr unsigned kFirstUnread = 234;
constexpr unsigned kFirstCopy = 240;
constexpr unsigned kFirstCall = 245;
constexpr unsigned kFirstUnreadable = 250;
constexpr unsigned kFirstBroken = 254;
constexpr const char* kNotTold = "a value that is not told";
constexpr const char* kUnfetched = "rows of a portal were not fetched";
constexpr std::array<const char*, 4> kNames{"", "", "a", "b"};

/// Takes bytes one by one; zeros when there are no more.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  unsigned next() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return byte;
  }
  std::string text() { return kTexts[next() % kTexts.size()]; }
  std::string text_beside_others() { return kTexts[next() % kBesideOthers]; }
  /// By itself: beside a write it would make a gap of that.
  std::string only_text() {
    const unsigned byte = next();
    return byte < kFirstUnread ? kTexts[byte % kTexts.size()] : kUnread[byte % kUnread.size()];
  }
  std::string name() { return kNames[next() % kNames.size()]; }

 private:
  std::string_view rest_;
};

/// The server closes where it reads a length that cannot be.
void end_where_broken(ModelServer& server, std::string_view rest) {
  if (wire::read_client_header(rest).state == wire::FrameHeader::State::malformed) server.close();
}

std::string query_of(Bytes& in) {
  const unsigned count = in.next() % 4;
  std::string text = count > 1 ? in.text_beside_others() : in.only_text();
  for (unsigned i = 1; i < count; ++i) text += "; " + in.text_beside_others();
  return client::query(text);
}

/// What a driver sends for one statement.
std::string run_of(Bytes& in, const std::string& text) {
  return client::parse("", text) + client::bind("", "") + client::describe('P', "") +
         client::execute("", std::int32_t(in.next() % 3));
}

/// A whole COPY, with what may be sent before it is known how it goes. Nothing else can run its statement: a Query
/// inside would end the session.
std::string copy_of(Bytes& in) {
  const unsigned what = in.next();
  std::string out = client::parse("", "COPY s FROM STDIN") + client::bind("", "") + client::execute("");
  if (what & 1) out += client::sync();
  const std::string end = client::sync() + client::close('S', "");
  // Of a write that ran all the same only a gap would tell.
  const std::string inside = in.text();
  const bool writes = inside.starts_with("INSERT") || inside.starts_with("UPDATE") || inside.starts_with("DELETE");
  if ((what & 14) == 14) return out + run_of(in, writes ? "COMMIT" : inside) + end;
  if (what & 2) out += frame('d', "1\n");
  if (what & 4) out += client::sync();
  return out + frame(what & 8 ? 'f' : 'c', what & 8 ? std::string("no\0", 3) : "") + end;
}

/// A pipeline in which something can commit by itself. Behind a Sync: what portals hold is read before such a CALL.
std::string call_of(Bytes& in) {
  const unsigned what = in.next();
  std::string out = client::sync() + run_of(in, in.text());
  if (what & 1) out += run_of(in, in.text());
  out += what & 2 ? client::query("CALL c()") : run_of(in, "CALL c()");
  if (what & 4) out += run_of(in, in.text());
  if (what & 8) out += run_of(in, "CALL c()");
  return out + (what & 16 ? client::query(in.text()) : client::sync());
}

/// What the server refuses before it does anything.
std::string unreadable_of(Bytes& in) {
  const std::string text = in.text_beside_others();
  switch (in.next() % 4) {
    case 0:
      return client::query(text + "; SELECT '\xff'");
    case 1:
      return client::query("\xff" + text);
    case 2:
      return frame('Q', text + "x");
    default:
      return client::parse(in.name(), text + "\xff");
  }
}

/// A length that cannot be, or a Flush with a body.
std::string broken_of(Bytes& in) {
  const unsigned what = in.next();
  if (what % 4 == 3) return frame('H', "x");
  const char type = "QPBEDCSHXdcf"[what / 4 % 12];
  return type + int32(what % 4 == 0 ? 0 : what % 4 == 1 ? 3 : -1);
}

std::string message_of(Bytes& in) {
  const unsigned byte = in.next();
  if (byte >= kFirstBroken) return broken_of(in);
  if (byte >= kFirstUnreadable) return unreadable_of(in);
  if (byte >= kFirstCall) return call_of(in);
  if (byte >= kFirstCopy) return copy_of(in);
  const unsigned kind = byte % 12;
  switch (kind) {
    case 0:
    case 1:
      return query_of(in);
    case 2:
    case 3:
      return run_of(in, in.text());
    case 4: {
      const std::string name = in.name();
      return client::parse(name, in.text());
    }
    case 5: {
      const std::string portal = in.name();
      return client::bind(portal, in.name());
    }
    case 6:
    case 7: {
      const std::string portal = in.name();
      return client::execute(portal, std::int32_t(in.next() % 3));
    }
    case 8:
    case 9: {
      const char target = in.next() % 2 ? 'S' : 'P';
      return kind == 8 ? client::describe(target, in.name()) : client::close(target, in.name());
    }
    case 10:
      return client::flush();
    default:
      return client::sync();
  }
}

/// Keeps what was told to have been committed. What is in doubt is asked of the server.
class TellingGate : public capture::CommitGate {
 public:
  explicit TellingGate(const ModelServer& server) : server_(server) {}

  std::int64_t open() override {
    open_[++last_] = {};
    return last_;
  }
  void append(std::int64_t id, std::vector<event::ChangeEvent> events) override {
    if (prepared_.contains(id)) problem = "a transaction grew after it was prepared";
    for (auto& event : events) open_[id].push_back(std::move(event));
  }
  void truncate(std::int64_t id, std::uint32_t ordinal) override {
    // What a crash would leave behind is what was prepared.
    if (prepared_.contains(id)) problem = "a transaction shrank after it was prepared";
    std::erase_if(open_[id], [ordinal](const auto& event) { return event.ordinal >= ordinal; });
  }
  std::optional<Result<void>> prepare(event::Transaction transaction, std::vector<event::ChangeEvent> rest) override {
    if (!open_.contains(transaction.id)) problem = "a transaction was prepared that was not open";
    if (transaction.xid == 0 || transaction.first_lsn == 0) problem = "a transaction without id or version";
    append(transaction.id, std::move(rest));
    prepared_.insert(transaction.id);
    xids_[transaction.id] = transaction.xid;
    if (++asked_ % 3 != 0) return Result<void>();
    waiting = true;
    return std::nullopt;
  }
  bool may_be_told(std::int64_t id) override {
    if (!prepared_.contains(id)) problem = "an answer was held whose transaction was not prepared";
    if (told_.contains(id) || asked_ % 2 != 0) return true;
    told_.insert(id);
    syncing = true;
    return false;
  }
  void reopen(std::int64_t id) override {
    if (prepared_.erase(id) == 0) problem = "a transaction was opened again that was not prepared";
  }
  void outcome(std::int64_t id, capture::Outcome outcome) override {
    if (!open_.contains(id)) problem = "an outcome of a transaction that is not open";
    std::uint32_t ordinal = 0;
    if (outcome == capture::Outcome::unknown) outcome = resolved(id);
    for (const auto& event : open_[id]) {
      if (outcome == capture::Outcome::committed && event.op == event::Op::gap) gaps.insert(event.cause);
      if (outcome == capture::Outcome::committed) committed.push_back(said(event));
      if (event.ordinal != ++ordinal) problem = "ordinals with gaps";
    }
    open_.erase(id);
  }
  void report(event::Transaction, event::ChangeEvent gap) override { gaps.insert(gap.cause); }

  std::size_t open_transactions() const { return open_.size(); }

  std::vector<std::string> committed;
  std::set<std::string> gaps;  ///< their causes
  std::string problem;
  bool waiting = false;  ///< for the journal's answer
  bool syncing = false;  ///< something must become durable

 private:
  capture::Outcome resolved(std::int64_t id) {
    const std::string status = server_.status(xids_[id]);
    const bool open = status == "in progress" && !server_.in_limbo();
    if (!prepared_.contains(id) || open) problem = "an outcome that nobody can know";
    return status == "committed" ? capture::Outcome::committed : capture::Outcome::aborted;
  }
  std::string said(const event::ChangeEvent& change) {
    for (const auto* text : {&change.key, &change.old_key, &change.before, &change.after})
      if (*text && !event::is_utf8(**text)) problem = "an event that is not UTF-8";
    if (change.cause == event::to_text(event::GapCause::undefined_value)) return kNotTold;
    if (change.fidelity == event::Fidelity::statement)
      return change.table + " " + std::to_string(change.counts.updated);
    return change.after.value_or(change.before.value_or("?"));
  }

  const ModelServer& server_;
  std::map<std::int64_t, std::vector<event::ChangeEvent>> open_;
  std::map<std::int64_t, event::Xid> xids_;
  std::set<std::int64_t> prepared_;
  std::set<std::int64_t> told_;  // a sync was waited for
  std::uint64_t asked_ = 0;
  std::int64_t last_ = 0;
};

/// The session, its I/O and the server behind it.
class Proxied {
  ModelServer server_;

 public:
  explicit Proxied(std::uint32_t seed) : server_(seed), gate(server_) {
    capture::SessionOptions options;
    options.statements = &statements_;
    settings_.prepare_by_shape = seed % 3 != 2;
    if (seed % 4 == 0) settings_.facts_max_age = std::chrono::milliseconds(0);
    options.settings = &settings_;
    options.gate = &gate;
    options.catalog_epoch = &epoch_;
    options.clock = [this] { return now_ += std::chrono::seconds(3); };
    session_ = capture::make_session(options);
    from_server_ = server_.greeting();
  }

  void client_sends(std::string_view bytes) {
    from_client_ += bytes;
    offer_client();
  }
  /// Up to `size` bytes of the server's reach the session; false where there are none.
  bool server_goes_on(std::size_t size) {
    for (const std::string& frame : split_frames(to_server_)) {
      to_server_.erase(0, frame.size());
      from_server_ += server_.take(frame);
    }
    end_where_broken(server_, to_server_);
    if (from_server_.empty() || closed_) return false;
    const std::size_t count = std::min(size, from_server_.size());
    kept_ += from_server_.substr(0, count);
    from_server_.erase(0, count);
    const bool was_stalled = session_->standing().stalled;
    const std::string received = kept_;
    in_turn([&](wire::Turn& turn) { kept_.erase(0, session_->from_upstream(received, turn)); });
    if (was_stalled && !session_->standing().stalled) offer_client();
    return true;
  }
  bool journal_answers() {
    if (std::exchange(gate.syncing, false)) return goes_on_behind_sync();
    if (!std::exchange(gate.waiting, false)) return false;
    in_turn([&](wire::Turn& turn) { session_->on_prepared({}, turn); });
    offer_client();
    return true;
  }
  bool goes_on_behind_sync() {
    if (!session_->standing().upstream_stalled) gate.problem = "the database is read while what it said is held";
    session_->on_durable();
    const bool was_stalled = session_->standing().stalled;
    const std::string received = kept_;
    in_turn([&](wire::Turn& turn) { kept_.erase(0, session_->from_upstream(received, turn)); });
    if (was_stalled && !session_->standing().stalled) offer_client();
    return true;
  }
  /// A question of Weir's own, wherever the session stands.
  void weir_asks() {
    capture::Question question{"SELECT to_regclass($1)", {"\"t\""}, [this](auto rows) { unheard_ -= rows ? 1 : 2; }};
    in_turn([&](wire::Turn& turn) { unheard_ += session_->ask(question, turn) ? 1 : 0; });
  }
  /// Bytes that answer nothing.
  void server_strays(std::string_view bytes) { from_server_ += bytes; }
  bool closed() const { return closed_; }
  void ends() { session_->upstream_gone(); }

  /// Every question that was taken was answered, and with rows.
  bool heard_all() const { return unheard_ == 0; }
  bool settled() const { return from_client_.empty() && kept_.empty() && !session_->standing().stalled && !closed_; }
  const std::vector<std::string>& committed() const { return server_.committed(); }

  TellingGate gate;
  std::string to_client;

 private:
  void offer_client() {
    if (session_->standing().stalled || from_client_.empty() || closed_) return;
    const std::string received = from_client_;
    in_turn([&](wire::Turn& turn) { from_client_.erase(0, session_->from_client(received, turn)); });
  }
  template <typename Call>
  void in_turn(Call call) {
    wire::Turn turn;
    call(turn);
    closed_ = closed_ || turn.close;
    to_client += turn.to_client.bytes();
    to_server_ += turn.to_upstream.bytes();
  }

  capture::StatementCache statements_;
  capture::CaptureSettings settings_;
  std::atomic<std::uint64_t> epoch_{0};
  std::chrono::milliseconds now_{0};
  std::unique_ptr<capture::CaptureEngine> session_;
  std::string from_client_, to_server_, from_server_, kept_;
  int unheard_ = 0;
  bool closed_ = false;
};

/// A text that the parser cannot read may be about the rows that a portal still holds, so they are not read before it:
/// then a gap is the truth, and the only one that is.
bool may_leave_gap(const std::vector<std::string>& messages) {
  return std::any_of(messages.begin(), messages.end(), [](const std::string& message) {
    return std::any_of(kUnread.begin(), kUnread.end(),
                       [&](const char* text) { return message.find(text) != std::string::npos; });
  });
}

/// Behind a function that has changed the encoding in the same pipeline a value may have no meaning: then the event
/// says so. Else it is what was stored.
bool tells(const std::vector<std::string>& told, const std::vector<std::string>& committed,
           const std::vector<std::string>& messages) {
  const bool may_lack = std::any_of(messages.begin(), messages.end(), [](const std::string& message) {
    return message.find("SELECT f()") != std::string::npos;
  });
  return std::equal(told.begin(), told.end(), committed.begin(), committed.end(),
                    [&](const std::string& one, const std::string& stored) {
                      return one == stored || (one == kNotTold && may_lack && !capture::is_ascii(stored));
                    });
}

std::string shown(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += "  " + line + "\n";
  return out;
}

/// What is no text of a frame's body is shown as dots.
std::string readable(std::string_view body) {
  std::string out(body);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
  return out;
}

/// Frames, one per line; of a dialogue what is not equal at its begin.
std::string shown_frames(std::string_view bytes, std::size_t first = 0) {
  std::string out;
  const std::vector<std::string> frames = split_frames(bytes);
  for (std::size_t i = first; i < frames.size(); ++i)
    out += "  " + std::string(1, frames[i][0]) + " " + readable(std::string_view(frames[i]).substr(5)) + "\n";
  return out;
}

std::string difference(std::string_view got, std::string_view expected) {
  const auto a = split_frames(got), b = split_frames(expected);
  const auto equal = std::size_t(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  return "after " + std::to_string(equal) + " equal messages the client sees\n" + shown_frames(got, equal) +
         "instead of\n" + shown_frames(expected, equal);
}

}  // namespace

std::vector<std::string> client_messages(std::string_view bytes) {
  Bytes in(bytes);
  std::vector<std::string> messages;
  while (!in.empty() && messages.size() < 40) messages.push_back(message_of(in));
  messages.push_back(client::sync());
  return messages;
}

std::vector<std::string> repeating_messages(std::string_view bytes) {
  constexpr std::array<const char*, 4> kRepeated{"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)",
                                                 "INSERT INTO t VALUES (1) RETURNING id", "INSERT INTO s VALUES (1)"};
  Bytes in(bytes);
  std::vector<std::string> messages;
  while (!in.empty() && messages.size() < 40) {
    const unsigned byte = in.next();
    messages.push_back(byte % 4 == 3 ? message_of(in) : client::query(kRepeated[byte / 4 % kRepeated.size()]));
  }
  messages.push_back(client::sync());
  return messages;
}

std::string stray(const std::vector<std::string>& messages, std::string_view pace, std::uint32_t seed) {
  const std::string strays[] = {server::bind_complete(),
                                server::parse_complete(),
                                server::complete("SELECT 1"),
                                server::row({"1", "2"}),
                                server::ready('I'),
                                server::portal_suspended(),
                                server::row_description({"x"}),
                                server::error("XX000", "out of place"),
                                server::close_complete(),
                                frame('D', "xx"),
                                server::no_data(),
                                frame('T', "xx")};
  Proxied proxied(seed);
  while (proxied.server_goes_on(1u << 20)) {
  }
  Bytes in(pace);
  const std::size_t at = in.next() % messages.size();
  const std::string& wrong = strays[in.next() % std::size(strays)];
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i == at) proxied.server_strays(wrong);
    proxied.client_sends(messages[i]);
    const unsigned step = in.next();
    if (step & 2) proxied.server_goes_on(1 + step);
    if (step & 4) proxied.journal_answers();
    if (i == at && (step & 8)) proxied.server_strays(wrong);
  }
  while (proxied.server_goes_on(1u << 20) || proxied.journal_answers()) {
  }
  proxied.ends();
  // Of the client's own nothing has these.
  for (const char* added : {"tableoid", "{\"id\":", "7b226964223a", "16400", "weir:"}) {
    if (proxied.to_client.find(added) == std::string::npos) continue;
    std::string all;
    for (const std::string& message : messages) all += message;
    return "the client saw " + std::string(added) + " behind\n" + shown_frames(wrong) + "before message " +
           std::to_string(at) + "\n" + shown_frames(proxied.to_client) + "for\n" + shown_frames(all);
  }
  return proxied.gate.open_transactions() > 0 ? "a transaction was never ended" : "";
}

std::string play(const std::vector<std::string>& messages, std::string_view pace, std::uint32_t seed) {
  ModelServer direct(seed);
  std::string expected = direct.greeting();
  Proxied proxied(seed);
  while (proxied.server_goes_on(1u << 20)) {
  }
  Bytes in(pace);
  for (const std::string& message : messages) {
    for (const std::string& frame : split_frames(message)) expected += direct.take(frame);
    end_where_broken(direct, message);
    const unsigned step = in.next();
    if (step & 1) {
      proxied.client_sends(message);
    } else {
      const std::size_t half = message.size() / 2;
      proxied.client_sends(std::string_view(message).substr(0, half));
      proxied.client_sends(std::string_view(message).substr(half));
    }
    if (step & 2) proxied.server_goes_on(1 + step);
    if (step & 4) proxied.journal_answers();
    if (step & 8) {
      while (proxied.server_goes_on(1u << 20) || proxied.journal_answers()) {
      }
    }
    if (step & 16) proxied.weir_asks();
  }
  while (proxied.server_goes_on(1u << 20) || proxied.journal_answers()) {
  }
  const bool settled = proxied.settled();
  const bool heard_all = proxied.heard_all();
  proxied.ends();
  std::string problem = proxied.gate.problem;
  if (!heard_all) problem = "a question of Weir's own was not answered";
  if (!settled) problem = "the session is stuck";
  if (proxied.gate.open_transactions() > 0) problem = "a transaction was never ended";
  if (proxied.committed() != direct.committed())
    problem = "other rows were committed:\n" + shown(direct.committed()) + "and through the session\n" +
              shown(proxied.committed());
  for (const std::string& cause : proxied.gate.gaps)
    if (cause != kUnfetched || !may_leave_gap(messages)) problem = "a gap: " + cause;
  const bool all_told = proxied.gate.gaps.empty() || !problem.empty();
  if (all_told && !tells(proxied.gate.committed, proxied.committed(), messages))
    problem = "committed:\n" + shown(proxied.committed()) + "and told\n" + shown(proxied.gate.committed);
  if (proxied.to_client != expected) problem = difference(proxied.to_client, expected);
  if (problem.empty()) return problem;
  std::string all;
  for (const std::string& message : messages) all += message;
  return problem + "for\n" + shown_frames(all);
}

}  // namespace weir::testing
