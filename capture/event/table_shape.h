// The shape of a table as the images of its rows have it: columns with their types, and the key. What a schema, Avro or
// a warehouse needs to know before the first row, and once for each change of it, not for each event.
//
// Immutable and shared: an event refers to its shape, and nobody copies one. Two shapes are the same where their
// fingerprints are: a hash of all that is in it, so the same table has the same one after a restart, in another session
// and on redelivery. Columns that are excluded, or computed when they are read, are in no image and in no shape.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::event {

struct ShapeColumn {
  std::string name;
  std::int16_t number = 0;     ///< pg_attribute.attnum: stays the same when the column is renamed
  std::uint32_t type = 0;      ///< pg_type.oid
  std::string type_schema;     ///< "pg_catalog"
  std::string type_name;       ///< pg_type.typname: "int4", "_text" for an array of text
  std::int32_t modifier = -1;  ///< pg_attribute.atttypmod: what stands in parentheses behind the type; -1: nothing
  char kind = 'b';             ///< pg_type.typtype: 'b' base, 'c' composite, 'd' domain, 'e' enum, 'r' range, …
  std::uint32_t base = 0;      ///< of a domain: the type beneath it
  bool not_null = false;

  bool operator==(const ShapeColumn&) const = default;
};

struct TableShape {
  /// The table that the statement named. An event's own table is this one, or one below it (a partition).
  std::string schema;
  std::string table;
  std::vector<ShapeColumn> columns;  ///< in the order of the images
  std::vector<std::string> key;      ///< names of the primary key's columns, in its order; empty where none is seen
  std::uint64_t fingerprint = 0;     ///< its version; never 0
};
using ShapePtr = std::shared_ptr<const TableShape>;

/// All of it but the fingerprint, as bytes that are equal only for shapes that are: what a fingerprint is made of.
std::string canonical_bytes(const TableShape& shape);
/// "9f86d081884c7d65"
std::string fingerprint_text(std::uint64_t fingerprint);
/// "numeric(10,2)", "int4[]", "shop.mood": a column's type for a person.
std::string type_text(const ShapeColumn& column);
/// "public.orders: id int8 not null, note varchar(20); key id", for a person.
std::string describe(const TableShape& shape);

/// Whether an image has these columns and no others, in their order. If so, `key` is the object of the key's columns;
/// empty where there is no key.
bool fits(const TableShape& shape, std::string_view image, std::string& key);

}  // namespace weir::event
