/* Printing secrets: for secret and for create --url. Nothing else prints one, and these
 * go to standard output alone. */
#pragma once

#include "ctl/ctl.h"

enum secrets_form {
	SECRETS_URL,   /* the url alone, a line each */
	SECRETS_TOKEN, /* the ticket alone, a line each */
	SECRETS_LIST   /* CSV, or JSON where that was asked for */
};

/* Prints what the n jobs brought. 0, or CTL_MISSING where one has none (said why). */
int secrets_print(struct ctl *ctl, enum secrets_form form, const int64_t *ids, size_t n);
