// Certificates for a test, made by the openssl program in a folder of their own: two authorities, and two servers'
// certificates for 127.0.0.1 (not for "localhost"), both signed by the first authority.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace weir::proxy {

class Certificates {
 public:
  Certificates() : folder_("weir_certificates") {
    ::chmod(folder_.path().c_str(), 0755);
    make_authority("authority");
    make_authority("stranger");
    make_server("database");
    make_server("weir");
  }

  std::string file(const std::string& name) const { return folder_ / name; }
  std::string authority() const { return file("authority.crt"); }
  /// A certificate of the authority's, and its key, with this subject ("/CN=ann"). Both files are anybody's own.
  void make_client(const std::string& name, const std::string& subject) { make_signed(name, subject); }
  /// A key that only its password opens.
  std::string encrypted_key(const std::string& name, const std::string& password) {
    const std::string file_name = file(name + "_encrypted.key");
    openssl({"pkey", "-in", file(name + ".key"), "-aes128", "-passout", "pass:" + password, "-out", file_name});
    ::chmod(file_name.c_str(), 0600);
    return file_name;
  }
  /// The authority's list of revoked certificates, with that of `name` on it, or with none where it is empty.
  std::string revocations(const std::string& name) {
    const std::string list = file("revoked_" + name + ".crl");
    test_support::write_file(folder_ / "index", "");
    test_support::write_file(folder_ / "number", "01\n");
    test_support::write_file(folder_ / "ca.conf", "[ca]\ndefault_ca = own\n[own]\ndatabase = " + file("index") +
                                                      "\ncrlnumber = " + file("number") +
                                                      "\ndefault_md = sha256\ndefault_crl_days = 30\n");
    const std::vector<std::string> ca = {"ca",        "-config",  file("ca.conf"),      "-cert",
                                         authority(), "-keyfile", file("authority.key")};
    auto arguments = ca;
    arguments.insert(arguments.end(), {"-revoke", file(name + ".crt")});
    if (!name.empty()) openssl(arguments);
    arguments = ca;
    arguments.insert(arguments.end(), {"-gencrl", "-out", list});
    openssl(arguments);
    return list;
  }
  /// Has signed nothing here.
  std::string stranger() const { return file("stranger.crt"); }

 private:
  void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    if (test_support::run({.arguments = arguments, .stdout_path = folder_ / "log"}) != 0) {
      throw std::runtime_error("openssl failed:\n" + test_support::tail_of(folder_ / "log"));
    }
  }

  void make_authority(const std::string& name) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=" + name, "-keyout", file(name + ".key"), "-out", file(name + ".crt")});
  }

  void make_server(const std::string& name) { make_signed(name, "/CN=" + name); }

  void make_signed(const std::string& name, const std::string& subject) {
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject, "-keyout",
             file(name + ".key"), "-out", file(name + ".csr")});
    test_support::write_file(folder_ / "names", "subjectAltName=IP:127.0.0.1\n");
    openssl({"x509", "-req", "-in", file(name + ".csr"), "-CA", authority(), "-CAkey", file("authority.key"),
             "-CAcreateserial", "-days", "30", "-extfile", file("names"), "-out", file(name + ".crt")});
    // A database refuses a key that others may read.
    ::chmod(file(name + ".key").c_str(), 0600);
    const auto user = test_support::unprivileged_user();
    if (user && ::chown(file(name + ".key").c_str(), user->uid, user->gid) != 0) {
      throw std::runtime_error("cannot give " + name + ".key to " + user->name);
    }
  }

  test_support::TempFolder folder_;
};

}  // namespace weir::proxy
