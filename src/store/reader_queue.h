/*
 * queue.db as those see it who ask for something: inserts in one transaction, and a look
 * at what still waits. Opened through queue_vfs like the daemon does, because rolling
 * back the journal that somebody planted would else delete files of whoever opens the
 * queue.
 */
#pragma once

#include "base/error.h"
#include "store/reader.h"

#include <stdbool.h>
#include <stdint.h>

struct reader_queue;

/* Opens the queue in folder. 0, READER_E_MISSING (the daemon never made it),
 * READER_E_PERMISSION, READER_E_BUSY (err says what) or < 0. The caller
 * reader_queue_free()s it. */
int reader_queue_open(
	const char *folder, struct reader_queue **ret_queue, struct error *err);

/* How long a lock of others is waited for from now on; ten seconds without it. */
void reader_queue_patience(struct reader_queue *queue, int ms);

/* Rolls back what was not committed and closes. NULL is fine. */
void reader_queue_free(struct reader_queue *queue);

#define READER_E_REFUSED                                                                 \
	5 /* the tables do not take it; err says why in their own words */

/* Begins to write. 0, READER_E_BUSY or < 0. */
int reader_queue_begin(struct reader_queue *queue, struct error *err);

/* Commits: from then on the ids count. 0, READER_E_BUSY (nothing was written) or < 0. */
int reader_queue_commit(struct reader_queue *queue, struct error *err);

/* Takes back what was not committed. Harmless without a transaction. */
void reader_queue_rollback(struct reader_queue *queue);

#define READER_NO_PRIORITY INT64_MIN

/* A row of job; all texts borrowed, NULL and 0 = left out. */
struct reader_request {
	const char *action;
	const char *user_id;
	const char *org_id;
	int64_t expires_in_seconds;
	const char *sign_in_token_id;
	const char *batch;
	int64_t priority; /* READER_NO_PRIORITY = left out */
	const char *not_before;
	const char *not_after;
	const char *idempotency_key;
	const char *reference;
	const char *requested_by; /* never NULL */
	const char *reason;
};

/* Inserts a job; *ret_id is its id. 0, READER_E_REFUSED or < 0. */
int reader_queue_add_job(struct reader_queue *queue, const struct reader_request *request,
	int64_t *ret_id, struct error *err);

/* The job in the queue that has an idempotency key: 0, READER_E_NONE or < 0; what it asks
 * for in *ret_job (id, action, user_id, sign_in_token_id alone; the caller cleans it up).
 */
int reader_queue_job_of_key(struct reader_queue *queue, const char *key,
	struct reader_waiting *ret_job, struct error *err);

/* A row of batch; texts borrowed, 0 = left out. */
struct reader_batch {
	const char *name;
	int64_t release_first;
	int64_t max_failures;
	const char *requested_by;
	const char *reason;
};

/* Inserts the batch's limits, unless it has the very same ones. 0; READER_E_NONE: it has
 * others; READER_E_REFUSED; or < 0. */
int reader_queue_add_batch(
	struct reader_queue *queue, const struct reader_batch *batch, struct error *err);

/* A row of command; texts borrowed, NULL and 0 = left out. */
struct reader_order {
	const char *verb;
	int64_t job_id;
	const char *batch;
	const char *action;
	const char *until;
	const char *requested_by;
	const char *reason;
};

/* Inserts an operator command; *ret_id is its id. 0, READER_E_REFUSED or < 0. */
int reader_queue_add_command(struct reader_queue *queue, const struct reader_order *order,
	int64_t *ret_id, struct error *err);

/* The last ids that were given out: of a job and of a command. */
int reader_queue_last(struct reader_queue *queue, int64_t *ret_job, int64_t *ret_command,
	struct error *err);

/* One row as it was submitted: 0, READER_E_NONE, READER_E_BUSY or < 0. The caller cleans
 * *ret_job up. */
int reader_queue_job(struct reader_queue *queue, int64_t id,
	struct reader_waiting *ret_job, struct error *err);

/* Lends each batch (or the named one) that has rows which were not taken yet to fn: how
 * many, and when the first of them was submitted. progress says how far the daemon got.
 * 0, READER_E_BUSY or < 0. */
int reader_queue_batches(struct reader_queue *queue,
	const struct reader_progress *progress, const char *name,
	int (*fn)(void *userdata, const char *name, int64_t n, const char *since,
		struct error *err),
	void *userdata, struct error *err);

/* Counts the rows that were not taken yet (progress says how far the daemon got) and that
 * the selector takes (its state, result, event and live are not looked at), among the
 * first READER_WAITING_MAX of them. 0, READER_E_BUSY or < 0. */
#define READER_WAITING_MAX 100000
struct reader_waiting_count {
	int64_t n;
	bool cut; /* there may be more behind those that were looked at */
};
int reader_queue_count(struct reader_queue *queue, const struct reader_selector *selector,
	const struct reader_progress *progress, struct reader_waiting_count *ret_count,
	struct error *err);

/* The ids of rows above after that the selector takes (its jobs, state, result, event and
 * live are not looked at), each given to fn after they were read. 0, READER_E_BUSY or <
 * 0. */
int reader_queue_ids(struct reader_queue *queue, const struct reader_selector *selector,
	int64_t after, int (*fn)(void *userdata, int64_t id, struct error *err),
	void *userdata, struct error *err);
