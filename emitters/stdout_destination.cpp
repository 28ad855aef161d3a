// Standard output as a destination: there is one, and nothing to be set of it.
#include <unistd.h>

#include "emitters/destination.h"
#include "emitters/stdout.h"

namespace weir::emitters {

namespace {

class StdoutDestination final : public DestinationKind {
 public:
  std::string_view name() const override { return "stdout"; }
  std::string_view scheme() const override { return "stdout"; }
  std::string_view form() const override { return "stdout"; }
  bool is_meant_by(std::string_view uri) const override { return uri == scheme(); }
  Result<Uri> read(const std::string&) const override { return Uri{}; }
  Result<std::unique_ptr<Emitter>> open(const DestinationOptions&) const override { return make_stdout_emitter(); }
  bool is_read_by_a_person() const override { return ::isatty(STDOUT_FILENO) == 1; }
};

}  // namespace

const DestinationKind& stdout_destination() {
  static const StdoutDestination kind;
  return kind;
}

}  // namespace weir::emitters
