/* What the reader's files share. Nobody else includes it. */
#pragma once

#include "store/db.h"
#include "store/reader.h"
#include "store/sql.h"

enum reader_query {
#define SQL(stem, text) RQ_##stem,
#include "audit_ctl.inc"
#undef SQL
	RQ__MAX
};

struct reader {
	sqlite3 *db;                  /* owned */
	sqlite3_stmt *stmts[RQ__MAX]; /* owned */
	bool snapshot;                /* one transaction until reader_release() */
};

#define READER_PAGE 256 /* rows read in one transaction */

/* A statement's text. */
const char *reader_text(enum reader_query query);

/* A prepared statement for AUTO(sql_reset). */
static inline sqlite3_stmt *reader_stmt(struct reader *reader, enum reader_query query)
{
	return reader->stmts[query];
}

/* A read transaction, so that what is read between stands for one moment; within a
 * snapshot they do nothing. */
int reader_begin(struct reader *reader, struct error *err);
void reader_end(struct reader *reader);

/* The queue's connection, for the backup of it. Borrowed. */
struct reader_queue;
sqlite3 *reader_queue_connection(struct reader_queue *queue);

/* Ids while they are collected: rowids, job ids, seqs. */
struct reader_ids {
	int64_t *ids; /* owned */
	size_t n, cap;
};

/* Frees them; empty again. Idempotent. */
void reader_ids_deinit(struct reader_ids *ids);

/* Appends one. */
void reader_ids_add(struct reader_ids *ids, int64_t id);

/* Steps the bound stmt to its end, adds column 0 of each row, resets it. 0 or < 0. */
int reader_ids_collect(struct reader_ids *ids, sqlite3_stmt *stmt, struct error *err);

/* Sorts them, highest first (or lowest first), each once. */
void reader_ids_sort(struct reader_ids *ids, bool descending);

static inline void reader_ids_cleanup(struct reader_ids *ids)
{
	reader_ids_deinit(ids);
}

/* Candidates, a page at a time: out of a list that was collected once, or by a statement
 * that takes (below, limit). */
struct reader_walk {
	struct reader_ids list; /* owned */
	size_t at;              /* in list */
	bool paged;             /* no list: query is asked for the next page */
	enum reader_query query;
	int64_t below; /* of the next page */
};

/* Reads the next page of candidates into *ret_ids; none = the end. In a transaction. */
int reader_walk_page(struct reader *reader, struct reader_walk *walk,
	struct reader_ids *ret_ids, struct error *err);

static inline void reader_walk_cleanup(struct reader_walk *walk)
{
	reader_ids_deinit(&walk->list);
}

/* The jobs that can be among those selected, by the best index. */
int reader_job_walk(struct reader *reader, const struct reader_selector *selector,
	struct reader_walk *ret_walk, struct error *err);

/* Binds and steps job_select.sql: SQL_ROW = it is selected and stands in the statement,
 * which the caller resets. */
int reader_job_match(struct reader *reader, const struct reader_selector *selector,
	int64_t id, struct error *err);
