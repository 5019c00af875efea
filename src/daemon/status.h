/* What the daemon tells of itself: status.json (no personal data). metrics.prom gives the
 * same figures, made of the same struct. */
#pragma once

#include "base/clock.h"
#include "base/config.h"
#include "engine/engine.h"

enum status_db { STATUS_DB_QUEUE, STATUS_DB_AUDIT, STATUS_DB_TOKENS, STATUS_DB__MAX };

/* Everything status.json is made of. All borrowed. */
struct status {
	const struct config *config;
	const struct engine_status *engine;
	const char *instance; /* NULL = the only one, or the first */
	const char *key_kind;
	const char *reload_fault; /* why the last reload was not taken, or NULL */
	const char *state;        /* starting working held paused stopping */
	struct now now;
	int64_t started_ms; /* wall */
	int64_t requests_per_window;
	int64_t audit_seq;
	const char *audit_hash;
	int64_t wal_audit_bytes, wal_tokens_bytes;
	int64_t db_bytes[STATUS_DB__MAX];
};

/* The contract's word for what the daemon does: working, held or paused. */
const char *status_state(const struct engine_status *engine);

/* A database's file name, "audit.db", and its path below the state directory; static. */
const char *status_db_file(int db);
const char *status_db_path(int db);

/* An action of the tally: "unreadable" for JOB_ACTION__MAX; static. */
const char *status_action(int action);

/* The upper bound of a bucket of durations in seconds, as a label: "0.25", "+Inf". */
#define STATUS_BOUND_LEN 16
void status_bound(int bucket, char ret_text[STATUS_BOUND_LEN]);

/* How much of the rate window is used, 0 to 1; how long the queue has had rows that were
 * not taken. */
double status_used_ratio(const struct status *status);
double status_lag_s(const struct status *status);

/* status.json as a new string that the caller frees. */
char *status_json(const struct status *status);
