// A format turns committed transactions into records. Each has golden tests.
//
// A transaction may be too large for memory, so it comes in slices: `begin`, any number of `change`, `end`. An
// encoder keeps only the counts of the transaction it is in, and what may be its last record (last_record.h). Same
// input, same bytes, but for the send time, which comes in as `now_us`. Pure: no I/O, no clock. One encoder belongs to
// one delivery loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/event/change_event.h"
#include "emitters/record.h"

namespace weir::emitters {

/// Where an event goes that knows no row: TRUNCATE, and what is known only by its statement. It has no key, which
/// compacted topics refuse and sinks cannot read.
enum class Statements {
  gap,    ///< to PREFIX.gap, in the form of a gap
  table,  ///< to the table's topic
  skip    ///< nowhere
};

struct FormatOptions {
  std::string prefix = "weir";     ///< topic prefix and source.name; {db} in it is the database's name
  bool tombstones = true;          ///< a delete is followed by one
  bool transaction_topic = false;  ///< BEGIN and END records
  Statements statements = Statements::gap;
  std::string instance = "journal";  ///< begins the ids of what has no transaction id; unique to the journal
  bool colour = false;               ///< for a terminal that shows it
};

class Format {
 public:
  virtual ~Format() = default;
  virtual void begin(const event::Transaction& transaction, std::vector<Record>& out) = 0;
  /// `change.shape` says which columns its images have, and of which types: for envelopes and encodings that need a
  /// schema. Its fingerprint is the schema's version: what was made for one holds for all events that have the same, of
  /// any transaction and behind a restart. Null: not known (events of an earlier Weir, or of a table that was just
  /// altered past Weir), and then the members of the image are all that can be said.
  virtual void change(const event::ChangeEvent& change, std::int64_t now_us, std::vector<Record>& out) = 0;
  virtual void end(std::vector<Record>& out) = 0;
  /// Behind the end of the transaction at this position: no later one of this stream has an lsn up to `lsn`. For
  /// formats that say so in records of their own, which belong to that transaction still.
  virtual void resolved(event::Position /*position*/, event::Lsn /*lsn*/, std::vector<Record>& /*out*/) {}
};

/// A format is an envelope, which says what the records are and what is in them, in an encoding, which says how that
/// becomes bytes. Its file has a function `const FormatKind& NAME_format()`, and NAME stands in CMakeLists.txt; it is
/// named nowhere else.
struct FormatKind {
  std::string_view envelope;  ///< "debezium"
  std::string_view encoding;  ///< "json"
  std::unique_ptr<Format> (*make)(const FormatOptions& options);
};

/// "debezium|flat|readable": the names that make_format takes. A format is called by its envelope, and one in another
/// encoding than its envelope's first by both: "debezium-avro".
const std::string& format_names();
/// Fails on another name and lists them.
Result<std::unique_ptr<Format>> make_format(const std::string& name, const FormatOptions& options);

}  // namespace weir::emitters
