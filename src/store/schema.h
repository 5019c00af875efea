/* The shape of a database file, held against the shipped one. */
#pragma once

#include "store/db.h"

#include <stdbool.h>

/* What is not as it should be with a file. Texts owned; schema_fault_deinit(). */
struct schema_fault {
	char *text;  /* the first of them, a sentence; NULL = none */
	bool tables; /* a table or an index of ours is not the shipped one, or its place
			is another's: nothing can be read with any trust */
};

/* Frees. Idempotent. */
void schema_fault_deinit(struct schema_fault *fault);

/* Compares what the file's schema defines with what kind's migrations define; list is the
 * statement that lists a schema (type, name, table, SQL; by name). 0 or < 0. */
int schema_check(sqlite3 *db, const struct db_kind *kind, const char *list,
	struct schema_fault *ret_fault, struct error *err);

/* SQLite's own check of pages, of indexes against their tables and of the types of
 * values: the first thing wrong in *ret_text (a new string), NULL where nothing is. 0 or
 * < 0. */
int schema_check_pages(sqlite3 *db, char **ret_text, struct error *err);

static inline void schema_fault_cleanup(struct schema_fault *fault)
{
	schema_fault_deinit(fault);
}
