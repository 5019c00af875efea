/* A SignInToken as Clerk returns it. */
#pragma once

#include "base/secret.h"

#include <stdint.h>

/* Clerk's words; there is no `expired` (bapi 2026-05-12). */
enum token_status { TOKEN_PENDING, TOKEN_ACCEPTED, TOKEN_REVOKED, TOKEN_STATUS__MAX };

struct token {
	char *id; /* owned; NULL = no token */
	enum token_status status;
	char *user_id; /* owned */
	int64_t created_at_ms;
	int64_t updated_at_ms;
	struct secret token; /* none where Clerk left it out */
	struct secret url;
};

#define TOKEN_NULL                                                                       \
	{                                                                                \
		0                                                                        \
	}

/* Wipes the secrets and frees the rest. Idempotent. */
void token_deinit(struct token *token);

/* Clerk's word, static; the value of a word, or -1. */
const char *token_status_name(enum token_status status);
int token_status_parse(const char *word);
