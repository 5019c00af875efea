/* The body of a 2xx: a SignInToken, or why it is none. Pure. */
#pragma once

#include "clerk/redact.h"
#include "model/token.h"

#include <jansson.h>

/* Reads body (NULL = it was not JSON) into *ret_token (TOKEN_NULL before; the caller
 * token_deinit()s it). Returns NULL, else a static text that says what is wrong with it;
 * *ret_token is then TOKEN_NULL. An id that holds one of redact's secrets is none. */
const char *reply_token_read(
	const json_t *body, const struct redact *redact, struct token *ret_token);
