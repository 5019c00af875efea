/* Job ids while they are gathered. */
#pragma once

#include "ctl/ctl.h"

struct ids {
	int64_t *ids; /* owned */
	size_t n, cap;
};

#define IDS_NULL                                                                         \
	{                                                                                \
		0                                                                        \
	}

/* Frees. Idempotent. */
void ids_deinit(struct ids *ids);

/* Adds one. */
void ids_add(struct ids *ids, int64_t id);

/* Sorts them, lowest first, each once. */
void ids_sort(struct ids *ids);

/* Adds the jobs that the audit has for the selector. 0 or an exit status. */
int ids_select(struct ctl *ctl, const struct reader_selector *selector, struct ids *ids);

/* Adds the rows of the queue that the daemon has not taken yet and that the selector
 * takes; none where this user may not read the queue (ctl->queue_unseen). 0 or an exit
 * status. */
int ids_select_waiting(
	struct ctl *ctl, const struct reader_selector *selector, struct ids *ids);

/* Says on stderr how many such rows wait beside the n that were listed, counted as far as
 * it is cheap, or why that cannot be known. */
void ids_say_waiting(
	struct ctl *ctl, const struct reader_selector *selector, int64_t n_listed);

/* The row of the queue that has the id, taken or not. 0 or an exit status. The caller
 * cleans *ret_waiting up. */
int ids_find_waiting(struct ctl *ctl, int64_t id, struct reader_waiting *ret_waiting);

static inline void ids_cleanup(struct ids *ids)
{
	ids_deinit(ids);
}
