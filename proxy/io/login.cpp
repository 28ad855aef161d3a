#include "proxy/io/login.h"

#include <sys/socket.h>

#include <utility>

#include "proxy/io/cancel.h"
#include "proxy/io/closing.h"
#include "proxy/io/session.h"
#include "proxy/io/session_title.h"
#include "proxy/process/log.h"
#include "wire/error_response.h"
#include "wire/proxy_protocol.h"

namespace weir::proxy {

namespace {

constexpr char kTlsRecord = 0x16;
constexpr std::string_view kCannotConnectNow = "57P03";
constexpr std::string_view kTooManyConnections = "53300";
constexpr std::string_view kInvalidAuthorization = "28000";
/// NAMEDATALEN - 1, in bytes.
constexpr std::size_t kLongestRoleName = 63;

}  // namespace

Login::Login(Worker& worker, Accepted accepted)
    : worker_(worker),
      client_(worker.poller(), *this),
      local_(accepted.local),
      tls_context_(accepted.local ? nullptr : worker.shared().client_tls.get()),
      negotiation_(tls_context_ != nullptr),
      counted_as_(std::move(accepted.counted_as)),
      timeout_(worker.io()) {
  info_.id = accepted.id;
  info_.worker = worker.index();
  info_.client = std::move(accepted.client);
  ticket_ = std::move(accepted.ticket);
  if (accepted.proxied) step_ = Step::proxy_header;
  client_.attach(std::move(accepted.transport));
}

void Login::start() {
  timeout_.expires_after(worker_.shared().login_timeout.load());
  timeout_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (self && !error) self->on_timeout();
  });
  worker_.may_have_to_make_way(*ticket_, weak_from_this());
  client_.watch(true);
}

/// PostgreSQL too says nothing to a client that has not said what it wants.
void Login::on_timeout() {
  worker_.counters().refuse(LoginRefusal::timeout);
  log::info("late logins", title_of(info_) + ": closed, no login within limits.login_timeout");
  if (step_ != Step::connecting) return abort();
  refuse(kCannotConnectNow, "the database did not answer in the time that a login may take", {});
}

void Login::make_way() {
  if (step_ == Step::connecting || !client_.attached()) return;
  worker_.counters().refuse(LoginRefusal::place_needed);
  log::info("dropped logins", title_of(info_) + ": closed before its login, its place is needed (limits.logins)");
  abort();
}

void Login::abort() {
  give_way();
  client_.detach();
  worker_.release(*this);
}

/// The database knows nothing of it yet; what PostgreSQL itself says to a client that comes while it is shut down.
void Login::drain() {
  if (step_ != Step::connecting) return abort();
  worker_.counters().refuse(LoginRefusal::shutting_down);
  refuse(kCannotConnectNow, "the proxy is shutting down", "");
}

/// Whoever comes next has the client; nothing of this may be called any more.
void Login::give_way() {
  timeout_.cancel();
  connector_.reset();
}

void Login::on_peer_ready(Peer&, bool readable) {
  switch (step_) {
    case Step::proxy_header:
      if (readable) return read_proxy_header();
      return client_.watch(true);
    case Step::negotiating:
      if (readable) return read_client();
      return client_.watch(true);
    case Step::tls_handshake:
      return handshake();
    case Step::connecting:
      return client_.watch(false);
  }
}

/// Its bytes and not one more: what lies behind it may be for a TLS handshake. In the log and in events the client is
/// whom the balancer names; a health check of its own stays what it is.
void Login::read_proxy_header() {
  using Kind = wire::ProxyHeader::Kind;
  wire::ProxyHeader header = wire::read_proxy_header(proxy_header_);
  while (header.kind == Kind::incomplete) {
    char* space = worker_.receive_buffer().space();
    const IoResult received = client_.receive(space, header.size - proxy_header_.size());
    if (client_.finished()) return abort();
    if (received.bytes == 0) return client_.watch(true);
    proxy_header_.append(space, received.bytes);
    header = wire::read_proxy_header(proxy_header_);
  }
  if (header.kind == Kind::malformed) {
    log::warn("malformed PROXY headers", title_of(info_) +
                                             ": closed, proxy_protocol.trusted lists it and it must send a "
                                             "PROXY header: " +
                                             std::string(header.reason));
    return abort();
  }
  if (header.kind == Kind::client) {
    info_.client = HostPort{header.address, header.port}.text();
    counted_as_ = header.address;
  }
  ticket_->enter(Admission::Stage::negotiating);
  step_ = Step::negotiating;
  client_.watch(true);
}

/// A TLS handshake must find its bytes in the socket, so the very first byte is only looked at.
bool Login::begins_with_tls() {
  if (std::exchange(received_any_, true)) return false;
  char first = 0;
  return ::recv(client_.transport().socket(), &first, 1, MSG_PEEK) == 1 && first == kTlsRecord;
}

void Login::read_client() {
  if (begins_with_tls()) {
    if (take(negotiation_.advance({&kTlsRecord, 1}))) negotiate();
    return;
  }
  ReceiveBuffer& buffer = worker_.receive_buffer();
  const IoResult received = client_.receive(buffer.space(), ReceiveBuffer::kSize);
  client_.kept().append({buffer.space(), received.bytes});
  if (received.bytes > 0) ticket_->enter(Admission::Stage::negotiating);
  worker_.counters().client_bytes.add(received.bytes);
  if (client_.finished()) return abort();
  negotiate();
}

void Login::negotiate() {
  while (take(negotiation_.advance(client_.kept().bytes()))) {
  }
}

bool Login::take(const wire::StartupStep& step) {
  using Kind = wire::StartupStep::Kind;
  client_.send(step.answer);
  switch (step.kind) {
    case Kind::need_more:
      client_.watch(true);
      return false;
    case Kind::proceed:
      client_.kept().take(step.consumed);
      return true;
    case Kind::start_tls:
      client_.kept().take(step.consumed);
      start_tls(step.answer.empty() ? TlsStart::direct : TlsStart::negotiated);
      return false;
    case Kind::cancel_request:
      on_cancel_request(std::string(step.first.bytes));
      return false;
    case Kind::startup_message:
      on_startup_message(step);
      return false;
    case Kind::refuse:
      worker_.counters().refuse(LoginRefusal::protocol);
      log::info("refused logins", title_of(info_) + ": refused: " + step.first.message);
      give_way();
      close_client(worker_, *this, client_, std::move(ticket_));
      return false;
  }
  return false;
}

void Login::start_tls(TlsStart start) {
  if (client_.broken() || !client_.drained()) return abort();
  const int socket = client_.detach()->release_socket();
  std::unique_ptr<TlsTransport> tls = tls_context_->accept(socket, start);
  tls_ = tls.get();
  client_.attach(std::move(tls));
  step_ = Step::tls_handshake;
  ticket_->enter(Admission::Stage::negotiating);
  handshake();
}

void Login::handshake() {
  switch (tls_->handshake()) {
    case IoStatus::want_read:
      return client_.watch_handshake(false);
    case IoStatus::want_write:
      return client_.watch_handshake(true);
    case IoStatus::done:
      negotiation_.tls_started();
      step_ = Step::negotiating;
      return client_.watch(true);
    case IoStatus::end:
    case IoStatus::error:
      worker_.counters().refuse(LoginRefusal::tls_handshake);
      log::info("failed handshakes", title_of(info_) + ": TLS handshake failed: " + tls_->error_text());
      return abort();
  }
}

void Login::on_startup_message(const wire::StartupStep& step) {
  const wire::StartupMessageView& startup = step.first.startup;
  info_.user = startup.user();
  info_.database = startup.database();
  info_.application_name = startup.application_name();
  info_.options = startup.options();
  info_.replication = startup.replication();
  startup_message_ = step.first.bytes;
  const auto rules = worker_.shared().for_new_clients.get();
  info_.console = !rules->console_database.empty() && info_.database == rules->console_database && !info_.replication;
  if (info_.console)
    startup_message_ = wire::with_parameter(startup_message_, "database", rules->console_login_database);
  if (info_.console && local_) info_.local_user = peer_user_id(client_.transport().socket());
  if (rules->application_name_host)
    startup_message_ = wire::append_to_application_name(startup_message_, " - " + info_.client);
  client_.kept().take(step.consumed);
  if (!check_encryption() || !check_client_certificate()) return;
  info_.proved = verified_;
  const auto verdict = ticket_->begin_session(counted_as_);
  if (verdict != Admission::Verdict::welcome) return refuse(verdict);
  connect();
}

bool Login::check_encryption() {
  if (tls_context_ == nullptr || !tls_context_->clients().required || tls_ != nullptr) return true;
  worker_.counters().refuse(LoginRefusal::tls_required);
  refuse_login("connections without TLS are refused here", "Connect with sslmode=require or stronger.",
               " (tls.required)");
  return false;
}

/// `remark` is for the log alone.
void Login::refuse_login(const std::string& message, std::string_view hint, const std::string& remark) {
  log::info("refused logins", title_of(info_) + ": login refused: " + printable_text(message + remark));
  refuse(kInvalidAuthorization, message, hint);
}

/// What pg_hba.conf's clientcert asks for, in the server's words. Unix sockets have no certificates.
bool Login::check_client_certificate() {
  if (tls_context_ == nullptr || tls_context_->clients().client_ca.empty()) return true;
  const ClientTls* tls = &tls_context_->clients();
  const bool shown = tls_ != nullptr && tls_->peer_has_certificate();
  if (!shown && tls->client_certificate == ClientCertificate::optional) return true;
  if (!shown) {
    worker_.counters().refuse(LoginRefusal::certificate);
    refuse_login("connection requires a valid client certificate", {}, " (tls.client_cert)");
    return false;
  }
  const std::string name = tls_->peer_name(tls->client_name);
  // Of a longer name PostgreSQL reads the beginning only: it would be somebody else's.
  verified_ = !name.empty() && name.size() <= kLongestRoleName && name == info_.user;
  if (verified_ || tls->client_certificate != ClientCertificate::verify_full) return true;
  worker_.counters().refuse(LoginRefusal::certificate);
  refuse_login("certificate authentication failed for user \"" + info_.user + "\"", {},
               ": the certificate is of \"" + name + "\"");
  return false;
}

/// As PostgreSQL says it.
void Login::refuse(Admission::Verdict verdict) {
  const bool all = verdict == Admission::Verdict::too_many;
  worker_.counters().refuse(all ? LoginRefusal::too_many_clients : LoginRefusal::too_many_of_client);
  const std::string words = all ? "sorry, too many clients already" : "too many connections from this client";
  log::warn("refused clients", title_of(info_) + ": refused: " + words +
                                   (all ? " (limits.connections)" : " (limits.connections_per_client)"));
  refuse(kTooManyConnections, words, {});
}

void Login::on_cancel_request(std::string request) {
  give_way();
  ticket_->enter(Admission::Stage::connecting);
  auto cancel = std::make_shared<Cancel>(worker_, client_.detach(), std::move(ticket_), std::move(request));
  worker_.replace(*this, cancel);
  cancel->start();
}

void Login::connect() {
  step_ = Step::connecting;
  ticket_->enter(Admission::Stage::connecting);
  client_.watch(false);
  connector_ =
      worker_.connect_upstream([this](Result<UpstreamConnection> connected) { on_connected(std::move(connected)); });
}

void Login::on_connected(Result<UpstreamConnection> connected) {
  if (!connected) {
    worker_.counters().upstream_failures.add(1);
    worker_.counters().refuse(LoginRefusal::unreachable);
    log::warn("unreachable database", title_of(info_) + ": " + connected.error().message);
    return refuse(connected.error().sqlstate, "cannot connect to the database: " + connector_->causes(), {});
  }
  const auto until = timeout_.expiry();
  give_way();
  auto session = std::make_shared<Session>(worker_, std::move(info_), rules(*connected), std::move(ticket_), until);
  worker_.replace(*this, session);
  session->start(client_, std::move(*connected), startup_message_);
}

wire::LoginRules Login::rules(const UpstreamConnection& upstream) const {
  LoginFacts facts = worker_.login_facts(upstream);
  if (tls_ != nullptr) facts.client_sees = tls_->own_certificate();
  facts.client_is_verified = verified_;
  worker_.tell_of_binding(facts);
  return login_rules(facts);
}

void Login::refuse(std::string_view sqlstate, std::string_view message, std::string_view hint) {
  std::string error;
  wire::append_error(error, "FATAL", sqlstate, message, hint);
  client_.send(error);
  give_way();
  close_client(worker_, *this, client_, std::move(ticket_));
}

}  // namespace weir::proxy
