#include "proxy/check/certificates.h"

#include <algorithm>
#include <array>
#include <ctime>

namespace weir::proxy {

namespace {

constexpr std::int64_t kDay = 86'400;
/// Enough to get another one, and more than what renews itself leaves (a third of 90 days).
constexpr std::int64_t kSoon = 21 * kDay;

std::string date_of(std::int64_t seconds) {
  std::tm parts{};
  const std::time_t time = seconds;
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return {text.data(), size};
}

}  // namespace

void judge_dates(Report& report, const std::string& setting, const std::vector<CertificateDates>& dates,
                 std::int64_t now, bool authorities) {
  const auto is_valid = [now](const auto& one) { return one.not_before <= now && now <= one.not_after; };
  if (authorities) {
    if (std::any_of(dates.begin(), dates.end(), is_valid))
      return report.ok("certificate", setting + ": " + std::to_string(dates.size()) + " of authorities");
    return report.fail("certificate", setting + ": no certificate of it is valid now");
  }
  for (const auto& one : dates) {
    const std::string name = setting + ": " + one.subject;
    const std::int64_t days = (one.not_after - now) / kDay;
    if (one.not_before > now) {
      report.fail("certificate", name + " is valid only from " + date_of(one.not_before) + " on");
    } else if (one.not_after < now) {
      report.fail("certificate", name + " has expired on " + date_of(one.not_after));
    } else if (one.not_after - now < kSoon) {
      report.warn("certificate", name + " expires on " + date_of(one.not_after) + ", in " + std::to_string(days) +
                                     (days == 1 ? " day" : " days"));
    } else {
      report.ok("certificate", name + ", until " + date_of(one.not_after));
    }
  }
}

}  // namespace weir::proxy
