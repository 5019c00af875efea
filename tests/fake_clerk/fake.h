#pragma once

#include "faults.h"
#include "ledger.h"
#include "limit.h"
#include "rng.h"
#include "script.h"
#include "stats.h"
#include "tokens.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The secret keys that are accepted. Zeroed there are none. */
struct keys {
	char **list;
	size_t n;
};

/* All the state behind the API. Everything but lock, canary, tls and strict is
 * guarded by lock. */
struct fake {
	pthread_mutex_t lock;
	const char *canary; /* borrowed from the options, or NULL */
	bool strict;
	bool tls;
	bool maintenance;
	int latency_low_ms;
	int latency_high_ms;
	struct keys keys;
	struct limit limit;
	struct tokens tokens;
	struct ledger ledger;
	struct script script;
	struct fault_chances chances;
	struct stats stats;
	struct rng rng;
};

/* Adds a copy of key. */
void keys_add(struct keys *keys, const char *key);

/* Returns the number of key in the list, or -1. */
int keys_find(const struct keys *keys, const char *key);

/* Removes all keys and frees their memory. */
void keys_clear(struct keys *keys);
