/* A batch as a person thinks of it: its jobs, taken or not, and what became of them. */
#pragma once

#include "ctl/ctl.h"

struct batch {
	const char *name; /* borrowed */
	struct reader_batch_state taken;
	int64_t n_waiting; /* rows of the queue that were not taken yet */
	char waiting_since[CLOCK_TEXT_LEN]; /* when the first of them was submitted */
	bool paused;                        /* now, by an operator or as a canary */
	bool canary;                        /* the pause is its canary's */
};

/* Reads it, the queue too where this user may. 0, READER_E_BUSY (what waits is not known)
 * or < 0. */
int batch_read(
	struct ctl *ctl, const char *name, struct batch *ret_batch, struct error *err);

/* The two halves of batch_read(): what the audit has (n_waiting is 0 then), and the rows
 * of the queue behind that. */
int batch_read_taken(
	struct ctl *ctl, const char *name, struct batch *ret_batch, struct error *err);
int batch_read_waiting(struct ctl *ctl, struct batch *batch, struct error *err);

/* How many jobs it has; how many are over; of them, how many did not succeed; and how
 * many are not over. */
int64_t batch_total(const struct batch *batch);
int64_t batch_over(const struct batch *batch);
int64_t batch_not_succeeded(const struct batch *batch);
int64_t batch_left(const struct batch *batch);

/* Whether max_failures ended it: not while what was retried still runs, nor once all of
 * it succeeded after all. */
bool batch_stopped(const struct batch *batch);

/* One word for how it stands: waiting, working, canary, paused, stopped, done. Static. */
const char *batch_word(const struct batch *batch);
