#include "proxy/auth/verifiers.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/text.h"
#include "proxy/auth/verifier_query.h"
#include "proxy/doubt/libpq.h"
#include "proxy/process/log.h"
#include "proxy/process/thread.h"

namespace weir::proxy {

namespace {

using Kind = wire::KnownVerifier::Kind;

constexpr std::size_t kLongestName = 63;  // PostgreSQL's own: it cuts the user's name there
constexpr std::chrono::seconds kRetry{1};
/// A connection that nobody has needed for so long is closed.
constexpr std::chrono::seconds kIdle{60};

}  // namespace

Verifiers::Verifiers(Options options) : options_(std::move(options)) {}

Result<std::unique_ptr<Verifiers>> Verifiers::start(Options options) {
  std::unique_ptr<Verifiers> verifiers(new Verifiers(std::move(options)));
  if (Result<void> read = verifiers->read_file(); !read) return read.error();
  verifiers->thread_ = start_thread("weir-auth", [self = verifiers.get()] { self->run(); });
  return verifiers;
}

Verifiers::~Verifiers() {
  stop();
}

void Verifiers::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  waiting_.clear();
}

Verifiers::FileState Verifiers::state_of_file() const {
  struct stat status {};
  if (::stat(options_.users_file.c_str(), &status) != 0) return {};
  return {std::int64_t(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec, std::uint64_t(status.st_size),
          std::uint64_t(status.st_ino)};
}

Result<void> Verifiers::read_file() {
  if (options_.users_file.empty()) return {};
  file_state_ = state_of_file();
  const std::ifstream in(options_.users_file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  const std::string name = "auth.users_file \"" + options_.users_file + "\"";
  if (!in) return Error{name + " cannot be read", {}};
  Result<UsersFile> parsed = parse_users_file(text.str());
  if (!parsed) return Error{name + ": " + parsed.error().message, {}};
  file_ = std::move(*parsed);
  if (!file_.passed_over.empty()) {
    log::warn(name + " has " + counted(file_.passed_over.size(), "user") + " without a SCRAM-SHA-256 verifier, \"" +
              file_.passed_over.front() + "\" the first: their logins cannot end at Weir");
  }
  return {};
}

void Verifiers::find(VerifierQuestion question, Answer answer) {
  question.user.resize(std::min(question.user.size(), kLongestName));
  std::optional<wire::KnownVerifier> known;
  {
    const std::lock_guard lock(mutex_);
    known = book_.known(question, VerifierBook::Clock::now());
    if (!known && waiting_.size() >= kMostWaiting)
      known = wire::KnownVerifier{Kind::unavailable, {}, "too many users' verifiers are being asked for"};
    if (!known) {
      const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) {
        return one.question.user == question.user && one.question.salt == question.salt &&
               one.question.iterations == question.iterations;
      });
      if (same != waiting_.end()) {
        same->answers.push_back(std::move(answer));
      } else {
        waiting_.push_back({std::move(question), {}});
        waiting_.back().answers.push_back(std::move(answer));
      }
    }
  }
  if (known) return answer(*known);
  wake_.notify_one();
}

void Verifiers::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (waiting_.empty()) {
      const bool woken = wake_.wait_for(lock, kIdle, [this] { return ending_ || !waiting_.empty(); });
      if (!woken) connection_.reset();
      continue;
    }
    const Waiting next = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    lock.unlock();
    answer(next);
    lock.lock();
  }
}

void Verifiers::answer(const Waiting& waiting) {
  const wire::KnownVerifier known = look_up(waiting.question);
  if (known.kind == Kind::unavailable) {
    log::warn("missing verifiers", "a password cannot be verified: " + known.why);
  } else {
    const std::lock_guard lock(mutex_);
    book_.note(waiting.question, known, VerifierBook::Clock::now());
  }
  for (const Answer& tell : waiting.answers) tell(known);
}

wire::KnownVerifier Verifiers::look_up(const VerifierQuestion& question) {
  const auto in_file = look_into_file(question);
  if (in_file && (in_file->kind == Kind::found || options_.query.empty())) return *in_file;
  if (options_.query.empty()) return {Kind::none, {}, "auth.users_file has no such user"};
  return ask(question);
}

std::optional<wire::KnownVerifier> Verifiers::look_into_file(const VerifierQuestion& question) {
  const auto look = [&]() -> std::optional<wire::KnownVerifier> {
    const auto found = file_.verifiers.find(question.user);
    if (found == file_.verifiers.end()) return std::nullopt;
    return judge_verifier(question, found->second, "auth.users_file");
  };
  if (options_.users_file.empty()) return std::nullopt;
  const auto known = look();
  if ((known && known->kind == Kind::found) || state_of_file() == file_state_) return known;
  if (const Result<void> read = read_file(); !read) {
    log::warn("unreadable users files", read.error().message + "; what was read before holds");
    return known;
  }
  return look();
}

/// A connection that has ended meanwhile is made anew, once.
wire::KnownVerifier Verifiers::ask(const VerifierQuestion& question) {
  for (;;) {
    std::string why;
    const bool was_there = connection_ != nullptr;
    if (!connect(why)) return {Kind::unavailable, {}, why};
    wire::KnownVerifier known = ask_for_verifier(*connection_, options_.query, question);
    if (known.kind != Kind::unavailable || connection_->alive()) return known;
    connection_.reset();
    if (!was_there) return known;
  }
}

bool Verifiers::connect(std::string& why) {
  if (connection_) return true;
  if (VerifierBook::Clock::now() < next_try_) {
    why = last_failure_;
    return false;
  }
  auto opened = SideConnection::open(options_.upstream, options_.credentials);
  if (opened) {
    connection_ = std::make_unique<SideConnection>(std::move(*opened));
    return true;
  }
  next_try_ = VerifierBook::Clock::now() + kRetry;
  last_failure_ = why = "auth.query cannot log in: " + opened.error().message;
  return false;
}

}  // namespace weir::proxy
