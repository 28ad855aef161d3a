// Where Weir has verifiers of passwords from: auth.users_file, then auth.query by a login of its own.
//
// A thread reads the file and asks the database (libpq, blocking), so that no worker waits; what it has found is kept
// (verifier_book.h) and answered at once. So many questions may wait as kMostWaiting says; more are answered
// `unavailable`, as all are while the database cannot be asked, and then it is tried again once a second. The file is
// read again where it has changed and a question finds nothing in what was read. find() from any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "proxy/auth/users_file.h"
#include "proxy/auth/verifier_book.h"
#include "proxy/io/endpoint.h"
#include "proxy/io/verifier_source.h"
#include "proxy/settings/credentials.h"

namespace weir::proxy {

class SideConnection;

class Verifiers final : public VerifierSource {
 public:
  static constexpr std::size_t kMostWaiting = 1'000;

  struct Options {
    std::string users_file;  ///< empty: none
    std::string query;       ///< empty: none
    Upstream upstream;
    Credentials credentials;  ///< of the query's login
  };

  /// Reads the file: the error is one of it.
  static Result<std::unique_ptr<Verifiers>> start(Options options);
  ~Verifiers() override;
  /// Ends the thread; what waits is not answered any more.
  void stop();

  void find(VerifierQuestion question, Answer answer) override;

 private:
  struct Waiting {
    VerifierQuestion question;
    std::vector<Answer> answers;
  };
  /// By which a change of the file is seen.
  struct FileState {
    std::int64_t modified_ns = 0;
    std::uint64_t size = 0;
    std::uint64_t inode = 0;
    bool operator==(const FileState&) const = default;
  };

  explicit Verifiers(Options options);
  Result<void> read_file();
  FileState state_of_file() const;
  void run();
  void answer(const Waiting& waiting);
  wire::KnownVerifier look_up(const VerifierQuestion& question);
  std::optional<wire::KnownVerifier> look_into_file(const VerifierQuestion& question);
  wire::KnownVerifier ask(const VerifierQuestion& question);
  bool connect(std::string& why);

  const Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  VerifierBook book_;
  std::vector<Waiting> waiting_;
  bool ending_ = false;

  // The thread's own.
  UsersFile file_;
  FileState file_state_;
  std::unique_ptr<SideConnection> connection_;
  VerifierBook::Clock::time_point next_try_{};  // of the login, after one that failed
  std::string last_failure_;
  std::thread thread_;
};

}  // namespace weir::proxy
