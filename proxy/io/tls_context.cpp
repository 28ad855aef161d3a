#include "proxy/io/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <new>

#include "proxy/io/tls_words.h"

namespace weir::proxy {

namespace {

constexpr std::string_view kTls12 = "TLSv1.2";
constexpr std::string_view kTls13 = "TLSv1.3";
constexpr std::array<unsigned char, 11> kAlpn{10, 'p', 'o', 's', 't', 'g', 'r', 'e', 's', 'q', 'l'};

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

/// PostgreSQL's own rule for keys, of its server and of libpq: the owner alone may read it, or a group too where root
/// owns it.
Result<void> check_private(const std::string& file, const std::string& setting) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};  // loading it says what is wrong
  const mode_t allowed = status.st_uid == 0 ? S_IRUSR | S_IWUSR | S_IXUSR | S_IRGRP : S_IRWXU;
  const mode_t mode = status.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
  if ((mode & ~allowed) == 0) return {};
  const std::string octal{char('0' + (mode >> 6)), char('0' + (mode >> 3 & 7)), char('0' + (mode & 7))};
  return Error{"the key \"" + file + "\" (" + setting + ") can be used by others than its owner (its mode is 0" +
                   octal + "): chmod 0600 it, or 0640 where root owns it",
               {}};
}

/// A certificate with its key, and how they are called in messages.
struct OwnCertificate {
  std::string certificate;
  std::string key;
  std::string password;
  std::string what;  // "the certificate for clients"
  std::string certificate_setting;
  std::string key_setting;
};

struct Password {
  const std::string& given;
  bool missing = false;
};

/// An encrypted key without a password must fail, not ask on the terminal.
int give_password(char* buffer, int size, int, void* data) {
  auto& password = *static_cast<Password*>(data);
  if (password.given.empty() || password.given.size() > static_cast<std::size_t>(size)) {
    password.missing = true;
    return -1;
  }
  password.given.copy(buffer, password.given.size());
  return static_cast<int>(password.given.size());
}

Result<void> load_certificate(SSL_CTX* context, const OwnCertificate& own) {
  if (SSL_CTX_use_certificate_chain_file(context, own.certificate.c_str()) != 1)
    return file_error(own.what + " (" + own.certificate_setting + ")", own.certificate);
  if (Result<void> is_private = check_private(own.key, own.key_setting); !is_private) return is_private.error();
  Password password{own.password};
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  const bool loaded = SSL_CTX_use_PrivateKey_file(context, own.key.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  if (loaded) return {};
  const std::string key = "the key \"" + own.key + "\" (" + own.key_setting + ")";
  if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
    return Error{
        key + " does not belong to the certificate \"" + own.certificate + "\" (" + own.certificate_setting + ")", {}};
  }
  if (password.missing) return Error{key + " is encrypted; Weir needs one without a password", {}};
  return file_error("the key of " + own.what + " (" + own.key_setting + ")", own.key);
}

Result<void> load_roots(SSL_CTX* context, const std::string& sslrootcert) {
  const bool loaded = sslrootcert == "system"
                          ? SSL_CTX_set_default_verify_paths(context) == 1
                          : SSL_CTX_load_verify_locations(context, sslrootcert.c_str(), nullptr) == 1;
  if (!loaded) return file_error("the database's root certificates (sslrootcert in upstream)", sslrootcert);
  return {};
}

/// Lists of certificates that their authorities have taken back.
struct RevokedLists {
  std::string file;
  std::string folder;
  std::string setting;
};

/// libpq passes over a list that is not there; whoever names one wants it to be used.
Result<void> load_revoked(SSL_CTX* context, const RevokedLists& lists) {
  const auto given = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
  if (lists.file.empty() && lists.folder.empty()) return {};
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (X509_STORE_load_locations(store, given(lists.file), given(lists.folder)) != 1) {
    return file_error("the list of revoked certificates (" + lists.setting + ")",
                      lists.file.empty() ? lists.folder : lists.file);
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

/// As PostgreSQL's server: whoever shows a certificate must have one of this authority's. Whether one is needed is
/// judged at the StartupMessage, when the client can be told.
Result<void> load_client_authority(SSL_CTX* context, const ClientTls& tls) {
  if (tls.client_ca.empty()) return {};
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(tls.client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_locations(context, tls.client_ca.c_str(), nullptr) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return file_error("the authority of clients' certificates (tls.client_ca)", tls.client_ca);
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return load_revoked(context, {tls.client_crl, {}, "tls.client_crl"});
}

Result<void> set_ciphers(SSL_CTX* context, const ClientTls& tls) {
  if (!tls.ciphers.empty() && SSL_CTX_set_cipher_list(context, tls.ciphers.c_str()) != 1)
    return Error{"OpenSSL knows none of the ciphers in tls.ciphers (up to TLS 1.2)", {}};
  if (!tls.ciphersuites.empty() && SSL_CTX_set_ciphersuites(context, tls.ciphersuites.c_str()) != 1)
    return Error{"OpenSSL does not know all of tls.ciphersuites (of TLS 1.3)", {}};
  ERR_clear_error();
  return {};
}

/// Notes that the database wants to see a certificate (TlsTransport::was_asked_for_certificate).
int note_request(SSL* connection, void*) {
  SSL_set_app_data(connection, connection);
  return 1;
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
  const OwnCertificate own{tls.certificate, tls.key, {}, "the certificate for clients", "tls.cert", "tls.key"};
  if (Result<void> loaded = load_certificate(context.get(), own); !loaded) return loaded.error();
  if (Result<void> loaded = load_client_authority(context.get(), tls); !loaded) return loaded.error();
  if (Result<void> set = set_ciphers(context.get(), tls); !set) return set.error();
  if (tls.min_version == kTls13) SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_alpn_select_cb(context.get(), select_alpn, nullptr);
  SSL_CTX_set_client_hello_cb(context.get(), refuse_without_alpn, nullptr);
  TlsContext result(std::move(context), {});
  result.clients_ = tls;
  return result;
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
    const RevokedLists revoked{upstream.sslcrl, upstream.sslcrldir, "sslcrl or sslcrldir in upstream"};
    if (Result<void> loaded = load_revoked(context.get(), revoked); !loaded) return loaded.error();
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (upstream.shows_certificate()) {
    const OwnCertificate own{upstream.sslcert,     upstream.sslkey,       upstream.sslpassword,
                             "Weir's certificate", "sslcert in upstream", "sslkey in upstream"};
    if (Result<void> loaded = load_certificate(context.get(), own); !loaded) return loaded.error();
  }
  SSL_CTX_set_cert_cb(context.get(), note_request, nullptr);
  if (upstream.ssl_min_protocol_version == kTls13) SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  if (upstream.ssl_max_protocol_version == kTls12) SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_protos(context.get(), kAlpn.data(), kAlpn.size());
  return TlsContext(std::move(context), {upstream.sslmode == SslMode::verify_full, upstream.sslsni});
}

CertificateHashes TlsContext::certificate() const {
  return hashes_of(SSL_CTX_get0_certificate(context_.get()));
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

}  // namespace weir::proxy
