/* What the files that make up queue.h's functions share. Nobody else includes it. */
#pragma once

#include "base/buf.h"
#include "store/queue.h"
#include "store/queue_conn.h"
#include "store/queue_file.h"
#include "store/queue_schema.h"

#include <sqlite3.h>

/* How much one call may take: rows of the sweep, bytes of values, ms of SQLite's steps.
 */
#define QUEUE_SWEEP_ROWS  1000
#define QUEUE_READ_BYTES  ((size_t)8 << 20)
#define QUEUE_READ_MS     2000
#define QUEUE_CHECK_MS    30000
#define QUEUE_CHECK_BYTES ((off_t)512 << 20) /* larger files are not quick_checked */
#define QUEUE_RESTS_MAX   64                 /* calls that a slow file is left alone */
#define QUEUE_ID_JUMP_MAX 10000000

struct queue {
	char *given;  /* owned: the folder as the caller named it */
	char *folder; /* owned: canonical; NULL before the first queue_ensure() */
	char *path;   /* owned: queue.db in it */
	struct queue_cursor floor;
	struct queue_vfs *vfs; /* owned, like the next; NULL before the first use */
	struct queue_schema *schema;
	struct queue_conn conn;        /* for reading; open only while everything holds */
	struct queue_file_mark opened; /* whose inode is the file that conn has open */
	bool matched;           /* its newest taken row is the one that was taken */
	bool made;              /* and nobody was told yet */
	int64_t schema_version; /* of the schema that was compared */
	/* The file as of the last read; data_version -1 = none. A write that SQLite
	 * counts shows in the first, any other in the second. */
	int64_t data_version;
	struct queue_file_mark seen;
	int64_t synced;                /* the data_version that outlives a power cut */
	struct buf detail;             /* scratch */
	char *warning;                 /* owned: not yet handed out */
	char *warned;                  /* owned: the last one that was */
	struct queue_cursor asked;     /* of the last queue_ensure() */
	char *stuck;                   /* owned: a fault of what was read then … */
	struct queue_cursor stuck_for; /* … with this cursor */
	/* A file that took too long is left alone for some calls, more each time. */
	char *slow; /* owned: the fault; NULL = it was not slow */
	struct queue_file_mark slow_at;
	int n_rests, n_rests_next;
	struct queue_file_mark checked; /* its inode had its quick_check */
};

/* Begins a transaction on the reading connection and makes sure that what it sees is
 * still ours: schema and sequences. 0, QUEUE_E_…, or < 0; the caller rolls back. */
int queue_check_begin(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err);

/* Opens the reading connection and checks the file. 0, QUEUE_E_…, or < 0; closed then. */
int queue_check_open(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err);

/* Leaves the WAL mode, or removes a WAL that lies beside the file. 0; QUEUE_E_FAULT while
 * somebody uses the file, or another QUEUE_E_…, or < 0. */
int queue_check_leave_wal(struct queue *queue, struct error *err);

/* Closes the reading connection. */
void queue_close(struct queue *queue);

/* Passes rc on. Where it is a fault that trying again would only find again, its text is
 * kept with the state of the file as the open transaction sees it: queue_ensure() repeats
 * it, on a connection that stays open without a lock, until somebody writes. */
int queue_stick(struct queue *queue, int rc, const struct error *err);

/* Passes rc on. Where the time ran out, the next calls of queue_ensure() repeat the fault
 * and leave the file alone, unless somebody writes. */
int queue_rest(struct queue *queue, int rc, const struct error *err);

/* Remembers the state of the file as the open transaction sees it. 0, QUEUE_E_…, or < 0.
 */
int queue_note(struct queue *queue, struct error *err);

/* Hands the text to queue_ensure()'s caller, unless it was the last one already. Takes
 * it. */
void queue_warn(struct queue *queue, char *warning);
