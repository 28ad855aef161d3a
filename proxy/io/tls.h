// One TLS connection of either leg, by OpenSSL on the non-blocking socket. Only tls*.h and tls*.cpp know OpenSSL; the
// connections are made by a TlsContext.
//
// Used on its worker's thread. It starts with handshake(), called again when the socket is ready as it asks, until done
// or error; what is said of certificates holds after that. Threads that use it must ignore or block SIGPIPE.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>

#include "proxy/io/endpoint.h"
#include "proxy/io/transport.h"

namespace weir::proxy {

/// Both empty without a certificate.
struct CertificateHashes {
  std::string sha256;     ///< tells certificates apart
  std::string end_point;  ///< what tls-server-end-point binds to; empty, too, where its signature has no hash
};

CertificateHashes hashes_of(X509* certificate);

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

  CertificateHashes own_certificate() const;
  CertificateHashes peer_certificate() const;
  bool peer_has_certificate() const { return SSL_get0_peer_certificate(connection_) != nullptr; }
  /// Of the peer's certificate; empty where it has none, or none that can be used.
  std::string peer_name(CertificateName kind) const;
  bool agreed_on_alpn() const;
  /// Towards the database: whether it wanted to see a certificate.
  bool was_asked_for_certificate() const;

 private:
  IoResult outcome(int result);

  SSL* connection_;
  // Something to read without the socket being readable: the next records (an incomplete one does not count), or the
  // end behind bytes that were handed out first. What came with the last flight of the handshake, too.
  bool pending_ = true;
};

}  // namespace weir::proxy
