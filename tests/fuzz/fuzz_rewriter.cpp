// The rewriter. Input: one byte of settings, then a text. Whatever the text is, parsing and planning end; positions lie
// in the text and in order; and what the grammar takes, it also takes with what is spliced behind it, as one statement
// of the same kind whose own text is untouched; what is taken out of it as a shape leaves the same statement.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capture/plan.h"
#include "capture/session/shape.h"
#include "capture/sql/comment_tags.h"
#include "tests/fuzz/require.h"

namespace {

using namespace weir::capture;

struct Setting {
  bool conforming, newest, utf8, partitioned, excludes;
};

Setting read_setting(std::uint8_t byte) {
  return {(byte & 1) != 0, (byte & 2) != 0, (byte & 4) != 0, (byte & 8) != 0, (byte & 16) != 0};
}

std::shared_ptr<const RelationFacts> some_facts(const TableName& table, const Setting& setting) {
  RelationFacts facts;
  facts.oid = 16384;
  facts.name = {"public", table.name};
  facts.kind = setting.partitioned ? 'p' : 'r';
  facts.persistence = 'p';
  facts.selectable = true;
  facts.key = {"id"};
  if (setting.partitioned) facts.routing = {"at"};
  for (const char* name : {"id", "at", "odd \"name\"", "secret"}) facts.columns.push_back({name, 'S', false});
  for (Column& column : facts.columns) column.type = 25;
  facts.leaves[16384] = facts.name;
  return std::make_shared<const RelationFacts>(std::move(facts));
}

void check_splice(std::string_view text, const Statement& statement, const Plan& plan, LexerSettings lexer) {
  const std::string spliced = std::string(text.substr(0, statement.end)) + plan.suffix;
  const ParsedText again = parse(spliced, lexer);
  WEIR_REQUIRE(again.parsed && again.single() != nullptr);
  WEIR_REQUIRE(again.single()->kind == statement.kind && again.single()->write->has_returning);
  WEIR_REQUIRE(plan.added.count > 0 && plan.added.xid >= 0 && plan.added.lsn >= 0 && plan.added.tableoid >= 0);
}

/// What has lost its literals is still the statement that it was.
void check_shape(const ParsedText& parsed, const Plan& plan) {
  const Statement& statement = parsed.statements[0];
  const auto shape = make_shape(parsed.text, statement, parsed.lexer, *plan.relation);
  if (!shape) return;
  const ParsedText again = parse(shape->text + plan.suffix, parsed.lexer);
  WEIR_REQUIRE(again.parsed && again.single() != nullptr);
  const Statement& shaped = *again.single();
  WEIR_REQUIRE(shaped.kind == statement.kind && shaped.write->assigned == statement.write->assigned);
  WEIR_REQUIRE(shaped.has_parameters == (shape->types.size() > 2));
}

void check_statement(const ParsedText& parsed, std::size_t index, const Setting& setting) {
  const Statement& statement = parsed.statements[index];
  WEIR_REQUIRE(statement.begin <= statement.end && statement.end <= parsed.text.size());
  if (index > 0) WEIR_REQUIRE(parsed.statements[index - 1].end <= statement.begin);
  if (!needs_plan(statement)) return;
  std::vector<std::shared_ptr<const RelationFacts>> relations;
  for (const TableName& table : statement.tables) relations.push_back(some_facts(table, setting));
  ServerSettings server;
  server.version = setting.newest ? 18 : 15;
  if (!setting.utf8) server.client_encoding = "LATIN1";
  Scope scope;
  if (setting.excludes) scope.exclude_columns = {"*.*.secret"};
  const Plan plan = make_plan({parsed.text, statement, relations, server, scope});
  if (plan.how == Plan::How::returning && parsed.single() != nullptr) {
    check_splice(parsed.text, statement, plan, parsed.lexer);
    check_shape(parsed, plan);
  }
  if (plan.how == Plan::How::input) insert_values(parsed.text, index, parsed.lexer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Setting setting = read_setting(data[0]);
  const std::string_view text = weir::testing::as_text(data + 1, size - 1);
  LexerSettings lexer;
  lexer.standard_conforming_strings = setting.conforming;
  const ParsedText parsed = parse(text, lexer);
  WEIR_REQUIRE(parsed.parsed || parsed.statements.empty());
  for (std::size_t i = 0; i < parsed.statements.size(); ++i) check_statement(parsed, i, setting);
  comment_tags(text);
  return 0;
}
