/* The body of a refusal: ClerkErrors. Pure. */
#pragma once

#include "clerk/redact.h"
#include "model/answer.h"

#include <jansson.h>

/* Clerk's code for the revoke of a token that is not pending (bapi 2026-05-12). */
#define REPLY_ERROR_CANNOT_BE_REVOKED "sign_in_token_cannot_be_revoked_code"

/* Reads the first of body's `errors` that has a code (a word of [A-Za-z0-9_.-], at most
 * 128 bytes) into error_code, error_message, code_is_clerks and said of *answer. False,
 * and *answer untouched, where there is none. body may be NULL. */
bool reply_error_read(
	const json_t *body, const struct redact *redact, struct answer *answer);
