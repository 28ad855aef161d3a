#include "proxy/running_weir.h"

#include <algorithm>
#include <utility>

#include "proxy/process/log.h"
#include "proxy/server_settings.h"

namespace weir::proxy {

namespace {

constexpr const char* kConfigFileError = "F0000";

}  // namespace

/// What waits for an answer has its share in who is to give it.
RunningWeir::~RunningWeir() {
  if (verifiers_ != nullptr) verifiers_->stop();
  for (const auto& one : earlier_verifiers_) one->stop();
}

Result<SettingsChange> RunningWeir::reload() {
  auto read = reload_.read();
  if (!read) return Error{read.error().message, kConfigFileError};
  const Settings& settings = read->settings;
  // What can fail comes first.
  auto verifiers = verifiers_for(*read);
  if (!verifiers) return verifiers.error();
  std::unique_ptr<Deliveries::Change> destinations;
  if (parts_.capturing != nullptr) {
    auto prepared = parts_.capturing->prepare(settings);
    if (!prepared) return prepared.error();
    destinations = std::move(*prepared);
  }
  if (auto changed = parts_.server.change(server_change(settings, *verifiers)); !changed) return changed.error();
  replace_verifiers(std::move(*verifiers));
  if (parts_.capturing != nullptr) parts_.capturing->change(settings, std::move(destinations));
  apply(*read);
  reload_.taken(*read);
  for (const auto& warning : read->warnings) log::warn(warning);
  return read->change;
}

/// What cannot fail.
void RunningWeir::apply(const Reload::Read& read) {
  const Settings& settings = read.settings;
  // Left alone where the file says what it said: somebody may have set another level since.
  if (read.change.takes("log.level")) log::set_level(settings.log_level);
  if (read.change.takes("log.format")) log::set_format(log_format(settings));
  parts_.inspection.show(read.shown);
  if (parts_.admin != nullptr) parts_.admin->set_token(settings.admin.token);
  shutdown_timeout_ = settings.shutdown_timeout;
  const std::lock_guard lock(mutex_);
  console_users_ = settings.admin.users;
}

/// Those that there are, where nothing of theirs has changed.
Result<std::shared_ptr<Verifiers>> RunningWeir::verifiers_for(const Reload::Read& read) {
  const auto& taken = read.change.taken;
  const auto is_theirs = [](const std::string& key) { return key.starts_with("auth."); };
  if (std::none_of(taken.begin(), taken.end(), is_theirs)) return verifiers_;
  return start_verifiers(read.settings, upstream_, credentials_);
}

/// Those before end once no login asks them any more, and not on a worker's thread.
void RunningWeir::replace_verifiers(std::shared_ptr<Verifiers> next) {
  const auto before = std::exchange(verifiers_, std::move(next));
  if (before != nullptr && before != verifiers_) earlier_verifiers_.push_back(before);
  std::erase_if(earlier_verifiers_, [](const auto& one) { return one.use_count() <= 1; });
}

std::vector<std::string> RunningWeir::console_users() const {
  const std::lock_guard lock(mutex_);
  return console_users_;
}

Result<SettingsChange> RunningWeir::look_at_files(const std::string& cause) {
  if (parts_.capturing != nullptr) parts_.capturing->reopen_files();
  auto change = reload();
  if (!change) {
    log::error(cause + ": the configuration stays as it was: " + change.error().message);
    if (change.error().sqlstate.empty()) return Error{change.error().message, kConfigFileError};
    return change;
  }
  const std::string text =
      cause + ": files that were moved are begun anew, certificates are read again; " + told(*change);
  change->left.empty() ? log::info(text) : log::warn(text);
  return change;
}

ConsoleOrders RunningWeir::orders() {
  ConsoleOrders orders;
  orders.reload = [this](ConsoleOrders::Done done) {
    parts_.errands.post([this, done = std::move(done)] {
      const auto change = look_at_files("RELOAD");
      done(change ? Result<ConsoleTable>(change_table(*change)) : Result<ConsoleTable>(change.error()));
    });
  };
  orders.forget = [this](const std::string& destination, ConsoleOrders::Done done) {
    parts_.errands.post([this, destination, done = std::move(done)] {
      const auto forgotten = parts_.capturing != nullptr
                                 ? parts_.capturing->forget(destination)
                                 : Result<void>(Error{"nothing is captured, so there are no destinations", "55000"});
      done(forgotten ? Result<ConsoleTable>(ConsoleTable()) : Result<ConsoleTable>(forgotten.error()));
    });
  };
  return orders;
}

ConsoleTable change_table(const SettingsChange& change) {
  ConsoleTable table{ConsoleStatement::parse("RELOAD")->columns(), {}};
  for (const auto& one : change.rows)
    table.rows.push_back({one.key, one.before, one.after, change.takes(one.key) ? "taken" : "needs a restart"});
  return table;
}

}  // namespace weir::proxy
