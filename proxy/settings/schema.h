// weir.yaml as a JSON Schema (draft 7), made from the settings' table: editors complete and check with it.
//
// What the schema takes by its form Weir may still refuse (two settings that need each other, a file that is not
// there); what Weir takes the schema takes too, but for spellings that are only forgiven (`log.level: WARNING`).
// examples/weir.schema.json is this text; a test holds them equal.
#pragma once

#include <string>

namespace weir::proxy {

std::string json_schema();

}  // namespace weir::proxy
