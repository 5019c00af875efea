/* tokens.db: the secrets that came back. Only the ledger uses it. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "model/answer.h"
#include "model/job.h"
#include "store/chain.h"

#include <stdbool.h>
#include <stdint.h>

struct tokens;

/* How far audit.db had got. */
struct tokens_mark {
	int64_t job_id;
	int64_t seq;
	char hash[CHAIN_HEX_LEN]; /* "" before the first row */
};

/* Opens or makes the file. 0, < 0, or DB_E_FULL. The caller tokens_free()s it. */
int tokens_open(const char *path, struct tokens **ret_tokens, struct error *err);
void tokens_free(struct tokens *tokens);

/* Begins a transaction where none is open. */
int tokens_begin(struct tokens *tokens, struct error *err);
/* Writes the mark and commits, where a transaction is open. */
int tokens_commit(
	struct tokens *tokens, const struct tokens_mark *mark, struct error *err);
void tokens_rollback(struct tokens *tokens);
/* Whether the last failure was a full disk. */
bool tokens_is_full(const struct tokens *tokens);

/* Whether it was another process's lock. */
bool tokens_is_locked(const struct tokens *tokens);

/* Whether the file still lies where it was opened: db_check_place(). */
int tokens_check_place(const struct tokens *tokens, struct error *err);

/* The mark as last committed. */
int tokens_mark(struct tokens *tokens, struct tokens_mark *ret_mark, struct error *err);

/* Keeps a create's answer whole; the same token and job again replaces it. Within a
 * transaction (begins it). */
int tokens_put(struct tokens *tokens, const struct job *job, const struct answer *answer,
	const char *expires_at, struct error *err);
/* The answer that is kept for the job's latest attempt, received at sent_at or later
 * (caller: answer_deinit). 0, TOKENS_E_NONE, or < 0. */
#define TOKENS_E_NONE 1
int tokens_get(struct tokens *tokens, const struct job *job, const char *sent_at,
	struct answer *ret_answer, struct error *err);
/* Whether a secret is kept for the token. */
int tokens_has(
	struct tokens *tokens, const char *token_id, bool *ret_has, struct error *err);
/* Deletes it. Within a transaction (begins it). */
int tokens_delete(struct tokens *tokens, const char *token_id, struct error *err);
/* Tokens whose secret has expired at now or was received before `before`: at most max
 * ids, each lent to fn. */
int tokens_due(struct tokens *tokens, int64_t now_ms, int64_t received_before_ms, int max,
	int (*fn)(
		void *userdata, const char *token_id, const char *why, struct error *err),
	void *userdata, struct error *err);

/* Checkpoints where the WAL is over limit bytes, or where a purge was committed
 * (TRUNCATE: with RESTART the secret stays in the WAL); busy readers are no failure.
 * limit 0: TRUNCATE whatever the size. TOKENS_IDLE: whatever the size, and the memory of
 * its pages is given back. */
#define TOKENS_IDLE 1
int tokens_checkpoint(struct tokens *tokens, int64_t limit, struct error *err);
/* Whether a secret that was removed still stands in the WAL, because a reader kept it. */
bool tokens_has_remains(const struct tokens *tokens);
/* Bytes in the WAL as last seen. */
int64_t tokens_wal_bytes(const struct tokens *tokens);
