#include "model/token.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const statuses[] = {
	[TOKEN_PENDING] = "pending",
	[TOKEN_ACCEPTED] = "accepted",
	[TOKEN_REVOKED] = "revoked",
};

void token_deinit(struct token *token)
{
	free(token->id);
	free(token->user_id);
	secret_deinit(&token->token);
	secret_deinit(&token->url);
	*token = (struct token)TOKEN_NULL;
}

const char *token_status_name(enum token_status status)
{
	assert(status < TOKEN_STATUS__MAX);
	return statuses[status];
}

int token_status_parse(const char *word)
{
	for (int i = 0; i < TOKEN_STATUS__MAX; i++)
		if (!strcmp(statuses[i], word))
			return i;
	return -1;
}
