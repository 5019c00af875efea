/* Texts of others made fit to be logged and kept: one printable line without secrets. */
#pragma once

#include "base/secret.h"

#include <stddef.h>

#define REDACT_LEN_MAX 500 /* bytes of a text that was let through */

/* Secrets that are known by heart. All borrowed; NULL and empty ones are fine. */
struct redact {
	const struct secret *known[3];
};

/* The first len bytes of text as one line of at most REDACT_LEN_MAX bytes of printable
 * UTF-8, which the caller frees; NULL where nothing is left or text is NULL. Whatever is
 * a known secret, looks like a secret key (sk_live_…, sk_test_…), like a JWT (eyJ…) or
 * like a ticket
 * (__clerk_ticket=…) becomes "[redacted]", wherever the cut falls; control characters and
 * what is not UTF-8 become blanks, and blanks in a row become one. */
char *redact_line(const struct redact *redact, const char *text, size_t len);

/* Whether one of the known secrets stands in text. */
bool redact_holds_secret(const struct redact *redact, const char *text);
