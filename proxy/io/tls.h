// TLS on either leg, by OpenSSL on the non-blocking socket. The only files that know OpenSSL are tls.h and tls.cpp.
//
// TlsContext is what is read and checked once (certificates, sslmode), shared by all workers and not changed any more;
// TlsTransport is one connection, used on its worker's thread. A TlsTransport starts with handshake(), called again
// when the socket is ready as it asks, until done or error. TLS 1.2 at least, no renegotiation, no compression, no
// session resumption (as PostgreSQL's server). Threads that use it must ignore or block SIGPIPE.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/transport.h"

namespace weir::proxy {

/// How a client came to TLS: behind SSLRequest, or with its first byte (then ALPN "postgresql" is mandatory).
enum class TlsStart { negotiated, direct };

class TlsTransport final : public Transport {
 public:
  TlsTransport(int socket, SSL* connection);
  ~TlsTransport() override;

  /// done, want_read, want_write or error.
  IoStatus handshake();
  IoResult read_some(char* buffer, std::size_t size) override;
  IoResult write_some(std::string_view bytes) override;
  void shutdown_send() override;
  bool pending() const override { return pending_; }

  /// SHA-256 of the peer's certificate; empty without one.
  std::string peer_certificate_hash() const;

 private:
  IoResult outcome(int result);

  SSL* connection_;
  // Something to read without the socket being readable: the next records (an incomplete one does not count), or the
  // end behind bytes that were handed out first. What came with the last flight of the handshake, too.
  bool pending_ = true;
};

class TlsContext {
 public:
  static Result<TlsContext> for_clients(const ClientTls& tls);
  static Result<TlsContext> for_upstream(const Upstream& upstream);

  std::unique_ptr<TlsTransport> accept(int socket, TlsStart start) const;
  /// `host` for SNI, unless sslsni is off, and, with verify-full, to be found in the certificate.
  std::unique_ptr<TlsTransport> connect(int socket, const std::string& host) const;

  /// SHA-256 of the certificate shown to clients.
  const std::string& certificate_hash() const { return certificate_hash_; }

 private:
  using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

  /// Towards the database, what is done with the host's name.
  struct AtConnect {
    bool verifies_host = false;
    bool sends_host = true;  // SNI
  };

  TlsContext(Context context, AtConnect at_connect, std::string certificate_hash)
      : context_(std::move(context)), at_connect_(at_connect), certificate_hash_(std::move(certificate_hash)) {}

  Context context_;
  AtConnect at_connect_;
  std::string certificate_hash_;
};

}  // namespace weir::proxy
