#include "proxy/running_weir.h"

#include <algorithm>
#include <utility>

#include "proxy/process/log.h"
#include "proxy/server_settings.h"

namespace weir::proxy {

namespace {

constexpr const char* kConfigFileError = "F0000";

}  // namespace

Result<SettingsChange> RunningWeir::reload() {
  auto read = reload_.read();
  if (!read) return Error{read.error().message, kConfigFileError};
  const Settings& settings = read->settings;
  // What can fail comes first.
  std::unique_ptr<Deliveries::Change> destinations;
  if (capturing_ != nullptr) {
    auto prepared = capturing_->prepare(settings);
    if (!prepared) return prepared.error();
    destinations = std::move(*prepared);
  }
  if (auto changed = server_.change(server_change(settings)); !changed) return changed.error();
  if (capturing_ != nullptr) capturing_->change(settings, std::move(destinations));
  // Left alone where the file says what it said: somebody may have set another level since.
  if (read->change.takes("log.level")) log::set_level(settings.log_level);
  inspection_.show(read->shown);
  shutdown_timeout_ = settings.shutdown_timeout;
  reload_.taken(*read);
  for (const auto& warning : read->warnings) log::warn(warning);
  return read->change;
}

Result<SettingsChange> RunningWeir::look_at_files(const std::string& cause) {
  if (capturing_ != nullptr) capturing_->reopen_files();
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
    errands_.post([this, done = std::move(done)] {
      const auto change = look_at_files("RELOAD");
      done(change ? Result<ConsoleTable>(change_table(*change)) : Result<ConsoleTable>(change.error()));
    });
  };
  orders.forget = [this](const std::string& destination, ConsoleOrders::Done done) {
    errands_.post([this, destination, done = std::move(done)] {
      const auto forgotten = capturing_ != nullptr
                                 ? capturing_->forget(destination)
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
