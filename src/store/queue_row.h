/* A row of queue.db as it stands in a statement, checked column by column. Pure: nothing
 * is read but the statement's columns. */
#pragma once

#include "base/buf.h"
#include "store/queue.h"

#include <sqlite3.h>
#include <stddef.h>

/* Reads the row that stands in stmt (the columns of job_next.sql, command_next.sql,
 * batch_get.sql). detail is scratch memory that is used again from row to row. The caller
 * deinits *ret_row. *ret_bytes: how many bytes its values have. */
void queue_row_read(sqlite3_stmt *stmt, struct buf *detail, struct queue_row *ret_row,
	size_t *ret_bytes);
void queue_row_read_command(sqlite3_stmt *stmt, struct buf *detail,
	struct queue_command *ret_command, size_t *ret_bytes);
void queue_row_read_batch(sqlite3_stmt *stmt, struct buf *detail,
	struct queue_batch *ret_batch, size_t *ret_bytes);

/* The same of a row that has a value over the limit: stmt has its id and the storage
 * classes of the other columns (…_types.sql). */
void queue_row_too_big(sqlite3_stmt *stmt, struct buf *detail, struct queue_row *ret_row);
void queue_row_too_big_command(
	sqlite3_stmt *stmt, struct buf *detail, struct queue_command *ret_command);
/* The same of a batch, of which only the name is known. */
void queue_row_too_big_batch(
	const char *name, struct buf *detail, struct queue_batch *ret_batch);
