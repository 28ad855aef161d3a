#include "proxy/auth/verifier_query.h"

namespace weir::proxy {

namespace {

using Kind = wire::KnownVerifier::Kind;

/// A name with bytes that are no text of the database's: nobody can be called that.
constexpr const char* kNotInRepertoire = "22021";

wire::KnownVerifier none(std::string why) {
  return {Kind::none, {}, std::move(why)};
}

}  // namespace

wire::KnownVerifier judge_verifier(const VerifierQuestion& question, const wire::ScramVerifier& verifier,
                                   const std::string& source) {
  if (verifier.salt == question.salt && verifier.iterations == question.iterations) return {Kind::found, verifier, {}};
  return none("the database shows another salt than the verifier in " + source +
              " has: the password has expired (VALID UNTIL), or the verifier is of another password");
}

wire::KnownVerifier ask_for_verifier(AskableDatabase& database, const std::string& query,
                                     const VerifierQuestion& question) {
  const auto rows = database.query(query, {question.user});
  if (!rows && rows.error().sqlstate == kNotInRepertoire) return none("the user's name is no text of the database's");
  if (!rows) return {Kind::unavailable, {}, "auth.query: " + rows.error().message};
  if (rows->empty()) return none("auth.query has no such user");
  const AskableDatabase::Row& row = rows->front();
  if (row.empty() || rows->size() > 1)
    return {Kind::unavailable, {}, "auth.query must give one row: the verifier, or the user's name and the verifier"};
  const auto& text = row.size() > 1 ? row[1] : row[0];
  if (!text) return none("auth.query has no password of the user");
  const auto verifier = wire::read_scram_verifier(*text);
  if (!verifier) return none("what auth.query has of the user is no SCRAM-SHA-256 verifier");
  return judge_verifier(question, *verifier, "auth.query");
}

}  // namespace weir::proxy
