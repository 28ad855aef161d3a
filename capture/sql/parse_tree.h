// libpg_query, for the files that read its trees: parser.cpp, update_terms.*, literals.cpp and insert_values.cpp. All
// other code knows statement.h.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "capture/sql/statement.h"

extern "C" {
// The server's headers have an order.
// clang-format off
#include "pg_query.h"
#include "pg_query_internal.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "catalog/pg_class_d.h"
// clang-format on
}

namespace weir::capture {

/// The parser's memory and error, freed when it goes out of scope.
class Tree {
 public:
  Tree(std::string_view text, LexerSettings settings) : memory_(pg_query_enter_memory_context()) {
    const int options = settings.standard_conforming_strings ? 0 : PG_QUERY_DISABLE_STANDARD_CONFORMING_STRINGS;
    const std::string terminated(text);
    result_ = pg_query_raw_parse(terminated.c_str(), options);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    free(result_.stderr_buffer);
    if (result_.error != nullptr) pg_query_free_error(result_.error);
    pg_query_exit_memory_context(memory_);
  }
  bool ok() const { return result_.error == nullptr; }
  const List* statements() const { return result_.tree; }

 private:
  MemoryContext memory_;
  PgQueryInternalParsetreeAndError result_;
};

}  // namespace weir::capture
