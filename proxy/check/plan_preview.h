// What Weir would do with a statement in this database: capture's own question to the catalog and capture's own plan,
// asked by a connection of Weir's instead of in a client's session.
//
// Runs nothing of the statement's, and prepares nothing of it. What the facts depend on beside the database is the
// connection's own: role, search_path. Blocking, as the connection is; one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/plan.h"
#include "proxy/doubt/askable_database.h"

namespace weir::proxy {

class PlanPreview {
 public:
  /// Asks which server this is. Both outlive it.
  static Result<PlanPreview> begin(AskableDatabase& database, const capture::Scope& scope);

  /// `text` is the one that the statement stands in. Only for statements of needs_plan().
  Result<capture::Plan> plan(const capture::ParsedText& text, const capture::Statement& statement);
  /// What is known of a table so far, in the order of Statement::tables: null where the catalog has none.
  std::vector<std::shared_ptr<const capture::RelationFacts>> relations(const capture::Statement& statement) const;

  const capture::ServerSettings& server() const { return server_; }
  const capture::Scope& scope() const { return scope_; }

 private:
  struct Known {
    capture::FactsText text = capture::FactsText::plain;
    std::shared_ptr<const capture::RelationFacts> relation;
  };

  PlanPreview(AskableDatabase& database, const capture::Scope& scope) : database_(database), scope_(scope) {}
  Result<void> ask(const std::string& name, capture::FactsText text);
  Result<void> ask_cascade(const capture::TableName& table);
  std::shared_ptr<const capture::RelationFacts> known(const std::string& name) const;

  AskableDatabase& database_;
  const capture::Scope& scope_;
  capture::ServerSettings server_;
  std::map<std::string, Known> facts_;
};

}  // namespace weir::proxy
