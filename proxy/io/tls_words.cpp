#include "proxy/io/tls_words.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/io/transport.h"

namespace weir::proxy {

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

}  // namespace weir::proxy
