// What the TLS connections of one leg have in common, read from files and checked once: certificates, keys, sslmode,
// versions, ciphers. Not changed any more: whoever reads the files again makes another one and puts it into the slot,
// and connections that run go on with what they have begun with.
//
// No renegotiation, no compression, no session resumption (as PostgreSQL's server). Any thread may make connections.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/tls.h"

namespace weir::proxy {

/// How a client came to TLS: behind SSLRequest, or with its first byte (then ALPN "postgresql" is mandatory).
enum class TlsStart { negotiated, direct };

class TlsContext {
 public:
  static Result<TlsContext> for_clients(const ClientTls& tls);
  static Result<TlsContext> for_upstream(const Upstream& upstream);

  /// What the clients' context was made from.
  const ClientTls& clients() const { return clients_; }
  /// What clients are shown.
  CertificateHashes certificate() const;

  std::unique_ptr<TlsTransport> accept(int socket, TlsStart start) const;
  /// `host` for SNI, unless sslsni is off, and, with verify-full, to be found in the certificate.
  std::unique_ptr<TlsTransport> connect(int socket, const std::string& host) const;

 private:
  using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

  /// Towards the database, what is done with the host's name.
  struct AtConnect {
    bool verifies_host = false;
    bool sends_host = true;  // SNI
  };

  TlsContext(Context context, AtConnect at_connect) : context_(std::move(context)), at_connect_(at_connect) {}

  Context context_;
  ClientTls clients_;
  AtConnect at_connect_;
};

/// The context that new connections get; empty where the leg has no TLS. Any thread.
class TlsSlot {
 public:
  std::shared_ptr<const TlsContext> get() const {
    const std::lock_guard lock(mutex_);
    return context_;
  }
  void put(TlsContext context) {
    auto next = std::make_shared<const TlsContext>(std::move(context));
    const std::lock_guard lock(mutex_);
    context_.swap(next);
  }
  void clear() {
    std::shared_ptr<const TlsContext> none;
    const std::lock_guard lock(mutex_);
    context_.swap(none);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> context_;
};

}  // namespace weir::proxy
