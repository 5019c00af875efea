/*
 * Clerk's secret key: where it comes from and what it has to look like. Never from the
 * configuration, argv or the environment, so that neither a process list nor a backup of
 * /etc shows it.
 */
#pragma once

#include "base/config.h"
#include "base/error.h"
#include "base/secret.h"

enum secret_key_kind {
	SECRET_KEY_LIVE,    /* sk_live_…: a production instance */
	SECRET_KEY_TEST,    /* sk_test_…: a development instance */
	SECRET_KEY_UNKNOWN, /* another sk_…: counts as a development one */
	SECRET_KEY__MAX
};

/* Outcomes of secret_key_load(). */
enum secret_key_outcome {
	SECRET_KEY_E_PERMISSION = 1, /* nothing loaded: err names the remedy */
	SECRET_KEY_E_KIND = 2        /* loaded, kind unknown: err is a warning */
};

/* Reads the key from clerk.secret_key_file, else from
 * $CREDENTIALS_DIRECTORY/clerk_secret_key, into *ret_key (an empty holder before; the
 * caller secret_deinit()s it) and *ret_kind.
 *
 * Returns 0 done; SECRET_KEY_E_PERMISSION where the file may not be read by this process,
 * or may be read or written by others (outside the credentials folder): nothing is
 * loaded, err says what and which command helps, the exit status for it is 77 where the
 * program has one; SECRET_KEY_E_KIND where the key was loaded but begins with sk_ and
 * neither sk_live_ nor sk_test_: err holds the warning to log; < 0 where there is no key
 * or the file holds something else. No text ever shows a byte of the file. */
int secret_key_load(const struct config *config, struct secret *ret_key,
	enum secret_key_kind *ret_kind, struct error *err);

/* "live", "test" or "unknown". */
const char *secret_key_kind_name(enum secret_key_kind kind);

/* The kind that secret_key_kind_name() calls so, or SECRET_KEY__MAX. */
enum secret_key_kind secret_key_kind_parse(const char *name);

/* Writes the first 16 hex digits of SHA-256("clerk-tokend key fingerprint" + key) and a
 * NUL: tells in log and audit whether two starts used the same key. It gives nothing
 * away, because a key is random with far more bits than anybody can try, and the prefix
 * keeps the digest from being looked up in somebody else's table. */
void secret_key_fingerprint(const struct secret *key, char ret_text[17]);

/* How a rotated key is taken: a sentence for a hold's message. Static. */
const char *secret_key_rotation_hint(const struct config *config);
