/* A text that nobody but its holder may see: Clerk's secret key, a sign-in token, its
 * url. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One holder; wiped before it is freed. Print secret_print(), never .text. */
struct secret {
	char *text; /* owned, NUL-terminated; NULL = none */
	size_t len;
};

#define SECRET_NULL                                                                      \
	{                                                                                \
		0                                                                        \
	}

/* Makes *ret_secret a copy of len bytes of text (the caller still wipes its own). */
void secret_init(struct secret *ret_secret, const char *text, size_t len);

/* Wipes and frees; *secret is none again. Idempotent. */
void secret_deinit(struct secret *secret);

/* Moves the text from one holder to another, which held none. */
void secret_move(struct secret *from, struct secret *to);

/* "[redacted]" where there is a secret, "" where there is none. */
const char *secret_print(const struct secret *secret);

/* The lower-case hex SHA-256 of the secret in ret_hex (65 bytes). */
void secret_sha256(const struct secret *secret, char ret_hex[65]);

/* Whether the secret's bytes occur anywhere in text; false where either is empty. */
bool secret_occurs(const struct secret *secret, const char *text);

static inline void secret_cleanup(struct secret *secret)
{
	secret_deinit(secret);
}
