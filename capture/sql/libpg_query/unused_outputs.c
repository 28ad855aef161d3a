/*
 * pg_query_parse.c can also print a tree as JSON or protobuf. Weir reads the tree itself and does not build those
 * printers; these two names only satisfy the linker. Reaching one is a mistake in Weir.
 */
#include <stdlib.h>

#include "pg_query.h"
#include "pg_query_outfuncs.h"

char* pg_query_nodes_to_json(const void* tree) {
  (void)tree;
  abort();
}

PgQueryProtobuf pg_query_nodes_to_protobuf(const void* tree) {
  (void)tree;
  abort();
}
