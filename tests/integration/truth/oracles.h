// Two independent witnesses of what was committed: the history that triggers wrote, and logical decoding.
#pragma once

#include <string>

#include "tests/support/pg_connection.h"
#include "tests/support/validators.h"

namespace weir::truth {

/// By the history table. Per key its sequence is the order of commits: a trigger fires while its row is locked.
test_support::Oracle oracle_of_history(const test_support::PgConnection& connection);

/// Makes the slot before the workload runs: wal2json where the server has it (15), else test_decoding.
void make_slot(const test_support::PgConnection& connection, int version);
/// Everything the slot has seen, in commit order.
test_support::Oracle oracle_of_decoding(const test_support::PgConnection& connection, int version);

/// The columns of a line of test_decoding, behind "INSERT: ", their values as JSON.
test_support::Members columns_of_test_decoding(const std::string& text);

}  // namespace weir::truth
