// The vocabulary all of Weir shares: what a change is, which transaction it belongs to, and where it stands.
//
// A ChangeEvent is one row written by one statement of one committed transaction (or, where rows could not be
// seen, one statement: see Fidelity). Column values are the server's own JSON text (row_to_json) and are never
// parsed and printed again, so every digit is kept. All text is UTF-8. Plain values: no I/O, no threads, copyable.
// Depends on nothing else of Weir but the shape that an event refers to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/event/table_shape.h"

namespace weir::event {

/// A write-ahead-log position (PostgreSQL manual: pg_lsn). 0 means unknown.
using Lsn = std::uint64_t;
/// A 64-bit transaction id (xid8), never the 32-bit one that wraps. 0 means unknown.
using Xid = std::uint64_t;
/// Place of a transaction in the stream of one journal: 1, 2, 3, … without gaps, in emission order.
using Position = std::int64_t;

/// Debezium's op letters; `gap` is Weir's own: something was written that no event shows.
enum class Op : char { create = 'c', update = 'u', remove = 'd', truncate = 't', gap = 'g' };

/// How much of the truth an event holds.
enum class Fidelity {
  row,        ///< images are what the server stored
  input,      ///< `after` holds the columns as the client sent them
  statement,  ///< only the statement and its row count are known: no key, no images
};

/// Rows written that no row event shows. For Op::gap, and `rows` of a Fidelity::statement event.
struct Counts {
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
};

struct ChangeEvent {
  Op op = Op::create;
  Fidelity fidelity = Fidelity::row;
  std::string schema;                  ///< empty: not known
  std::string table;                   ///< the leaf partition really written
  Lsn lsn = 0;                         ///< version of this row: grows with every committed version of it
  std::uint32_t ordinal = 0;           ///< 1-based place in its transaction; (Transaction::id, ordinal) names the event
  std::uint32_t statement_order = 0;   ///< 1-based number of the writing statement in its transaction
  std::optional<std::string> key;      ///< JSON object of the key columns, after the change (before it for DELETE)
  std::optional<std::string> old_key;  ///< set only where an UPDATE changed the key
  std::optional<std::string> before;   ///< JSON object; absent where it is not known
  std::optional<std::string> after;    ///< JSON object; absent for DELETE, TRUNCATE, gap and Fidelity::statement
  Counts counts;                       ///< for Op::gap and Fidelity::statement
  std::string cause;                   ///< for Op::gap: "trigger", "cascade", "function", "copy", "shed", …
  std::string statement;               ///< the client's SQL; empty unless asked for in the configuration
  std::string tags;                    ///< JSON object of the SQLCommenter tags; empty for none
  /// Whose columns the images have: all of them where fidelity is `row`. Null without images, and where it is not
  /// known.
  ShapePtr shape = nullptr;
};

/// Who wrote. From the session's startup packet and socket.
struct Context {
  std::string user;
  std::string application_name;
  std::string client;   ///< "10.0.0.7:51234"
  std::string session;  ///< unique within one run of Weir
};

/// What holds for a whole transaction. The events are kept apart: there may be millions.
struct Transaction {
  std::int64_t id = 0;  ///< the journal's own number; unique for ever within one journal file
  Xid xid = 0;          ///< 0 only for gaps whose transaction is not known
  std::string database;
  Lsn first_lsn = 0;              ///< lowest lsn of its rows
  Lsn last_lsn = 0;               ///< highest lsn of its rows: the order of the stream
  Lsn resolved = 0;               ///< at release: no later transaction of this stream has an lsn <= this
  std::int64_t prepared_us = 0;   ///< journalled, microseconds since the epoch, UTC
  std::int64_t committed_us = 0;  ///< commit acknowledged, microseconds since the epoch, UTC
  Position position = 0;          ///< 0 until it is released to the stream
  std::uint32_t event_count = 0;
  std::string server_run;  ///< in which run of the server it was written: capture/server_run.h; empty: not known
  Context context;
};

/// Counts rows of create, update or remove; other kinds have none.
void count_rows(Counts& counts, Op op, std::int64_t rows);
/// What is left of an event of which only this is sure: that so many rows were written, and then `cause`.
ChangeEvent as_gap(ChangeEvent change, std::string_view cause);

/// "public.orders"; the table alone where the statement did not say more and nothing else told.
std::string qualified_table(const ChangeEvent& change);

/// About how many bytes of memory an event takes.
std::size_t memory_of(const ChangeEvent& change);
std::size_t memory_of(const std::vector<ChangeEvent>& changes);

/// "0/23EE9B0", as PostgreSQL prints pg_lsn.
std::string to_text(Lsn lsn);
/// Reads "0/23EE9B0"; nothing where the text is no pg_lsn.
std::optional<Lsn> parse_lsn(std::string_view text);
/// "row", "input", "statement".
const char* to_text(Fidelity fidelity);

}  // namespace weir::event
