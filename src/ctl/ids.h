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
 * takes; none where this user may not read the queue. 0 or an exit status. */
int ids_select_waiting(
	struct ctl *ctl, const struct reader_selector *selector, struct ids *ids);

static inline void ids_cleanup(struct ids *ids)
{
	ids_deinit(ids);
}
