#include "proxy/check/scope_of.h"

namespace weir::proxy {

capture::Scope scope_of(const Settings& settings) {
  capture::Scope scope;
  scope.databases = settings.databases;
  scope.include = settings.include;
  scope.exclude = settings.exclude;
  scope.exclude_columns = settings.exclude_columns;
  scope.statement_text = settings.statement_text;
  return scope;
}

}  // namespace weir::proxy
