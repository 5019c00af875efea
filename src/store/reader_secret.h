/* tokens.db as submitters see it: read-only, one secret at a time. */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "store/reader.h"

struct reader_secrets;

/* Opens tokens.db at path. 0, READER_E_MISSING, READER_E_PERMISSION (err says what) or <
 * 0. The caller reader_secrets_free()s it. */
int reader_secrets_open(
	const char *path, struct reader_secrets **ret_secrets, struct error *err);

/* Closes. NULL is fine. */
void reader_secrets_free(struct reader_secrets *secrets);

struct reader_secret {
	char *sign_in_token_id; /* owned, like the rest */
	char *user_id;
	char *expires_at;
	struct secret token; /* none where Clerk sent none */
	struct secret url;
};

/* What the create brought: 0, READER_E_NONE (there is none, or none any more) or < 0. The
 * caller reader_secret_deinit()s *ret_secret. */
int reader_secrets_get(struct reader_secrets *secrets, int64_t job_id,
	struct reader_secret *ret_secret, struct error *err);

/* How far audit.db had got when tokens.db was last written. */
struct reader_mark {
	int64_t job_id;
	int64_t seq; /* 0 = before the first row */
	char hash[READER_HASH_LEN];
};
int reader_secrets_mark(
	struct reader_secrets *secrets, struct reader_mark *ret_mark, struct error *err);

/* Lends fn the id of each token whose secret came before a time (UTC text); below 0 fails
 * the walk. 0 or < 0. */
int reader_secrets_tokens(struct reader_secrets *secrets, const char *before,
	int (*fn)(void *userdata, const char *token_id, struct error *err),
	void *userdata, struct error *err);

/* A secret without itself: of which token it is, and its digest. Borrowed. */
struct reader_kept {
	const char *sign_in_token_id;
	int64_t job_id;
	int64_t attempt;
	const char *sha256; /* lower-case hex; NULL where Clerk sent no token */
	const char *user_id;
	const char *expires_at;
	const char *received_at;
};

/* Lends each of them to fn; below 0 fails the walk. 0 or < 0. */
int reader_secrets_kept(struct reader_secrets *secrets,
	int (*fn)(void *userdata, const struct reader_kept *kept, struct error *err),
	void *userdata, struct error *err);

/* Whether a token's secret is kept. */
int reader_secrets_has(struct reader_secrets *secrets, const char *token_id,
	bool *ret_has, struct error *err);

/* Wipes and frees. Idempotent. */
void reader_secret_deinit(struct reader_secret *secret);

static inline void reader_secret_cleanup(struct reader_secret *secret)
{
	reader_secret_deinit(secret);
}
