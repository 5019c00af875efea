/* The shipped schema of queue.db, and whether a file still has it. */
#pragma once

#include "base/error.h"
#include "store/db.h"
#include "store/queue_conn.h"

#include <stdbool.h>

struct queue_schema;

/* Builds the shipped schema in memory. 0 or < 0. The caller queue_schema_free()s
 * *ret_schema. */
int queue_schema_new(struct queue_schema **ret_schema, struct error *err);

/* NULL is fine. */
void queue_schema_free(struct queue_schema *schema);

/* What a file turned out to hold besides ours. */
struct queue_schema_extra {
	char *warning;    /* a new string about foreign tables and views, or NULL */
	bool has_virtual; /* a virtual table is among them */
};

/* Compares what conn's transaction sees with the shipped schema. QUEUE_E_FAULT, naming
 * it, where a table, index or trigger of ours is missing or changed or something else
 * hangs on our tables. Foreign objects are told in *ret_extra (the caller frees the
 * warning; written on 0 only). 0, QUEUE_E_…, or < 0. */
int queue_schema_check(const struct queue_schema *schema, struct queue_conn *conn,
	struct queue_schema_extra *ret_extra, struct error *err);

/* Whose file it is: 0 = ours with *ret_version, the number of its migrations (0: empty,
 * to be filled). QUEUE_E_FAULT: another program's, or a newer version's. QUEUE_E_…, or <
 * 0. */
int queue_schema_version(struct queue_conn *conn, int *ret_version, struct error *err);

/* Makes the schema in the empty file of a writing connection and sets its sequences, in
 * the transaction that is open. 0, QUEUE_E_…, or < 0. */
int queue_schema_create(
	struct queue_conn *conn, int64_t job_id, int64_t command_id, struct error *err);
