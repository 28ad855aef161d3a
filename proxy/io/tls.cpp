#include "proxy/io/tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>

#include "proxy/io/tls_words.h"

namespace weir::proxy {

namespace {

std::string digest_of(const X509* certificate, const EVP_MD* hash) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (X509_digest(certificate, hash, digest.data(), &size) != 1) return {};
  return {reinterpret_cast<const char*>(digest.data()), size};
}

/// By the hash of the certificate's own signature, or SHA-256 in the place of MD5 and SHA-1 (RFC 5929, section 4.1). A
/// signature without one, as Ed25519's, has no such binding, in PostgreSQL either.
std::string end_point_of(X509* certificate) {
  int hash = NID_undef;
  if (X509_get_signature_info(certificate, &hash, nullptr, nullptr, nullptr) != 1 || hash == NID_undef) {
    ERR_clear_error();
    return {};
  }
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const EVP_MD* digest = EVP_get_digestbynid(hash);
  return digest == nullptr ? std::string() : digest_of(certificate, digest);
}

/// As PostgreSQL takes it (be-secure-openssl.c): the first one, refused where a zero byte hides in it.
std::string common_name(X509_NAME* subject) {
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  const X509_NAME_ENTRY* entry = place < 0 ? nullptr : X509_NAME_get_entry(subject, place);
  const ASN1_STRING* text = entry == nullptr ? nullptr : X509_NAME_ENTRY_get_data(entry);
  if (text == nullptr) return {};
  std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                   static_cast<std::size_t>(ASN1_STRING_length(text)));
  return name.find('\0') == std::string::npos ? name : std::string();
}

/// As PostgreSQL writes it: RFC 2253.
std::string distinguished_name(X509_NAME* subject) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  if (!out || X509_NAME_print_ex(out.get(), subject, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  std::string name(text, static_cast<std::size_t>(size));
  return name.find('\0') == std::string::npos ? name : std::string();
}

}  // namespace

CertificateHashes hashes_of(X509* certificate) {
  if (certificate == nullptr) return {};
  return {digest_of(certificate, EVP_sha256()), end_point_of(certificate)};
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

CertificateHashes TlsTransport::own_certificate() const {
  return hashes_of(SSL_get_certificate(connection_));
}

CertificateHashes TlsTransport::peer_certificate() const {
  return hashes_of(SSL_get0_peer_certificate(connection_));
}

std::string TlsTransport::peer_name(CertificateName kind) const {
  const X509* certificate = SSL_get0_peer_certificate(connection_);
  if (certificate == nullptr) return {};
  X509_NAME* subject = X509_get_subject_name(certificate);
  return kind == CertificateName::common_name ? common_name(subject) : distinguished_name(subject);
}

bool TlsTransport::agreed_on_alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(connection_, &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "postgresql";
}

bool TlsTransport::was_asked_for_certificate() const {
  return SSL_get_app_data(connection_) != nullptr;
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
