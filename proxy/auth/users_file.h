// auth.users_file: PgBouncer's form, a line for each user, with the name and the verifier in double quotes; a quote
// within them is doubled. What follows on the line is passed over, as there, and lines that begin with ; or # are
// comments. Pure: the text comes from outside.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/scram.h"

namespace weir::proxy {

struct UsersFile {
  std::map<std::string, wire::ScramVerifier> verifiers;
  /// Users whose entry is no SCRAM-SHA-256 verifier (md5…, a password): Weir cannot log them in.
  std::vector<std::string> passed_over;
};

/// The error names the line, and nothing of what stands in it.
Result<UsersFile> parse_users_file(std::string_view text);

}  // namespace weir::proxy
