// Reads PostgreSQL's own parse tree and keeps what statement.h asks for.
//
// The server's C code reports errors by longjmp. So whatever may raise one runs inside `guarded`, and no object with a
// destructor is created between there and the C code.
#include <algorithm>
#include <cstring>

#include "capture/sql/comment_tags.h"
#include "capture/sql/parse_tree.h"
#include "capture/sql/statement.h"
#include "capture/sql/telling_names.h"
#include "capture/sql/update_terms.h"

namespace weir::capture {
namespace {

using Names = std::vector<std::string>;

struct ModifiedTable {
  const RangeVar* table;  // null: the query writes none
  StatementKind kind;
};

/// What one walk over a statement's tree collects.
struct Walk {
  bool shows_text = false, shows_statements = false;
  bool modifying_with = false;
  bool hides_old_new = false, repeats_target = false;
  const RangeVar* target = nullptr;
  bool calls_or_queries = false;                  // a function call or a subquery
  bool sets_catalog = false, sets_lexer = false;  // set_config of one of kCatalogSettings, kLexerSettings
  WhereTerms* terms = nullptr;
  std::vector<int>* parameters = nullptr;
  std::vector<ModifiedTable>* modified = nullptr;  // tables written inside WITH
  std::size_t nodes = 0;
};

/// What a MERGE does where it can do one thing only: a kind of its own where there are several.
StatementKind kind_of(const MergeStmt& merge) {
  StatementKind kind = StatementKind::read;
  const ListCell* cell;
  foreach (cell, merge.mergeWhenClauses) {
    const CmdType command = reinterpret_cast<const MergeWhenClause*>(lfirst(cell))->commandType;
    const StatementKind one = command == CMD_INSERT   ? StatementKind::insert
                              : command == CMD_UPDATE ? StatementKind::update
                              : command == CMD_DELETE ? StatementKind::remove
                                                      : kind;
    if (kind != StatementKind::read && one != kind) return StatementKind::merge;
    kind = one;
  }
  return kind == StatementKind::read ? StatementKind::merge : kind;
}

ModifiedTable modified_table(const Node* query) {
  switch (nodeTag(query)) {
    case T_InsertStmt:
      return {reinterpret_cast<const InsertStmt*>(query)->relation, StatementKind::insert};
    case T_UpdateStmt:
      return {reinterpret_cast<const UpdateStmt*>(query)->relation, StatementKind::update};
    case T_DeleteStmt:
      return {reinterpret_cast<const DeleteStmt*>(query)->relation, StatementKind::remove};
    case T_MergeStmt:
      return {reinterpret_cast<const MergeStmt*>(query)->relation, kind_of(*reinterpret_cast<const MergeStmt*>(query))};
    default:
      return {nullptr, StatementKind::read};
  }
}

void note_name(Walk& walk, const char* name) {
  walk.shows_text |= name != nullptr && is_one_of(name, kShowsText);
  walk.shows_statements |= name != nullptr && is_one_of(name, kShowsStatements);
}

/// set_config('search_path', …) is a SET; of a name that is not written out it may be, and a parameter any.
void note_set_config(Walk& walk, const FuncCall& call) {
  if (call.args == NIL || std::strcmp(strVal(llast(call.funcname)), "set_config") != 0) return;
  const auto* name = reinterpret_cast<const Node*>(linitial(call.args));
  const A_Const* value = IsA(name, A_Const) ? reinterpret_cast<const A_Const*>(name) : nullptr;
  const bool known = value != nullptr && !value->isnull && nodeTag(&value->val) == T_String;
  walk.sets_catalog |= known ? is_one_of(value->val.sval.sval, kCatalogSettings) : value == nullptr;
  walk.sets_lexer |= known ? is_one_of(value->val.sval.sval, kLexerSettings) : IsA(name, ParamRef);
}

void note_table_alias(Walk& walk, const char* name) {
  if (name != nullptr && (std::strcmp(name, "old") == 0 || std::strcmp(name, "new") == 0)) walk.hides_old_new = true;
}

void note_node(Walk& walk, const Node* node) {
  if (walk.terms) note_where_term(node, *walk.terms);
  switch (nodeTag(node)) {
    case T_RangeVar: {
      const auto* table = reinterpret_cast<const RangeVar*>(node);
      note_name(walk, table->relname);
      note_table_alias(walk, table->alias ? table->alias->aliasname : table->relname);
      walk.repeats_target |= walk.target != nullptr && table != walk.target && table->alias == nullptr &&
                             std::strcmp(table->relname, walk.target->relname) == 0;
      break;
    }
    case T_Alias:
      note_table_alias(walk, reinterpret_cast<const Alias*>(node)->aliasname);
      break;
    case T_FuncCall: {
      const auto* call = reinterpret_cast<const FuncCall*>(node);
      walk.calls_or_queries = true;
      if (call->funcname == NIL) break;
      note_set_config(walk, *call);
      note_name(walk, strVal(llast(call->funcname)));
      break;
    }
    case T_SubLink:
    case T_CurrentOfExpr:
      walk.calls_or_queries = true;
      break;
    case T_ParamRef:
      if (walk.parameters) walk.parameters->push_back(reinterpret_cast<const ParamRef*>(node)->number);
      break;
    case T_CommonTableExpr: {
      const auto* with = reinterpret_cast<const CommonTableExpr*>(node);
      if (const ModifiedTable modified = modified_table(with->ctequery); modified.table != nullptr) {
        walk.modifying_with = true;
        if (walk.modified) walk.modified->push_back(modified);
      }
      break;
    }
    default:
      break;
  }
}

bool visit(Node* node, void* context) {
  if (node == nullptr) return false;
  auto& walk = *static_cast<Walk*>(context);
  ++walk.nodes;
  note_node(walk, node);
  return raw_expression_tree_walker_impl(node, reinterpret_cast<tree_walker_callback>(visit), context);
}

/// Statements the walker has no case for: their query inside is walked instead.
Node* walkable(Node* statement) {
  if (statement == nullptr) return nullptr;
  switch (nodeTag(statement)) {
    case T_SelectStmt:
    case T_InsertStmt:
    case T_UpdateStmt:
    case T_DeleteStmt:
    case T_MergeStmt:
      return statement;
    case T_ExplainStmt:
      return walkable(reinterpret_cast<ExplainStmt*>(statement)->query);
    case T_CreateTableAsStmt:
      return walkable(reinterpret_cast<CreateTableAsStmt*>(statement)->query);
    case T_CopyStmt:
      return walkable(reinterpret_cast<CopyStmt*>(statement)->query);
    case T_DeclareCursorStmt:
      return walkable(reinterpret_cast<DeclareCursorStmt*>(statement)->query);
    default:
      return nullptr;
  }
}

/// Runs C code of the server that may raise an error; false where it did.
bool guarded(bool (*walk)(Node*, void*), Node* node, void* context) {
  volatile bool fine = true;
  const MemoryContext memory = CurrentMemoryContext;
  PG_TRY();
  { walk(node, context); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(memory);
    FlushErrorState();
    fine = false;
  }
  PG_END_TRY();
  return fine;
}

std::string text_or_empty(const char* text) {
  return text ? text : "";
}

TableName table_name(const RangeVar& table) {
  return {text_or_empty(table.schemaname), table.relname, table.alias ? table.alias->aliasname : table.relname,
          table.relpersistence == RELPERSISTENCE_TEMP, !table.inh};
}

void add_table(Statement& statement, const ModifiedTable& modified) {
  statement.tables.push_back(table_name(*modified.table));
  statement.tables.back().kind = modified.kind;
}

Names assigned_columns(const List* targets) {
  Names names;
  const ListCell* cell;
  foreach (cell, targets) names.emplace_back(text_or_empty(reinterpret_cast<ResTarget*>(lfirst(cell))->name));
  return names;
}

/// INSERT INTO t (a[1], c.x): a part of a column, not its value.
bool names_parts(const List* targets) {
  const ListCell* cell;
  foreach (cell, targets)
    if (reinterpret_cast<ResTarget*>(lfirst(cell))->indirection != NIL) return true;
  return false;
}

void read_returning(const ReturningClause* clause, WriteClauses& write) {
  if (clause == nullptr) return;
  write.has_returning = clause->exprs != NIL;
  const ListCell* cell;
  foreach (cell, clause->options) {
    const auto* option = reinterpret_cast<const ReturningOption*>(lfirst(cell));
    write.returning_options = true;
    (option->option == RETURNING_OPTION_OLD ? write.old_alias : write.new_alias) = option->value;
  }
}

/// Case-insensitive search for the keyword that ends before `limit`.
std::size_t rfind_keyword(std::string_view text, std::string_view lower_keyword, std::size_t limit) {
  const auto same = [](char a, char b) { return (a | 0x20) == b; };
  const std::string_view head = text.substr(0, limit);
  const auto it = std::find_end(head.begin(), head.end(), lower_keyword.begin(), lower_keyword.end(), same);
  return it == head.end() ? std::string_view::npos : std::size_t(it - head.begin());
}

/// The text of a WHERE that can be asked again in a SELECT of its own: it calls nothing and nothing follows it but the
/// end of the statement or its RETURNING. Whoever uses the slice parses what he made of it, so a comment that holds
/// the word "returning" costs a capture, never a wrong answer.
void read_plain_where(std::string_view text, const Statement& statement, const UpdateStmt& update,
                      WriteClauses& write) {
  write.where_absent = update.whereClause == nullptr;
  if (write.where_absent || update.fromClause != NIL || update.withClause != nullptr) return;
  Walk walk;
  walk.parameters = &write.where_parameters;
  walk.terms = &write.where_terms;
  if (!guarded(visit, update.whereClause, &walk) || walk.calls_or_queries) return;
  const int first = exprLocation(update.whereClause);
  if (first < 0) return;
  const std::size_t keyword = rfind_keyword(text, "where", std::size_t(first));
  if (keyword == std::string_view::npos || keyword < statement.begin) return;
  // A comment between them may hold the word itself and more behind it.
  const std::string_view between = text.substr(keyword + 5, std::size_t(first) - keyword - 5);
  if (between.find_first_not_of(" \t\r\n\f\v(") != std::string_view::npos) return;
  std::size_t end = statement.end;
  if (update.returningClause != nullptr && update.returningClause->exprs != NIL) {
    const auto* item = reinterpret_cast<const ResTarget*>(linitial(update.returningClause->exprs));
    end = item->location < 0 ? 0 : rfind_keyword(text, "returning", std::size_t(item->location));
    if (end == std::string_view::npos || end <= keyword) return;
  }
  write.plain_where = {keyword + 5, end};
}

void read_insert(const InsertStmt& insert, WriteClauses& write) {
  read_returning(insert.returningClause, write);
  write.columns = assigned_columns(insert.cols);
  const auto* source = reinterpret_cast<const SelectStmt*>(insert.selectStmt);
  const bool plain = source != nullptr && source->valuesLists != NIL && source->withClause == nullptr;
  write.has_values = plain && !names_parts(insert.cols);
  if (insert.onConflictClause == nullptr) return;
  write.on_conflict = true;
  write.on_conflict_update = insert.onConflictClause->action == ONCONFLICT_UPDATE;
  write.assigned = assigned_columns(insert.onConflictClause->targetList);
  read_kept(insert, write);
}

void read_write(Statement& statement, const RangeVar& target, StatementKind kind) {
  statement.kind = kind;
  statement.write = std::make_unique<WriteClauses>();
  statement.write->target = table_name(target);
  add_table(statement, {&target, kind});
}

void read_transaction(Statement& statement, const TransactionStmt& transaction) {
  statement.name = text_or_empty(transaction.savepoint_name);
  statement.chain = transaction.chain;
  switch (transaction.kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START:
      statement.kind = StatementKind::begin;
      break;
    case TRANS_STMT_COMMIT:
      statement.kind = StatementKind::commit;
      break;
    case TRANS_STMT_ROLLBACK:
      statement.kind = StatementKind::rollback;
      break;
    case TRANS_STMT_SAVEPOINT:
      statement.kind = StatementKind::savepoint;
      break;
    case TRANS_STMT_RELEASE:
      statement.kind = StatementKind::release;
      break;
    case TRANS_STMT_ROLLBACK_TO:
      statement.kind = StatementKind::rollback_to;
      break;
    case TRANS_STMT_PREPARE:
      statement.kind = StatementKind::prepare_transaction;
      statement.needs_block = true;
      break;
    default:
      statement.kind = StatementKind::finish_prepared;
      statement.needs_own_query = true;
  }
}

/// With ANALYZE, unless its value is FALSE, OFF or 0.
bool explains_by_running(const ExplainStmt& explain) {
  const ListCell* cell;
  foreach (cell, explain.options) {
    const auto* option = reinterpret_cast<const DefElem*>(lfirst(cell));
    if (std::strcmp(option->defname, "analyze") != 0) continue;
    if (option->arg != nullptr && IsA(option->arg, String)) return !is_one_of(strVal(option->arg), kOff);
    return option->arg == nullptr || !IsA(option->arg, Integer) || intVal(option->arg) != 0;
  }
  return false;
}

/// SELECT INTO, CREATE TABLE AS: fill a table that is new.
void read_new_table(Statement& statement, const IntoClause* into) {
  statement.kind = StatementKind::write_query;
  statement.creates_table = true;
  statement.select = false;
  if (into != nullptr && into->rel != nullptr) add_table(statement, {into->rel, StatementKind::insert});
}

/// INSERT, UPDATE, DELETE, MERGE, SELECT.
bool read_optimizable(std::string_view text, const Node* node, Statement& statement) {
  switch (nodeTag(node)) {
    case T_InsertStmt: {
      const auto* insert = reinterpret_cast<const InsertStmt*>(node);
      read_write(statement, *insert->relation, StatementKind::insert);
      read_insert(*insert, *statement.write);
      return true;
    }
    case T_UpdateStmt: {
      const auto* update = reinterpret_cast<const UpdateStmt*>(node);
      read_write(statement, *update->relation, StatementKind::update);
      read_returning(update->returningClause, *statement.write);
      statement.write->assigned = assigned_columns(update->targetList);
      read_plain_where(text, statement, *update, *statement.write);
      read_kept(*update, *statement.write);
      return true;
    }
    case T_DeleteStmt: {
      const auto* remove = reinterpret_cast<const DeleteStmt*>(node);
      read_write(statement, *remove->relation, StatementKind::remove);
      read_returning(remove->returningClause, *statement.write);
      return true;
    }
    case T_MergeStmt: {
      const auto* merge = reinterpret_cast<const MergeStmt*>(node);
      read_write(statement, *merge->relation, StatementKind::merge);
      statement.tables.back().kind = kind_of(*merge);
      read_returning(merge->returningClause, *statement.write);
      return true;
    }
    case T_SelectStmt: {
      const auto* select = reinterpret_cast<const SelectStmt*>(node);
      statement.kind = StatementKind::read;
      statement.select = true;
      if (select->intoClause != nullptr) read_new_table(statement, select->intoClause);
      return true;
    }
    default:
      return false;
  }
}

void read_truncate(const TruncateStmt& truncate, Statement& statement) {
  statement.kind = StatementKind::truncate;
  const ListCell* cell;
  foreach (cell, truncate.relations)
    add_table(statement, {reinterpret_cast<const RangeVar*>(lfirst(cell)), StatementKind::truncate});
  for (TableName& table : statement.tables) table.cascades = truncate.behavior == DROP_CASCADE;
}

void read_copy(const CopyStmt& copy, Statement& statement) {
  statement.copy = true;
  statement.copy_in = copy.is_from && copy.filename == nullptr;
  statement.needs_own_query = true;
  statement.kind = StatementKind::read;
  if (copy.is_from && copy.relation != nullptr) {
    statement.kind = StatementKind::copy_from;
    add_table(statement, {copy.relation, StatementKind::insert});
  } else if (copy.query != nullptr && modified_table(copy.query).table != nullptr) {
    statement.kind = StatementKind::write_query;
    add_table(statement, modified_table(copy.query));
  }
}

/// Tables written inside WITH are the statement's as well; a SELECT that has such a WITH is a write.
void add_modified(Statement& statement, const std::vector<ModifiedTable>& modified) {
  if (modified.empty()) return;
  for (const ModifiedTable& table : modified) add_table(statement, table);
  if (statement.kind == StatementKind::read) statement.kind = StatementKind::write_query;
  statement.select = false;
}

/// Utility statements with a meaning for capture; false for the rest.
bool read_utility(const Node* node, Statement& statement) {
  switch (nodeTag(node)) {
    case T_TransactionStmt:
      read_transaction(statement, *reinterpret_cast<const TransactionStmt*>(node));
      return true;
    case T_TruncateStmt:
      read_truncate(*reinterpret_cast<const TruncateStmt*>(node), statement);
      return true;
    case T_CopyStmt:
      read_copy(*reinterpret_cast<const CopyStmt*>(node), statement);
      return true;
    case T_ExplainStmt: {
      const auto* explain = reinterpret_cast<const ExplainStmt*>(node);
      statement.kind = StatementKind::read;
      if (!explains_by_running(*explain)) return true;
      if (IsA(explain->query, CreateTableAsStmt)) return read_utility(explain->query, statement);
      const ModifiedTable modified = modified_table(explain->query);
      if (modified.table != nullptr) add_modified(statement, {modified});
      return true;
    }
    case T_CreateTableAsStmt: {
      const auto* create = reinterpret_cast<const CreateTableAsStmt*>(node);
      if (create->objtype == OBJECT_MATVIEW) return false;  // no table
      read_new_table(statement, create->into);
      statement.needs_own_query = IsA(create->query, ExecuteStmt);
      return true;
    }
    case T_ExecuteStmt:
      statement.kind = StatementKind::execute;
      statement.name = text_or_empty(reinterpret_cast<const ExecuteStmt*>(node)->name);
      statement.needs_own_query = true;
      return true;
    case T_CallStmt:
    case T_DoStmt:
      statement.kind = StatementKind::opaque;
      statement.needs_own_query = true;
      return true;
    case T_DeallocateStmt:
      statement.kind = StatementKind::session;
      statement.name = text_or_empty(reinterpret_cast<const DeallocateStmt*>(node)->name);
      statement.drops_all_statements = statement.name.empty();
      return true;
    case T_DiscardStmt:
      statement.kind = StatementKind::session;
      statement.needs_own_query = true;
      statement.drops_all_statements = reinterpret_cast<const DiscardStmt*>(node)->target == DISCARD_ALL;
      return true;
    case T_VariableSetStmt: {
      const auto* set = reinterpret_cast<const VariableSetStmt*>(node);
      const bool matters = set->name == nullptr ? set->kind == VAR_RESET_ALL : is_one_of(set->name, kCatalogSettings);
      statement.kind = matters ? StatementKind::session : StatementKind::utility;
      statement.needs_block = set->is_local || set->kind == VAR_SET_MULTI;
      statement.sets_lexer = set->name == nullptr || is_one_of(set->name, kLexerSettings);
      return true;
    }
    default:
      return false;
  }
}

/// DDL that means the same in a pipeline as in a simple Query.
constexpr NodeTag kSameInPipeline[] = {T_CreateStmt,     T_AlterTableStmt,   T_RenameStmt,         T_ViewStmt,
                                       T_CreateSeqStmt,  T_AlterSeqStmt,     T_CreateTrigStmt,     T_CreateSchemaStmt,
                                       T_CreateEnumStmt, T_CreateDomainStmt, T_CreateFunctionStmt, T_CommentStmt,
                                       T_GrantStmt,      T_RuleStmt};

/// All else: which of them mean the same in a pipeline as in a simple Query.
void read_other(const Node* node, Statement& statement) {
  statement.kind = StatementKind::ddl;
  switch (nodeTag(node)) {
    case T_VariableShowStmt:
      statement.kind = StatementKind::read;
      return;
    case T_NotifyStmt:
    case T_ListenStmt:
    case T_UnlistenStmt:
      statement.kind = StatementKind::utility;
      return;
    case T_PrepareStmt:
      statement.kind = StatementKind::utility;
      statement.keeps_text = true;
      return;
    case T_ClosePortalStmt:
      statement.kind = StatementKind::utility;
      statement.name = text_or_empty(reinterpret_cast<const ClosePortalStmt*>(node)->portalname);
      statement.closes_portal = true;
      return;
    case T_FetchStmt:
      statement.kind = StatementKind::utility;
      statement.name = text_or_empty(reinterpret_cast<const FetchStmt*>(node)->portalname);
      statement.move = reinterpret_cast<const FetchStmt*>(node)->ismove;
      statement.fetch = !statement.move;
      statement.needs_own_query = true;
      return;
    case T_LockStmt:
    case T_DeclareCursorStmt:
    case T_ConstraintsSetStmt:
      statement.kind = StatementKind::utility;
      statement.needs_block = true;
      statement.keeps_text = nodeTag(node) == T_DeclareCursorStmt;
      return;
    case T_VacuumStmt:
    case T_CheckPointStmt:
    case T_LoadStmt:
      statement.kind = StatementKind::utility;
      statement.needs_own_query = true;
      return;
    case T_IndexStmt:
      statement.needs_own_query = reinterpret_cast<const IndexStmt*>(node)->concurrent;
      return;
    case T_DropStmt:
      statement.needs_own_query = reinterpret_cast<const DropStmt*>(node)->concurrent;
      return;
    default:
      statement.needs_own_query =
          std::find(std::begin(kSameInPipeline), std::end(kSameInPipeline), nodeTag(node)) == std::end(kSameInPipeline);
  }
}

bool read_statement(std::string_view text, const RawStmt& raw, ParsedText& parsed) {
  Statement statement;
  statement.begin = std::size_t(std::max(raw.stmt_location, 0));
  statement.end = raw.stmt_len > 0 ? statement.begin + std::size_t(raw.stmt_len) : text.size();
  if (!read_optimizable(text, raw.stmt, statement) && !read_utility(raw.stmt, statement))
    read_other(raw.stmt, statement);
  std::vector<ModifiedTable> modified;
  Walk walk;
  std::vector<int> parameters;
  walk.modified = &modified;
  walk.parameters = &parameters;
  if (statement.write) walk.target = modified_table(raw.stmt).table;
  Node* tree = walkable(raw.stmt);
  if (tree != nullptr && !guarded(visit, tree, &walk)) return false;
  statement.shows_text = walk.shows_text;
  statement.shows_statements = walk.shows_statements;
  statement.has_parameters = !parameters.empty();
  statement.sets_lexer |= walk.sets_lexer;
  if ((walk.sets_catalog || walk.sets_lexer) && statement.kind == StatementKind::read)
    statement.kind = StatementKind::session;
  statement.modifying_with = walk.modifying_with;
  if (statement.write) {
    statement.write->hides_old_new = walk.hides_old_new;
    statement.write->repeats_target = walk.repeats_target && walk.target->alias == nullptr;
  }
  add_modified(statement, modified);
  parsed.memory += sizeof(Statement) + (statement.write ? sizeof(WriteClauses) + 512 : 0);
  parsed.statements.push_back(std::move(statement));
  return true;
}

/// Elsewhere a backslash is a character like any other, and outside of quotes a syntax error.
bool has_escape_string(std::string_view text) {
  for (const std::string_view begin : {"E'", "e'", "U&", "u&"})
    if (text.find(begin) != std::string_view::npos) return true;
  return false;
}

bool may_hide_backslash(std::string_view text) {
  return std::adjacent_find(text.begin(), text.end(), [](char a, char b) { return (a & 0x80) != 0 && b == '\\'; }) !=
         text.end();
}

/// At each "/*" the server's lexer reads all operator characters behind it and gives them back: thousands of comments
/// inside each other take seconds, which all sessions of this thread would wait for.
bool nests_comments_deeply(std::string_view text) {
  constexpr int kDeepest = 2000;
  if (text.size() <= 2 * kDeepest || text.find("/*") == std::string_view::npos) return false;
  int depth = 0;
  for (std::size_t at = 0; (at = text.find_first_of("*/", at)) < text.size(); ++at) {
    const std::string_view two = text.substr(at, 2);
    if (two == "/*" && ++depth > kDeepest) return true;
    if (two == "*/") depth = std::max(depth - 1, 0);
    if (two == "/*" || two == "*/") ++at;
  }
  return false;
}

}  // namespace

ParsedText parse(std::string_view text, LexerSettings settings) {
  ParsedText parsed;
  parsed.text = text;
  parsed.lexer = settings;
  parsed.tags = comment_tags(text);
  if (text.find('\0') != std::string_view::npos) return parsed;
  const bool escapes = !settings.standard_conforming_strings || has_escape_string(text);
  if (settings.hides_backslashes && escapes && may_hide_backslash(text)) return parsed;
  if (nests_comments_deeply(text)) return parsed;
  const Tree tree(text, settings);
  if (!tree.ok()) return parsed;
  const ListCell* cell;
  foreach (cell, tree.statements()) {
    if (!read_statement(text, *reinterpret_cast<const RawStmt*>(lfirst(cell)), parsed)) {
      parsed.statements.clear();
      return parsed;
    }
  }
  parsed.parsed = true;
  return parsed;
}

}  // namespace weir::capture
