/*
 * queue.db: what scripts write. The daemon trusts none of it. This module opens it
 * through queue_vfs, reads rows, checks every one again, and hands out jobs and commands
 * that hold and rejections that say why not. It never decides what becomes of them.
 */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "model/job.h"

#include <stdbool.h>
#include <stdint.h>

struct queue;

enum queue_verb { QUEUE_CANCEL, QUEUE_RETRY, QUEUE_PAUSE, QUEUE_RESUME, QUEUE_VERB__MAX };

/* The contract's word, static; the value of a word, or -1. */
const char *queue_verb_name(enum queue_verb verb);
int queue_verb_parse(const char *word);

/* A row of job. */
struct queue_row {
	struct job job; /* what of the row holds; state queued; id always set. Owned */
	char *fault;    /* NULL: the row holds; else one sentence: which column, what is
			   wrong, what would be right */
	enum job_result fault_result; /* INVALID or TOO_BIG */
	char *detail; /* JSON of the whole row, values bounded to 2,000 bytes, never NULL
		       */
};

/* A row of command. */
struct queue_command {
	int64_t id;
	enum queue_verb verb; /* only where fault is NULL, like the rest below */
	int64_t job_id;       /* 0 = not given */
	char *batch;          /* NULL = not given */
	int action;           /* enum job_action, or -1 = both */
	int64_t until_ms;     /* 0 = not given */
	char *requested_by;
	char *reason;
	char *fault; /* as in queue_row */
	char *detail;
};

void queue_row_deinit(struct queue_row *row);
void queue_command_deinit(struct queue_command *command);

/* Up to which id each kind of row was taken: kept in audit.db. */
struct queue_cursor {
	int64_t job;     /* all jobs up to here */
	int64_t urgent;  /* jobs of effective priority above 0 up to here */
	int64_t command; /* commands up to here */
};

struct queue_options {
	const char *folder; /* state_directory/queue; must be there */
	struct queue_cursor
		floor; /* ids given out from now on are above these (a new file), and a
			* file whose sequences are below went backwards */
};

/* The outcomes below are not failures: the daemon goes on and tries again.
 * QUEUE_E_BUSY: another holds the lock; try again soon. QUEUE_E_FAULT: the file does not
 * hold; err says what and what would end it (the text of the hold `queue`). QUEUE_E_FULL:
 * disk full. */
#define QUEUE_E_BUSY  1
#define QUEUE_E_FAULT 2
#define QUEUE_E_FULL  3

/* A queue that is not open yet. Never fails. The caller queue_free()s it. */
void queue_new(const struct queue_options *options, struct queue **ret_queue);
void queue_free(struct queue *queue);

/* Opens the file, makes it where it is missing (0660, sqlite_sequence set by floor),
 * migrates, checks it (kind of file, header, quick_check, schema, journal mode,
 * sequences). Does nothing where it is open and still the same file. Called at start and
 * before each read. 0, QUEUE_E_…, or < 0 (a failure of ours: no memory …). *ret_warning
 * (may be NULL): a new string about foreign tables and the like when the schema was
 * looked at anew, else NULL; the caller frees. */
int queue_ensure(struct queue *queue, const struct queue_cursor *cursor,
	char **ret_warning, struct error *err);

/* Whether somebody committed, replaced or removed the file since the last read. Cheap:
 * PRAGMA data_version and SQLITE_FCNTL_HAS_MOVED. True where it is not open. Busy counts
 * as changed. */
bool queue_changed(struct queue *queue);

/* What queue_read() hands out, in one read transaction: commands, then urgent jobs, then
 * jobs by id; rows up to the cursor are never handed out again (an urgent row may come
 * twice: the receiver knows by its id). Each callback borrows its row for the call and
 * returns 0, or < 0 to end the read as failed. */
struct queue_reader {
	void *userdata;
	int (*on_command)(void *userdata, const struct queue_command *command,
		int64_t snapshot_job_id,
		struct error *err); /* snapshot: highest job id there is */
	int (*on_row)(void *userdata, const struct queue_row *row, struct error *err);
};

/* Reads at most max_rows rows behind *cursor, moves *cursor behind what was handed out,
 * and tells in *ret_more whether there are more. 0, QUEUE_E_BUSY, QUEUE_E_FAULT, or < 0
 * (only from a callback). On anything but 0 rows may have been handed out already: the
 * caller rolls its turn back and *cursor is as before. */
int queue_read(struct queue *queue, struct queue_cursor *cursor, int max_rows,
	const struct queue_reader *reader, bool *ret_more, struct error *err);

/* Deletes rows at or below *cursor that were submitted... see queue_sweep in queue.c:
 * removes jobs with id <= max_job_id and commands with id <= max_command_id, at most
 * 1,000 a call, on a connection of its own with triggers off. Rows for which
 * known(userdata, id) is false are not deleted but handed to reader->on_row. *ret_n: how
 * many went. 0, QUEUE_E_…, or < 0. */
int queue_sweep(struct queue *queue, int64_t max_job_id, int64_t max_command_id,
	bool (*known)(void *userdata, int64_t job_id), const struct queue_reader *reader,
	int *ret_n, struct error *err);

/* The queue's file set aside as queue.db.aside-YYYYMMDDTHHMMSS (clerk-tokend
 * --new-queue), the next queue_ensure() makes a new one. *ret_name: the new name, a new
 * string. */
int queue_set_aside(
	const char *folder, int64_t wall_ms, char **ret_name, struct error *err);
