// A block with a captured insert in it, as scripts of sessions begin.
#pragma once

#include <string>

#include "tests/capture/session/session_script.h"

namespace weir::testing {

inline const std::string kRow = R"({"id":1,"v":null})";
inline const std::string kOther = R"({"id":2,"v":null})";
inline const std::string kCreated = R"(c public.t 1.1 0/10 key {"id":1} after {"id":1,"v":null})";
inline const std::string kPrepared = "prepare 1 xid 800 lsn 0/10-0/10 | " + kCreated;

inline std::string insert(int id) {
  return "INSERT INTO t VALUES (" + std::to_string(id) + ")";
}

/// A captured insert by Query within a block.
inline void insert_in_block(SessionScript& script, int id, const std::string& image, const std::string& lsn,
                            bool asks) {
  script.client_sends(client::query(insert(id)));
  if (asks) script.asks_facts(Table(), false);
  script.expect_upstream(client::query(insert(id) + suffix()))
      .upstream_sends(query_answered({written(image, lsn)}, "INSERT 0 1") + server::ready('T'))
      .expect_client(server::complete("INSERT 0 1") + server::ready('T'));
}

inline void begin_and_insert(SessionScript& script) {
  script.starts();
  passes(script, "BEGIN", "BEGIN", 'T');
  insert_in_block(script, 1, kRow, "0/10", true);
}

}  // namespace weir::testing
