// What the catalog says of a table, as the session's own question to it is answered. For scripts and for the model of
// the server alike.
#pragma once

#include <string>

#include "tests/capture/session/messages.h"

namespace weir::testing {

/// What the catalog says of a table that a script writes: public.t (id primary key) unless said otherwise.
struct Table {
  std::string name = "\"t\"";  ///< as the statement names it, quoted
  std::string schema = "public";
  std::string table = "t";
  std::string oid = "16400";
  std::string kind = "r";
  std::string persistence = "p";
  bool has_rules = false;
  bool row_security = false;
  bool selectable = true;
  bool shows_text = false;
  std::string key = R"(["id"])";
  std::string columns = R"([["id","N",""],["v","S",""]])";
  std::string leaves = R"([["16400","public","t"]])";
  std::string routing = {};  ///< empty: NULL
  bool routes_by_expression = false;
  bool logged = true;
  std::string server_run = "7714 00000001 1796.5 0/0 1795.25 4242";
  std::string updates = R"({"deferrable":false,"columns":[["id","int4","b",true,-1],["v","text","b",true,-1]],)"
                        R"("generated":null,"sources":null,"triggers":null,"operators":null,"casts":false})";
  bool has_foreign = false;
  bool has_update_triggers = false;
  bool is_first_in_path = true;
  std::string digest = "1";
  std::string creation_schema = "public";
  std::string types =
      R"([["id","23","-1","1","pg_catalog","int4","bn","0"],["v","25","-1","2","pg_catalog","text","b","0"]])";

  Values facts() const;
  /// As the question that does not ask for `updates` is answered.
  Table without_updates() const;
  /// The answer where there is no such table.
  static Values no_facts(const std::string& creation_schema = "public");
};

}  // namespace weir::testing
