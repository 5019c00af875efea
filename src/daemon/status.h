/* What the daemon tells of itself: status.json (no personal data). */
#pragma once

#include "base/clock.h"
#include "base/config.h"
#include "engine/engine.h"

/* Everything status.json is made of. All borrowed. */
struct status {
	const struct config *config;
	const struct engine_status *engine;
	const char *key_kind;
	const char *reload_fault; /* why the last reload was not taken, or NULL */
	const char *state;        /* starting working held paused stopping */
	struct now now;
	int64_t started_ms; /* wall */
	int64_t requests_per_window;
	int64_t audit_seq;
	const char *audit_hash;
	int64_t wal_audit_bytes, wal_tokens_bytes;
};

/* The contract's word for what the daemon does: working, held or paused. */
const char *status_state(const struct engine_status *engine);

/* status.json as a new string that the caller frees. */
char *status_json(const struct status *status);
