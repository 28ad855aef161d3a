#include "proxy/io/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <climits>
#include <new>

namespace weir::proxy {

namespace {

constexpr std::string_view kTls12 = "TLSv1.2";
constexpr std::string_view kTls13 = "TLSv1.3";
constexpr std::array<unsigned char, 11> kAlpn{10, 'p', 'o', 's', 't', 'g', 'r', 'e', 's', 'q', 'l'};

/// The oldest entry of OpenSSL's queue of errors (the cause), and empties the queue.
std::string openssl_words() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  if (ERR_SYSTEM_ERROR(code)) return error_words(ERR_GET_REASON(code));
  // The only callback that fails a handshake is ours.
  if (ERR_GET_REASON(code) == SSL_R_CALLBACK_FAILED) return "direct TLS without ALPN \"postgresql\"";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

std::string hash_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (certificate == nullptr || X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  return {reinterpret_cast<const char*>(digest.data()), size};
}

/// Without ALPN a negotiated session goes on; direct TLS must offer "postgresql" (checked after the handshake too, for
/// clients that offer nothing).
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offer, unsigned size,
                void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kAlpn.data(), kAlpn.size(), offer, size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

int refuse_without_alpn(SSL* connection, int* alert, void*) {
  const unsigned char* unused = nullptr;
  std::size_t size = 0;
  if (SSL_get_app_data(connection) == nullptr) return SSL_CLIENT_HELLO_SUCCESS;
  if (SSL_client_hello_get0_ext(connection, TLSEXT_TYPE_application_layer_protocol_negotiation, &unused, &size) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> make_context(const SSL_METHOD* method) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(method), &SSL_CTX_free);
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

Error file_error(const std::string& what, const std::string& file) {
  const auto first = ERR_peek_error();
  const bool other = ERR_GET_LIB(first) == ERR_LIB_PEM && ERR_GET_REASON(first) == PEM_R_NO_START_LINE;
  return {"cannot load " + what + " \"" + file + "\": " + (other ? "it holds none in PEM form" : openssl_words()), {}};
}

/// PostgreSQL's own rule for its key: the owner alone may read it, or a group too where root owns it.
Result<void> check_private(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};  // loading it says what is wrong
  const mode_t allowed = status.st_uid == 0 ? S_IRUSR | S_IWUSR | S_IXUSR | S_IRGRP : S_IRWXU;
  const mode_t mode = status.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
  if ((mode & ~allowed) == 0) return {};
  const std::string octal{char('0' + (mode >> 6)), char('0' + (mode >> 3 & 7)), char('0' + (mode & 7))};
  return Error{"the key \"" + file + "\" (tls.key) can be used by others than its owner (its mode is 0" + octal +
                   "): chmod 0600 it, or 0640 where root owns it",
               {}};
}

/// An encrypted key must fail, not ask on the terminal.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<void> load_roots(SSL_CTX* context, const std::string& sslrootcert) {
  const bool loaded = sslrootcert == "system"
                          ? SSL_CTX_set_default_verify_paths(context) == 1
                          : SSL_CTX_load_verify_locations(context, sslrootcert.c_str(), nullptr) == 1;
  if (!loaded) return file_error("the database's root certificates (sslrootcert in upstream)", sslrootcert);
  return {};
}

/// libpq passes over a list that is not there; whoever names one wants it to be used.
Result<void> load_revoked(SSL_CTX* context, const Upstream& upstream) {
  const auto given = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
  if (upstream.sslcrl.empty() && upstream.sslcrldir.empty()) return {};
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (X509_STORE_load_locations(store, given(upstream.sslcrl), given(upstream.sslcrldir)) != 1) {
    return file_error("the list of revoked certificates (sslcrl or sslcrldir in upstream)",
                      upstream.sslcrl.empty() ? upstream.sslcrldir : upstream.sslcrl);
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

void expect_host(SSL* connection, const std::string& host) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(connection);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1) return;
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  ERR_clear_error();
  return address != nullptr;
}

}  // namespace

Result<TlsContext> TlsContext::for_clients(const ClientTls& tls) {
  ERR_clear_error();
  Context context = make_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate.c_str()) != 1) {
    return file_error("the certificate for clients (tls.cert)", tls.certificate);
  }
  if (Result<void> is_private = check_private(tls.key); !is_private) return is_private.error();
  bool asked = false;
  SSL_CTX_set_default_passwd_cb(context.get(), no_password);
  SSL_CTX_set_default_passwd_cb_userdata(context.get(), &asked);
  if (SSL_CTX_use_PrivateKey_file(context.get(), tls.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
      return Error{"the key \"" + tls.key + "\" (tls.key) does not belong to the certificate \"" + tls.certificate +
                       "\" (tls.cert)",
                   {}};
    }
    if (asked)
      return Error{"the key \"" + tls.key + "\" (tls.key) is encrypted; Weir needs one without a password", {}};
    return file_error("the key of the certificate for clients (tls.key)", tls.key);
  }
  SSL_CTX_set_alpn_select_cb(context.get(), select_alpn, nullptr);
  SSL_CTX_set_client_hello_cb(context.get(), refuse_without_alpn, nullptr);
  std::string hash = hash_of(SSL_CTX_get0_certificate(context.get()));
  return TlsContext(std::move(context), {}, std::move(hash));
}

Result<TlsContext> TlsContext::for_upstream(const Upstream& upstream) {
  ERR_clear_error();
  Context context = make_context(TLS_client_method());
  const bool must_verify = upstream.sslmode == SslMode::verify_ca || upstream.sslmode == SslMode::verify_full;
  // As libpq: a root certificate makes `require` verify the chain.
  const bool verify = must_verify || (upstream.sslmode == SslMode::require && !upstream.sslrootcert.empty());
  if (must_verify && upstream.sslrootcert.empty()) {
    return Error{"sslmode " + std::string(to_text(upstream.sslmode)) +
                     " needs sslrootcert: a PEM file with the database's root certificate, or \"system\"",
                 {}};
  }
  if (verify) {
    if (Result<void> loaded = load_roots(context.get(), upstream.sslrootcert); !loaded) return loaded.error();
    if (Result<void> loaded = load_revoked(context.get(), upstream); !loaded) return loaded.error();
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (upstream.ssl_min_protocol_version == kTls13) SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  if (upstream.ssl_max_protocol_version == kTls12) SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_protos(context.get(), kAlpn.data(), kAlpn.size());
  return TlsContext(std::move(context), {upstream.sslmode == SslMode::verify_full, upstream.sslsni}, {});
}

std::unique_ptr<TlsTransport> TlsContext::accept(int socket, TlsStart start) const {
  SSL* connection = SSL_new(context_.get());
  if (connection == nullptr) throw std::bad_alloc();
  SSL_set_accept_state(connection);
  // refuse_without_alpn looks at this: not null for direct TLS.
  SSL_set_app_data(connection, start == TlsStart::direct ? static_cast<void*>(context_.get()) : nullptr);
  return std::make_unique<TlsTransport>(socket, connection);
}

std::unique_ptr<TlsTransport> TlsContext::connect(int socket, const std::string& host) const {
  SSL* connection = SSL_new(context_.get());
  if (connection == nullptr) throw std::bad_alloc();
  SSL_set_connect_state(connection);
  if (at_connect_.sends_host && !is_address(host)) SSL_set_tlsext_host_name(connection, host.c_str());
  if (at_connect_.verifies_host) expect_host(connection, host);
  return std::make_unique<TlsTransport>(socket, connection);
}

TlsTransport::TlsTransport(int socket, SSL* connection) : Transport(socket), connection_(connection) {
  SSL_set_fd(connection_, socket);
}

TlsTransport::~TlsTransport() {
  SSL_free(connection_);
}

IoStatus TlsTransport::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(connection_);
  if (result == 1) return IoStatus::done;
  const bool verifies = (SSL_get_verify_mode(connection_) & SSL_VERIFY_PEER) != 0;
  const long verified = verifies ? SSL_get_verify_result(connection_) : X509_V_OK;
  const IoResult ended = outcome(result);
  if (ended.status == IoStatus::end) return failed("the peer closed the connection during the TLS handshake").status;
  if (ended.status == IoStatus::error && verified != X509_V_OK) {
    return failed(std::string("certificate verify failed: ") + X509_verify_cert_error_string(verified)).status;
  }
  return ended.status;
}

IoResult TlsTransport::read_some(char* buffer, std::size_t size) {
  std::size_t filled = 0;
  // A record holds 16 kB at most: go on as long as OpenSSL has taken more from the socket.
  do {
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(connection_, buffer + filled, size - filled, &count);
    if (result != 1) {
      const IoResult ended = outcome(result);
      pending_ = filled > 0 && (ended.status == IoStatus::end || ended.status == IoStatus::error);
      return filled > 0 ? IoResult{IoStatus::done, filled} : ended;
    }
    filled += count;
    pending_ = SSL_has_pending(connection_) == 1;
  } while (filled < size && pending_);
  return {IoStatus::done, filled};
}

IoResult TlsTransport::write_some(std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(connection_, bytes.data() + written, bytes.size() - written, &count);
    if (result != 1) return written > 0 ? IoResult{IoStatus::done, written} : outcome(result);
    written += count;
  }
  return {IoStatus::done, written};
}

void TlsTransport::shutdown_send() {
  ERR_clear_error();
  SSL_shutdown(connection_);  // close_notify; where the socket is full, the end of the stream below must do
  ERR_clear_error();
  ::shutdown(socket(), SHUT_WR);
}

std::string TlsTransport::peer_certificate_hash() const {
  return hash_of(SSL_get0_peer_certificate(connection_));
}

IoResult TlsTransport::outcome(int result) {
  const int system_error = errno;
  switch (SSL_get_error(connection_, result)) {
    case SSL_ERROR_WANT_READ:
      return {IoStatus::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {IoStatus::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {IoStatus::end, 0};
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      if (system_error == 0) return {IoStatus::end, 0};
      return failed(error_words(system_error));
    default:
      // A peer that closes without close_notify: an end like any other, PostgreSQL's messages carry their lengths.
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return {IoStatus::end, 0};
      }
      return failed(openssl_words());
  }
}

}  // namespace weir::proxy
