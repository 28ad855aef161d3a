// What a stream of events must satisfy, checked against what an independent oracle says was committed.
//
// Both sides are brought into one form: a Write is one row change, with a change of the key as a delete of the old key
// and a create of the new one, partitions counted as their root table, and JSON in a canonical form. A validator
// returns sentences: one for each violation, none where all is well (at most a handful, so a broken stream stays
// readable). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/kafka_broker.h"

namespace weir::test_support {

using Violations = std::vector<std::string>;

struct Write {
  std::string table;  ///< schema.table, the root of partitions
  char op = 'c';      ///< c, u, d
  std::string key;    ///< canonical; empty without a key
  std::string after;  ///< canonical; empty for d

  bool operator==(const Write&) const = default;
};
std::string to_text(const Write& write);

/// What was committed, as one oracle tells it.
struct Oracle {
  std::map<std::uint64_t, std::vector<Write>> transactions;    ///< by xid, in the order of the writes
  std::map<std::string, std::vector<std::uint64_t>> versions;  ///< by table and key: who wrote it, in commit order
  std::map<std::uint64_t, std::vector<std::string>> images;    ///< as `transactions`: the server's own JSON of the new
                                                               ///< row; empty where the oracle does not know it

  void add(std::uint64_t xid, const Write& write, const std::string& image = {});
};

struct StreamEvent {
  std::string topic;
  std::int32_t partition = 0;
  Write write;
  std::uint64_t xid = 0;
  std::int64_t total_order = 0;
  std::optional<std::int64_t> last;  ///< of the last event of its transaction: how many there are
  std::int64_t statement_order = 0;
  std::uint64_t lsn = 0;
  std::string id;
  std::string fidelity;
  std::string content;  ///< the value without its send times: what a redelivery must repeat
  std::string raw;      ///< the value as it came
  std::string key;      ///< the record's key as it came; empty without one
};

struct Boundary {
  std::string status;  ///< BEGIN or END
  std::uint64_t xid = 0;
  std::int64_t event_count = 0;
  std::map<std::string, std::int64_t> collections;
};

/// The records of all topics of one prefix, in the order of each partition.
struct Stream {
  std::vector<StreamEvent> events;
  std::vector<Boundary> boundaries;
  std::vector<std::string> gaps;
  Violations malformed;

  std::set<std::uint64_t> transactions() const;
};

/// Reads Debezium-shaped records. `roots` maps "schema.partition" to "schema.table".
Stream read_stream(const std::vector<KafkaRecord>& records, const std::string& prefix,
                   const std::map<std::string, std::string>& roots = {});

/// The same set of transactions, and in each the same writes in the same order; `loose_ops`: tables where c and u are
/// not told apart; `regrouped`: tables whose statements may tell their deletes first, so that of writes that follow
/// each other there only which they are is compared (check_deletes_first and the replay look at their order).
Violations check_transactions(const Stream& stream, const Oracle& oracle, const std::set<std::string>& loose_ops = {},
                              const std::set<std::string>& regrouped = {});
/// No statement has a delete behind a create.
Violations check_deletes_first(const Stream& stream);
/// For each key the same sequence of writers, and a row version that never falls.
Violations check_versions(const Stream& stream, const Oracle& oracle);
/// Equal ids mean equal content and the same transaction.
Violations check_duplicates(const Stream& stream);
/// No id comes twice.
Violations check_exactly_once(const Stream& stream);
/// The last event of each transaction, and no other, says that it is, and how many there are.
Violations check_last(const Stream& stream);
/// Each transaction has a BEGIN and an END whose counts are those of its events.
Violations check_boundaries(const Stream& stream);
/// Each delete with a key is followed by its tombstone, and no tombstone stands alone.
Violations check_tombstones(const std::vector<KafkaRecord>& records, const std::string& prefix);
/// Every event has row fidelity and there is no gap.
Violations check_fidelity(const Stream& stream);

/// First occurrences only.
Stream without_duplicates(const Stream& stream);

/// A JSON object's members: a number as it is written, for no digit may be lost in a comparison, a string with its
/// escapes made uniform.
using Members = std::map<std::string, std::string>;
/// Throw where the text is no JSON object or array.
Members members_of(const std::string& json_object);
std::vector<std::string> elements_of(const std::string& json_array);
/// The members in the order of their names.
std::string canonical(const Members& members);
inline std::string canonical(const std::string& json_object) {
  return canonical(members_of(json_object));
}

}  // namespace weir::test_support
