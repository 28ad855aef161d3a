#include "proxy/io/session.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/memory.h"
#include "base/text.h"
#include "proxy/io/cancel.h"
#include "proxy/io/closing.h"
#include "proxy/io/session_title.h"
#include "proxy/process/log.h"
#include "wire/error_response.h"
#include "wire/message.h"

namespace weir::proxy {

namespace {

// So many buffers may be read from one socket before others get their turn.
constexpr int kReadsPerEvent = 4;
// A turn's buffer larger than this is given back after use.
constexpr std::size_t kTurnBufferKept = 256 * 1024;
// So much is held for a peer at most: PostgreSQL's own buffer, which it empties when it is full.
constexpr std::size_t kHeldBytes = 8 * 1024;
// When the answers of a client's last statements cannot be delivered, the database gets this long and this much is
// discarded before its socket is closed: without Weir it would end the statement when it could not send its rows.
constexpr std::chrono::seconds kAbandonedTime{5};
constexpr std::size_t kAbandonedBytes = 16 * 1024 * 1024;
// What PostgreSQL itself says when it is shut down.
constexpr std::string_view kAdminShutdown = "57P01";
constexpr std::string_view kCannotConnectNow = "57P03";
constexpr std::string_view kAdminShutdownWords = "terminating connection due to administrator command";

wire::LoginRules with_nonces(wire::LoginRules rules) {
  if (rules.termination) {
    rules.termination->server_nonce = wire::make_scram_nonce();
    rules.termination->client_nonce = wire::make_scram_nonce();
  }
  return rules;
}

void give_back_memory(wire::Outbox& outbox) {
  if (outbox.buffer().capacity() > kTurnBufferKept) give_back(outbox.buffer());
}

}  // namespace

Session::Session(Worker& worker, SessionInfo info, wire::LoginRules rules, std::unique_ptr<Admission::Ticket> ticket,
                 Admission::Clock::time_point login_until)
    : worker_(worker),
      title_(title_of(info)),
      ticket_(std::move(ticket)),
      info_(std::make_unique<SessionInfo>(std::move(info))),
      client_(worker.poller(), *this),
      upstream_(worker.poller(), *this),
      authentication_(std::make_unique<wire::Authentication>(with_nonces(std::move(rules)))),
      login_timer_(std::in_place, worker.io(), login_until) {
  standing_ = authentication_->standing();
}

void Session::start(Peer& client, UpstreamConnection upstream, std::string_view startup_message) {
  ticket_->enter(Admission::Stage::authenticating);
  worker_.may_have_to_make_way(*ticket_, weak_from_this());
  login_timer_->async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (self && !error) self->give_up_login();
  });
  client_.kept().append(client.kept().bytes());
  const std::string unsent(client.unsent());
  client_.attach(client.detach());
  client_.send(unsent);
  database_.target = std::move(upstream.target);
  upstream_.attach(std::move(upstream.transport));
  upstream_.send(startup_message);
  settle();
}

void Session::abort() {
  if (std::exchange(ended_, true)) return;
  tell_upstream_gone();
  log_end();
  upstream_.detach();
  client_.detach();
  ticket_.reset();
  worker_.release(*this);
}

void Session::make_way() {
  give_up_login();
}

/// As PostgreSQL says it at its authentication_timeout.
void Session::give_up_login() {
  if (ended_ || engine_) return;
  worker_.counters().refuse(LoginRefusal::timeout);
  log::info("late logins", title_ + ": closed, its login takes too long (limits.login_timeout, limits.logins)");
  say_goodbye("57014", "canceling authentication due to timeout");
}

/// Weir ends and can wait no longer. Without a cancel the database would go on with what the client had sent.
void Session::cut_off() {
  if (ended_) return;
  if (cut_off_ = standing_.commits; cut_off_) return;  // settle() goes on, or the worker's patience ends
  if (!standing_.idle) cancel_statement();
  say_goodbye(kAdminShutdown, kAdminShutdownWords);
}

void Session::cancel_statement() {
  if (database_.key.cancel_request().empty()) return;
  auto cancel = std::make_shared<Cancel>(worker_, nullptr, nullptr, database_.key.cancel_request());
  worker_.own(cancel);
  cancel->start();
}

void Session::say_goodbye(std::string_view sqlstate, std::string_view message) {
  if (standing_.between_messages) {
    wire::append_error(worker_.turn().to_client.buffer(), "FATAL", sqlstate, message, {});
    send_turn();
  }
  end();
}

void Session::log_end() const {
  log_refusal();
  const std::chrono::duration<double> time = Admission::Clock::now() - since_;
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%.3f", time.count());
  const auto say = worker_.shared().for_new_clients.get()->log_sessions
                       ? [](const std::string& text) { log::info(text); }
                       : [](const std::string& text) { log::debug(text); };
  say(title_ + ": ended after " + seconds.data() + " s; " + counted(counts_.client_bytes.value(), "byte") +
      " from the client, " + counted(counts_.upstream_bytes.value(), "byte") + " from the database, " +
      counted(counts_.transactions.value(), "captured transaction") + " with " +
      counted(counts_.events.value(), "event"));
}

void Session::drain() {
  if (!ended_) settle();
}

void Session::run(const SessionHandle::Function& function) {
  if (ended_) return;
  const wire::Standing before = standing_;
  function(worker_.turn());
  end_turn(before.stalled);
  if (before.upstream_stalled && !standing_.upstream_stalled && !closing_) use_kept(upstream_);
  settle();
}

void Session::on_peer_ready(Peer& peer, bool readable) {
  if (ended_) return;
  if (readable) read(peer);
  settle();
}

void Session::read(Peer& peer) {
  for (int i = 0; i < kReadsPerEvent; ++i) {
    if (!may_read(peer) || !read_once(peer)) return;
  }
}

bool Session::may_read(Peer& peer) const {
  if (peer.finished() || closing_) return false;
  const bool from_client = &peer == &client_;
  if (from_client && standing_.stalled && peer.kept().size() >= ReceiveBuffer::kSize) return false;
  if (!from_client && standing_.upstream_stalled) return false;
  return (from_client ? upstream_ : client_).unsent().size() < kHighWater;
}

/// Whether there may be more to read at once.
bool Session::read_once(Peer& peer) {
  ReceiveBuffer& buffer = worker_.receive_buffer();
  const IoResult result = peer.receive(buffer.space(), ReceiveBuffer::kSize);
  if (result.status != IoStatus::done) return false;
  (&peer == &client_ ? worker_.counters().client_bytes : worker_.counters().upstream_bytes).add(result.bytes);
  (&peer == &client_ ? counts_.client_bytes : counts_.upstream_bytes).add(result.bytes);
  const std::string_view received(buffer.space(), result.bytes);
  ByteQueue& kept = peer.kept();
  if (kept.empty()) {
    use(peer, received);
  } else if (kept.size() <= ReceiveBuffer::kFront && !must_keep(peer)) {
    const std::size_t before = kept.size();
    std::memcpy(buffer.space() - before, kept.bytes().data(), before);
    kept.clear();
    use(peer, {buffer.space() - before, before + received.size()});
  } else {
    kept.append(received);
    use_kept(peer);
  }
  return result.bytes == ReceiveBuffer::kSize || peer.transport().pending();
}

bool Session::must_keep(Peer& peer) const {
  return &peer == &client_ && standing_.stalled;
}

/// `received` is no part of what is kept.
void Session::use(Peer& peer, std::string_view received) {
  const std::size_t used = offer(peer, received);
  peer.kept().append(received.substr(used));
}

void Session::use_kept(Peer& peer) {
  const bool upstream = &peer == &upstream_;
  ByteQueue& kept = peer.kept();
  const std::size_t wanted = upstream ? standing_.upstream_frame_size : standing_.client_frame_size;
  if (wanted > kept.size()) {
    kept.expect(wanted);
  } else {
    kept.take(offer(peer, kept.bytes()));
  }
}

/// How many bytes were used, by the authentication and then by the engine where the one ends and the other begins.
std::size_t Session::offer(Peer& peer, std::string_view bytes) {
  if (must_keep(peer) || bytes.empty()) return 0;
  std::size_t used = offer_once(peer, bytes);
  if (engine_ || !begin_engine()) return used;
  if (used < bytes.size()) used += offer_once(peer, bytes.substr(used));
  if (!closing_) use_kept(client_);  // what came ahead of the login
  return used;
}

std::size_t Session::offer_once(Peer& peer, std::string_view bytes) {
  if (&peer == &upstream_ && !fits(bytes)) {
    database_.unfit = true;
    return bytes.size();
  }
  wire::Turn& turn = worker_.turn();
  const bool was_stalled = standing_.stalled;
  const std::size_t used = &peer == &client_ ? engine().from_client(bytes, turn) : engine().from_upstream(bytes, turn);
  // It is only taken as the answer to what the database asked for.
  if (!engine_ && &peer == &client_ && used > 0) info_->proved = true;
  if (engine_ && !database_.key.done() && &peer == &upstream_) read_key(bytes.substr(0, used));
  end_turn(was_stalled);
  return used;
}

/// What is reported of a session stands before its key, so nothing of one that is unfit reaches the client.
bool Session::fits(std::string_view bytes) const {
  const TargetSession target = worker_.shared().options.upstream.target;
  if (!engine_ || database_.key.done() || !is_particular(target)) return true;
  wire::BackendKeyReader ahead = database_.key;
  ahead.read(bytes);
  const auto standby = ahead.in_hot_standby();
  return !standby || session_fits(target, *standby, ahead.read_only());
}

void Session::read_key(std::string_view bytes) {
  database_.key.read(bytes);
  if (database_.target && !database_.key.cancel_request().empty())
    worker_.shared().cancel_targets.enter(database_.key.cancel_request(), *database_.target);
}

/// Where the turn has ended a stall, what the client had sent meanwhile goes on in it: all that follows is written at
/// once.
void Session::end_turn(bool was_stalled) {
  wire::Turn& turn = worker_.turn();
  std::size_t used = 0;
  standing_ = engine().standing();
  if (was_stalled && !standing_.stalled && !closing_ && !turn.close && !client_.kept().empty()) {
    used = engine().from_client(client_.kept().bytes(), turn);
    standing_ = engine().standing();
  }
  send_turn();
  client_.kept().take(used);
}

bool Session::begin_engine() {
  if (!authentication_->authenticated()) return false;
  info_->handle = SessionHandle(worker_.mailbox(), weak_from_this());
  info_->counts = &counts_;
  worker_.tell_of_trust(*info_);
  engine_ = worker_.shared().options.engine_factory(*info_);
  listed_ = worker_.shared().sessions->add(*info_, counts_);
  standing_ = engine_->standing();
  info_.reset();
  authentication_.reset();
  login_timer_.reset();
  ticket_->logged_in();
  return true;
}

/// The answer finds the login in the place of the engine, or that it is over.
void Session::find_verifier() {
  const wire::TerminatedScram* login = engine_ ? nullptr : authentication_->wants_verifier();
  if (login == nullptr || std::exchange(asked_for_verifier_, true)) return;
  const auto source = worker_.shared().for_new_clients.get()->verifiers;
  // There were some a moment ago.
  if (source == nullptr) return authentication_->provide(wire::KnownVerifier(), worker_.turn());
  const SessionHandle handle(worker_.mailbox(), weak_from_this());
  source->find({info_->user, login->salt(), login->iterations()},
               [this, handle, source](const wire::KnownVerifier& known) {
                 handle.post([this, known](wire::Turn& turn) {
                   if (!engine_) authentication_->provide(known, turn);
                 });
               });
}

void Session::log_refusal() const {
  const bool refused = !engine_ && authentication_->refused();
  const std::string& reason = refused ? authentication_->reason() : database_.key.refusal();
  if (!reason.empty()) log::info("refused logins", title_ + ": login refused: " + printable_text(reason));
}

void Session::send_turn() {
  wire::Turn& turn = worker_.turn();
  const bool closing = closing_ || turn.close;
  put(upstream_, turn.to_upstream, standing_.holds_for_upstream && !closing);
  put(client_, turn.to_client, standing_.holds_for_client && !closing);
  turn.to_upstream.clear();
  turn.to_client.clear();
  give_back_memory(turn.to_upstream);
  give_back_memory(turn.to_client);
  closing_ = std::exchange(turn.close, false) || closing_;
}

void Session::put(Peer& peer, wire::Outbox& out, bool hold) {
  const std::string_view bytes = out.bytes();
  if (hold && peer.unsent().size() + bytes.size() <= kHeldBytes) return peer.hold(bytes);
  peer.send(bytes, out.owned());
}

/// After every event: what follows from where both peers stand now.
void Session::settle() {
  find_verifier();
  if (database_.unfit) return say_goodbye(kCannotConnectNow, "the database is not what target_session_attrs wants");
  if (client_.kept().size() > kKeptLimit || upstream_.kept().size() > kKeptLimit) {
    log::warn("closed sessions", title_ + ": closed, a message is larger than PostgreSQL allows");
    closing_ = true;
  }
  if (closing_ || upstream_.finished()) upstream_.release();
  if (upstream_.finished() || (closing_ && upstream_.drained())) return end();
  if (cut_off_ && !standing_.commits) return cut_off();
  if (worker_.draining() && may_stop()) {
    // What PostgreSQL itself says and does when it is shut down.
    wire::append_error(worker_.turn().to_client.buffer(), "FATAL", kAdminShutdown, kAdminShutdownWords);
    wire::append_frame(worker_.turn().to_upstream.buffer(), wire::frontend::kTerminate, {});
    send_turn();
    return end();
  }
  if (client_.finished() && !standing_.stalled) finish_client();
  if (client_.broken() && upstream_.sending_finished()) abandon_client();
  if (ended_) return;
  client_.watch(may_read(client_));
  upstream_.watch(may_read(upstream_));
}

void Session::finish_client() {
  if (!std::exchange(client_finished_, true)) {
    engine().client_finished(worker_.turn());
    standing_ = engine().standing();
    send_turn();
  }
  if (!standing_.stalled) upstream_.finish_sending();
}

/// Nothing reaches the client any more, and all that it had sent has gone to the database.
void Session::abandon_client() {
  if (client_.discarded() > kAbandonedBytes) return abort();
  if (abandoned_) return;
  abandoned_.emplace(worker_.io(), kAbandonedTime);
  abandoned_->async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (self && !error) self->abort();
  });
}

/// Between two transactions, with nothing of either peer waiting.
bool Session::may_stop() {
  if (!engine_) return true;  // still logging in
  return standing_.idle && client_.kept().empty() && upstream_.kept().empty() && upstream_.drained();
}

void Session::end() {
  if (std::exchange(ended_, true)) return;
  tell_upstream_gone();
  log_end();
  upstream_.detach();
  close_client(worker_, *this, client_, std::move(ticket_));
}

void Session::tell_upstream_gone() {
  listed_.reset();
  if (!engine_ && authentication_->refused()) worker_.counters().refuse(LoginRefusal::authentication);
  if (database_.target && !database_.key.cancel_request().empty())
    worker_.shared().cancel_targets.leave(database_.key.cancel_request());
  engine().upstream_gone();
}

}  // namespace weir::proxy
