// A kind of destination, as it introduces itself: how it is written in `emit`, what can be set of it, how it is known
// over the starts of Weir, and how it is made. All else that Weir does with a destination it does by this interface.
//
// A new one has a class of this in its own files and a function `const DestinationKind& NAME_destination()`, and NAME
// stands in DESTINATIONS of CMakeLists.txt; nothing else names it. Kinds have no state and live as long as the program.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/values.h"
#include "emitters/emitter.h"
#include "emitters/format.h"

namespace weir::emitters {

/// A setting that one kind has: key "rotate_bytes" of "file" is emit[].file.rotate_bytes.
struct OwnSetting {
  std::string_view key;
  std::string_view takes;     ///< "BYTES", "0..1000", "true|false": for help and complaints
  std::string_view fallback;  ///< the default, as text; empty for none
  std::string_view help;
  Complaint (*complaint)(const std::string& value);
};

/// Values of a kind's own settings, by their keys; those that were not given are not there.
using OwnValues = std::map<std::string, std::string>;

struct DestinationOptions {
  std::string uri;
  std::string name;      ///< the emitter's, as `name_of` said
  std::string instance;  ///< of the journal: a destination that keeps a position of it keeps this beside it
  OwnValues own;
  std::function<void(const std::string& line)> debug = [](const std::string&) {};  ///< what a library of its says
};

class DestinationKind {
 public:
  virtual ~DestinationKind() = default;

  /// "file": its own settings begin with it.
  virtual std::string_view name() const = 0;
  /// "file:": a URI that begins so means this kind.
  virtual std::string_view scheme() const = 0;
  /// "file:PATH", for help and complaints.
  virtual std::string_view form() const = 0;
  virtual bool is_meant_by(std::string_view uri) const { return uri.starts_with(scheme()); }

  struct Uri {
    std::string prefix;  ///< of the topics; empty where the URI has none
  };
  /// Fails where the URI is wrong; the complaint goes on behind "emit ", and repeats no URI that may hold a password.
  virtual Result<Uri> read(const std::string& uri) const = 0;

  virtual std::span<const OwnSetting> settings() const { return {}; }
  /// What every other key means that begins with the kind's name, "any property of librdkafka": it is handed through,
  /// and its value, which may be a password, is never shown. Empty: there are no others.
  virtual std::string_view other_settings() const { return {}; }

  /// What its checkpoint is stored under: the same at every start, and another one for every destination.
  virtual std::string name_of(const std::string& uri) const { return uri; }
  /// Whether `earlier`, a name from an earlier start, must mean the same destination under another name.
  virtual bool is_same(const std::string& earlier, const std::string& uri) const { return earlier == uri; }

  /// Nothing is waited for: whoever cannot be reached yet is waited for by the emitter.
  virtual Result<std::unique_ptr<Emitter>> open(const DestinationOptions& options) const = 0;

  /// What a look at it says before it is used: whether it is reached, and what it would refuse. Changes nothing there.
  /// `topics` are those that records may go to. Blocks, for `patience` or some of them.
  struct Look {
    enum class Is { good, doubtful, bad };
    Is is = Is::good;
    std::string text;
  };
  virtual std::vector<Look> look(const DestinationOptions& /*options*/, const std::vector<std::string>& /*topics*/,
                                 std::chrono::milliseconds /*patience*/) const {
    return {{Look::Is::good, "nothing to be asked"}};
  }

  /// False: as long as one is open another one of the same place cannot be.
  virtual bool opens_beside_itself() const { return true; }
  /// Where events without a row go, where nothing is set.
  virtual Statements usual_statements() const { return Statements::table; }
  /// Above 0: it pays for each request (pacer.h).
  virtual std::chrono::milliseconds usual_pace() const { return std::chrono::milliseconds(0); }
  /// Files and sockets that it opens when it needs them, besides those that open() opened.
  virtual unsigned descriptors() const { return 0; }
  /// A person reads it, at a terminal.
  virtual bool is_read_by_a_person() const { return false; }
};

/// The kind that a URI means; null where there is none.
const DestinationKind* kind_of(std::string_view uri);
/// "stdout, file:PATH or kafka://…", with the word before the last.
std::string destination_forms(std::string_view word);

/// A value of an own setting that was checked, as a number; `fallback` where it was not given.
std::uint64_t bytes_of(const OwnValues& own, const std::string& key, std::uint64_t fallback);
std::uint64_t number_of(const OwnValues& own, const std::string& key, std::uint64_t fallback);

}  // namespace weir::emitters
