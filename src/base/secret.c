#include "base/secret.h"

#include "base/mem.h"

#include <assert.h>
#include <nettle/sha2.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void secret_init(struct secret *ret_secret, const char *text, size_t len)
{
	ret_secret->text = xmalloc(len + 1);
	memcpy(ret_secret->text, text, len);
	ret_secret->text[len] = '\0';
	ret_secret->len = len;
}

void secret_deinit(struct secret *secret)
{
	if (secret->text)
		sodium_memzero(secret->text, secret->len);
	free(secret->text);
	*secret = (struct secret)SECRET_NULL;
}

void secret_move(struct secret *from, struct secret *to)
{
	assert(!to->text);
	*to = *from;
	*from = (struct secret)SECRET_NULL;
}

const char *secret_print(const struct secret *secret)
{
	return secret->text ? "[redacted]" : "";
}

void secret_sha256(const struct secret *secret, char ret_hex[65])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha256;

	assert(secret->text);
	sha256_init(&sha256);
	sha256_update(&sha256, secret->len, (const uint8_t *)secret->text);
	sha256_digest(&sha256, sizeof(digest), digest);
	sodium_memzero(&sha256, sizeof(sha256));
	(void)sodium_bin2hex(ret_hex, 65, digest, sizeof(digest));
}

bool secret_occurs(const struct secret *secret, const char *text)
{
	return secret->text && secret->len && text && strstr(text, secret->text);
}
