#include "capture/session/lock_query.h"

#include <algorithm>

namespace weir::capture {
namespace {

std::string int16_bytes(std::size_t value) {
  return {char(value >> 8 & 0xff), char(value & 0xff)};
}

std::string int32_bytes(std::uint32_t value) {
  return {char(value >> 24 & 0xff), char(value >> 16 & 0xff), char(value >> 8 & 0xff), char(value & 0xff)};
}

constexpr std::uint32_t kTextOid = 25;

/// Types with this number and above are not the server's own.
constexpr std::uint32_t kFirstUserOid = 16384;

/// Of the parameters of a Parse; 0 where it leaves one to the server.
std::vector<std::uint32_t> declared_types(const std::string& declared) {
  wire::Cursor in(declared);
  std::vector<std::uint32_t> types(in.uint16());
  for (std::uint32_t& type : types) type = std::uint32_t(in.int32());
  return types;
}

int highest(const std::vector<int>& numbers) {
  int most = 0;
  for (const int number : numbers) most = std::max(most, number);
  return most;
}

/// Larger values that the lock query does not use are not sent with it.
constexpr std::size_t kLargestUnused = 1024;

/// So many as the UPDATE has: an error may name them all (log_parameter_max_length_on_error).
std::size_t lock_parameters(const Portal& portal, const std::vector<int>& used) {
  return std::max(std::size_t(highest(used)), portal.values.size());
}

/// Parameter types for the lock query: those it uses as the client declared them, the others text, since a parameter
/// nobody uses has no type of its own.
std::string lock_types(const Portal& portal, const std::vector<int>& used) {
  const std::size_t count = lock_parameters(portal, used);
  const std::vector<std::uint32_t> given = declared_types(portal.prepared->parameter_types);
  std::string types = int16_bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t type = i < given.size() ? given[i] : 0;
    const bool is_used = std::find(used.begin(), used.end(), int(i) + 1) != used.end();
    types += int32_bytes(is_used ? type : kTextOid);
  }
  return types;
}

std::string lock_values(const Portal& portal, const std::vector<int>& used) {
  const std::size_t count = lock_parameters(portal, used);
  std::string formats = int16_bytes(count);
  std::string values = int16_bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int16_t format = portal.formats.empty()       ? std::int16_t(0)
                                : portal.formats.size() == 1 ? portal.formats[0]
                                : i < portal.formats.size()  ? portal.formats[i]
                                                             : std::int16_t(0);
    const bool is_used = std::find(used.begin(), used.end(), int(i) + 1) != used.end();
    bool given = i < portal.values.size() && portal.values[i];
    if (given && !is_used) given = format == 0 && portal.values[i]->size() <= kLargestUnused;
    formats += int16_bytes(std::size_t(is_used ? format : 0));
    values += int32_bytes(given ? std::uint32_t(portal.values[i]->size()) : 0xffffffff);
    if (given) values += *portal.values[i];
  }
  return formats + values;
}

/// A parameter of a user's own type may have a user's own operator in the WHERE. What the client leaves to the server
/// is the same in both statements, for an UPDATE's WHERE is read before its SET.
bool can_lock(const Execution& execution) {
  if (!execution.portal) return true;
  const auto types = declared_types(execution.portal->prepared->parameter_types);
  const auto& used = execution.plan->lock_parameters;
  return std::none_of(used.begin(), used.end(), [&types](int number) {
    return std::size_t(number) <= types.size() && types[std::size_t(number) - 1] >= kFirstUserOid;
  });
}

}  // namespace

void send_lock(const std::shared_ptr<Execution>& execution, OwnStatements& own, const Sender& send) {
  const Plan& plan = *execution->plan;
  const auto& portal = execution->portal;
  if (!can_lock(*execution)) return;
  const std::string types = portal ? lock_types(*portal, plan.lock_parameters) : std::string(wire::kNoParameterTypes);
  const std::string values = portal ? lock_values(*portal, plan.lock_parameters) : std::string(wire::kNoParameters);
  // The first may wait for other transactions, and what they committed meanwhile only the second one sees.
  for (const std::string* query : {&plan.wait_query, &plan.lock_query}) {
    OwnStatement lock = own.parse(*query, types, {.purpose = Purpose::lock}, send);
    send.bind(own.portal(), lock.name, values, {}, {.purpose = Purpose::lock});
    send.execute(own.portal(), {.purpose = Purpose::lock, .execution = execution});
    send.close('P', own.portal(), {.purpose = Purpose::tidy});
    own.close(std::move(lock.name), send);
  }
}

}  // namespace weir::capture
