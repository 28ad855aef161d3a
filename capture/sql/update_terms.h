// What the clauses of UPDATE and ON CONFLICT DO UPDATE say about the columns they assign: which surely keep their
// values, and what a WHERE needs of the catalog to be evaluated once more. For parser.cpp, which walks the trees.
#pragma once

#include "capture/sql/parse_tree.h"

namespace weir::capture {

/// One node of a WHERE. Anything whose evaluation might run code that a user defined is noted.
void note_where_term(const Node* node, WhereTerms& terms);

/// Columns that are assigned what they are or what the WHERE says they are.
void read_kept(const UpdateStmt& update, WriteClauses& write);
/// Columns that are assigned what the conflicting row has in them.
void read_kept(const InsertStmt& insert, WriteClauses& write);

}  // namespace weir::capture
