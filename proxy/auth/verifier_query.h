// auth.query: what is asked of the database for one user, and what its answer means. Decides over an AskableDatabase,
// so that a test can answer.
#pragma once

#include <string>

#include "proxy/doubt/askable_database.h"
#include "proxy/io/verifier_source.h"

namespace weir::proxy {

/// Compares a verifier with what the database shows; `source` is for the log ("auth.query").
wire::KnownVerifier judge_verifier(const VerifierQuestion& question, const wire::ScramVerifier& verifier,
                                   const std::string& source);

/// The query gets the user's name as $1 and gives at most one row: the verifier, or name and verifier, as PgBouncer's
/// auth_query does; further columns mean nothing.
wire::KnownVerifier ask_for_verifier(AskableDatabase& database, const std::string& query,
                                     const VerifierQuestion& question);

}  // namespace weir::proxy
