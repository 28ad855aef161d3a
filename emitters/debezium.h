// The envelope "debezium", apart from how it becomes bytes. The envelope decides which records there are, where they
// go, and what is in them; an encoding writes one value at a time, whole: one call for each record and none for each of
// its members.
//
// One encoding belongs to one format and is used as that is (format.h). What it is told is views, valid for the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/event/change_event.h"
#include "emitters/format.h"

namespace weir::emitters {

/// A transaction, and how the envelope calls it.
struct DebeziumTransaction {
  const event::Transaction& transaction;
  std::string_view xid;  ///< empty where it is not known
  std::string name;      ///< never empty: transaction.id
};

/// A row's record, or one of the two that a change of the key becomes.
struct DebeziumChange {
  const event::ChangeEvent& change;  ///< with the shape of its table, where that is known
  std::string_view table;            ///< what `table` made
  char op;
  const std::optional<std::string>& before;
  const std::optional<std::string>& after;
  std::string_view id;
  std::int64_t sent_us;
  std::int64_t total_order;
  std::int64_t collection_order;
};

/// A table's part of a transaction that has ended.
struct DebeziumCollection {
  std::string name;
  std::int64_t events = 0;
};

class DebeziumEncoding {
 public:
  virtual ~DebeziumEncoding() = default;
  /// What follows is of this database. `prefix`: source.name.
  virtual void database(const std::string& name, std::string_view prefix) = 0;
  /// And of this transaction.
  virtual void begin(DebeziumTransaction transaction) = 0;
  /// What all values of the event's table have in common, made at its first one.
  virtual std::string table(const event::ChangeEvent& change) = 0;
  virtual std::optional<std::string> key(const std::optional<std::string>& json) = 0;
  /// Returns where in it mark_last has something to say.
  virtual std::size_t change(const DebeziumChange& change, std::string& value) = 0;
  /// It is the last of its transaction, which has so many.
  virtual void mark_last(std::string& value, std::size_t at, std::int64_t count) = 0;
  virtual void gap(const event::ChangeEvent& change, std::string_view id, std::string& value) = 0;
  /// Key and value of BEGIN and END.
  virtual std::string boundary_key() = 0;
  virtual void begin_boundary(std::string& value) = 0;
  virtual void end_boundary(std::int64_t events, const std::vector<const DebeziumCollection*>& collections,
                            std::string& value) = 0;
};

std::unique_ptr<Format> make_debezium(const FormatOptions& options, std::unique_ptr<DebeziumEncoding> encoding);

/// Without schemas, the server's own JSON for values.
std::unique_ptr<DebeziumEncoding> make_debezium_json();

}  // namespace weir::emitters
