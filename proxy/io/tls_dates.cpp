#include "proxy/io/tls_dates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

namespace weir::proxy {

namespace {

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return ::timegm(&parts);
}

std::string subject_of(const X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, std::size_t(size > 0 ? size : 0)};
}

}  // namespace

Result<std::vector<CertificateDates>> certificate_dates(const std::string& path) {
  errno = 0;
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "r"), &BIO_free);
  if (!file) {
    ERR_clear_error();
    return Error{path + " cannot be read (" + std::strerror(errno) + ")", ""};
  }
  std::vector<CertificateDates> all;
  for (;;) {
    const std::unique_ptr<X509, decltype(&X509_free)> one(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr),
                                                          &X509_free);
    if (!one) break;
    all.push_back(
        {subject_of(one.get()), seconds_of(X509_get0_notBefore(one.get())), seconds_of(X509_get0_notAfter(one.get()))});
  }
  ERR_clear_error();  // the end of the file is one
  if (all.empty()) return Error{path + " has no certificate in PEM form", ""};
  return all;
}

}  // namespace weir::proxy
