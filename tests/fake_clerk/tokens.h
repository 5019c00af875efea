#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng;
struct text;

enum token_status {
	TOKEN_PENDING,
	TOKEN_ACCEPTED,
	TOKEN_REVOKED,
	TOKEN__MAX,
};

#define TOKEN_ID_SIZE 32 /* "sit_", 27 characters, NUL */

struct token {
	char id[TOKEN_ID_SIZE];
	char *user_id;
	enum token_status status;
	int64_t created_at; /* milliseconds since 1970 */
	int64_t updated_at;
	int64_t exp; /* seconds since 1970 */
};

/* Every token that was granted, in the order of granting. Zeroed it is empty. */
struct tokens {
	struct token *list;
	size_t n;
	size_t cap;
	uint32_t *slots; /* hash of the id -> index + 1; 0 is free */
	size_t n_slots;
};

/* Returns Clerk's word for a status. */
const char *token_status_word(enum token_status status);

/* Draws a new id of a sign-in token made at now_s (seconds since 1970) into id: a KSUID,
 * as Clerk's are. */
void token_new_id(struct rng *rng, int64_t now_s, char id[TOKEN_ID_SIZE]);

/* Copies token in (its user_id too). Returns the kept one, valid until the next add, or
 * NULL when the id is there already. */
struct token *tokens_add(struct tokens *tokens, const struct token *token);

/* Returns the token of that id, valid until the next add, or NULL. */
struct token *tokens_find(const struct tokens *tokens, const char *id);

/* Forgets all tokens and frees their memory. */
void tokens_clear(struct tokens *tokens);

/* Appends the secret of a token: a JWT of about 550 characters that follows from the id,
 * the expiry and the canary alone. The canary, when there is one, is in its signature. */
void token_secret(const struct token *token, const char *canary, struct text *out);
