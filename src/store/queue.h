/*
 * queue.db: what scripts write. The daemon trusts none of it. This module opens it
 * through queue_vfs, reads rows, checks every one again, and hands out jobs and commands
 * that hold and rejections that say why not. It never decides what becomes of them, reads
 * no clock but for its own time limits, and never waits for a lock.
 */
#pragma once

#include "base/error.h"
#include "model/job.h"

#include <stdbool.h>
#include <stdint.h>

struct queue;

enum queue_verb { QUEUE_CANCEL, QUEUE_RETRY, QUEUE_PAUSE, QUEUE_RESUME, QUEUE_VERB__MAX };

/* The contract's word, static. */
const char *queue_verb_name(enum queue_verb verb);

/* The value of a word, or -1. */
int queue_verb_parse(const char *word);

/* A row of job. Owned. */
struct queue_row {
	struct job job; /* id always set, state queued. Where fault is set: the columns
			 * that hold by themselves, the others NULL or 0; requested_by ""
			 * and action JOB_ACTION__MAX where they do not hold */
	char *fault;    /* NULL: the row holds; else one sentence: which column, what is
			 * wrong, what would be right. Printable */
	enum job_result fault_result; /* INVALID or TOO_BIG, only where fault is set */
	char *detail; /* JSON of the whole row, never NULL: columns that are NULL left
		       * out; long or malformed texts and blobs as objects (queue_text.h).
		       * Of a row that is TOO_BIG the id and {"type":"…"} for each column
		       */
};

/* A row of command. Owned. */
struct queue_command {
	int64_t id;
	enum queue_verb verb; /* QUEUE_VERB__MAX where it does not hold */
	int64_t job_id;       /* 0 = not given */
	char *batch;          /* NULL = not given */
	int action;           /* enum job_action, or -1 = both */
	int64_t until_ms;     /* 0 = not given */
	char *requested_by;   /* never NULL */
	char *reason;         /* NULL = not given */
	int64_t submitted_ms; /* as its row states it; 0 = not readable */
	char *fault;          /* as in queue_row, like the next */
	char *detail;
};

/* A row of batch. Owned. */
struct queue_batch {
	char *name;            /* never NULL */
	int64_t release_first; /* -1 = not given */
	int64_t max_failures;  /* 0 = not given */
	char *requested_by;    /* never NULL */
	char *reason;          /* NULL = not given */
	char *fault;           /* as in queue_row, like the next */
	char *detail;
};

/* Free what the row holds; all of it is 0 or NULL again. Idempotent. */
void queue_row_deinit(struct queue_row *row);
void queue_command_deinit(struct queue_command *command);
void queue_batch_deinit(struct queue_batch *batch);

/* Up to which id each kind of row was taken: kept in audit.db. */
struct queue_cursor {
	int64_t job;     /* all jobs up to here */
	int64_t urgent;  /* jobs of effective priority above 0 up to here */
	int64_t command; /* commands up to here */
};

struct queue_options {
	const char *folder; /* state_directory/queue; must be there. Copied */
	/* A file that has to be made gives out ids above these and above the cursor. */
	struct queue_cursor floor;
};

/*
 * Outcomes that are not failures: the daemon goes on and tries again.
 *
 * QUEUE_E_BUSY: somebody holds the lock, or wrote in between; err says so. Try again
 * soon. QUEUE_E_FAULT: the file does not hold; err names it, says what is wrong and what
 * ends it (the text of the hold `queue`). Trying again is cheap: a file that was found
 * damaged is not looked at again before somebody wrote it. QUEUE_E_FULL: the disk is
 * full.
 */
#define QUEUE_E_BUSY  1
#define QUEUE_E_FAULT 2
#define QUEUE_E_FULL  3

/* A queue that is not open yet, in *ret_queue. Never fails. The caller queue_free()s it.
 */
void queue_new(const struct queue_options *options, struct queue **ret_queue);

/* Closes and frees. NULL is fine. */
void queue_free(struct queue *queue);

/* Opens the file: makes it where it is missing or empty (0660, sequences set by floor),
 * migrates it, sets another journal mode back, and checks kind of file, schema, sequences
 * against *cursor, and structure (quick_check, once a file, up to 512 MiB). Does next to
 * nothing where it is open and still the same file. Called at start and before each read.
 * *ret_warning (may be NULL): a new string that the caller frees where there is something
 * new to warn of (foreign tables, a file too large to be checked whole), else NULL;
 * written on every path. 0, QUEUE_E_…, or < 0 (no memory). */
int queue_ensure(struct queue *queue, const struct queue_cursor *cursor,
	char **ret_warning, struct error *err);

/* Whether there is no file, or an empty one: queue_ensure() would make it. */
bool queue_is_missing(struct queue *queue);

/* Whether the file was made anew since the last call: what older rows there were, and ids
 * that were given out and not taken, are gone. */
bool queue_take_made(struct queue *queue);

/* Whether the file is open: it held when it was last looked at. */
bool queue_is_open(const struct queue *queue);

/* Whether somebody committed, replaced or removed the file since the last queue_read()
 * that returned 0. Cheap: PRAGMA data_version and SQLITE_FCNTL_HAS_MOVED. True where it
 * is not open, and where somebody holds the lock. */
bool queue_changed(struct queue *queue);

/* See db_forget_pages(); nothing where it is not open. */
void queue_forget_pages(struct queue *queue);

/* Who takes what queue_read() hands out. Each callback borrows its row for the call, must
 * not call this module, and returns 0, or < 0 to end the read as failed. */
struct queue_reader {
	void *userdata;
	/* snapshot_job_id: the highest job id that there is, taken or not. */
	int (*on_command)(void *userdata, const struct queue_command *command,
		int64_t snapshot_job_id, struct error *err);
	int (*on_row)(void *userdata, const struct queue_row *row, struct error *err);
	/* May be NULL. The newest of the rows up to cursor->job, once for each file that
	 * is opened, before the others. 0 = it is the one that was taken; 1 = it is
	 * another one: the file is at fault, err says why; < 0 */
	int (*on_taken)(void *userdata, const struct queue_row *row, struct error *err);
	/* May be NULL. The row of batch that the next on_row() names, before it; at least
	 * once a read for each such batch. The receiver knows those it has by their name.
	 */
	int (*on_batch)(
		void *userdata, const struct queue_batch *batch, struct error *err);
};

/* Reads at most max_rows rows behind *cursor in one read transaction: commands, then
 * urgent jobs, then all jobs, each in the order of their ids; moves *cursor behind what
 * was handed out and tells in *ret_more whether there are more. A job behind cursor->job
 * that is urgent comes twice: the receiver knows it by its id. The queue must be open
 * (queue_ensure() has just returned 0). 0, QUEUE_E_BUSY, QUEUE_E_FAULT, QUEUE_E_FULL, or
 * < 0 (a callback failed, or no memory). On anything but 0 rows may have been handed out
 * already: the caller rolls its turn back; *cursor is as before. */
int queue_read(struct queue *queue, struct queue_cursor *cursor, int max_rows,
	const struct queue_reader *reader, bool *ret_more, struct error *err);

/* What one call removed. */
struct queue_swept {
	int n_gone;  /* jobs and commands */
	int n_never; /* jobs among them with an id below 1, which was never given out */
};

/* Removes jobs with ids up to max_job_id and commands up to max_command_id, lowest first,
 * at most 1,000 of each a call, on a connection of its own with triggers off. A job for
 * which known(userdata of reader, id, …) says that it is not is not removed but handed to
 * on_row; a later call removes it, when it is known. known() returns 0, or < 0 to end the
 * sweep as failed. *ret_swept: where n_gone is 0, nothing is left to do up to these ids,
 * unless on_row was called. The queue must be open. 0, QUEUE_E_…, or < 0 (a callback
 * failed, or no memory); nothing was removed then. */
int queue_sweep(struct queue *queue, int64_t max_job_id, int64_t max_command_id,
	int (*known)(void *userdata, int64_t job_id, bool *ret_known, struct error *err),
	const struct queue_reader *reader, struct queue_swept *ret_swept,
	struct error *err);

/* Sets the queue's file, of whatever kind, and its side files aside as
 * queue.db.aside-YYYYMMDDTHHMMSS (clerk-tokend --new-queue); the next queue_ensure()
 * makes a new one. Call it while no queue is open. *ret_name: the new name, a new string
 * that the caller frees; NULL where there was no file. 0 or < 0. */
int queue_set_aside(
	const char *folder, int64_t wall_ms, char **ret_name, struct error *err);
