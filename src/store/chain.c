#include "store/chain.h"

#include <sodium.h>
#include <string.h>

static const char genesis[] = "clerk-tokend audit chain 1";

void chain_genesis(unsigned char ret_hash[CHAIN_HASH_LEN])
{
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, sizeof(genesis) - 1, (const uint8_t *)genesis);
	sha256_digest(&sha256, CHAIN_HASH_LEN, ret_hash);
}

static void feed(struct chain *chain, const char *bytes, size_t len)
{
	sha256_update(&chain->sha256, len, (const uint8_t *)bytes);
}

void chain_begin(struct chain *chain, const unsigned char previous[CHAIN_HASH_LEN])
{
	sha256_init(&chain->sha256);
	sha256_update(&chain->sha256, CHAIN_HASH_LEN, previous);
}

/* Writes value in decimal so that it ends before end; returns where it starts. By hand
 * because this runs some sixty times a job. */
static char *decimal(char *end, int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		*--end = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--end = '-';
	return end;
}

/* column ' ' type length ':' value '\n': the length makes it unambiguous. */
static void add(
	struct chain *chain, const char *column, char type, const char *value, size_t len)
{
	char head[96], digits[24];
	char *end = digits + sizeof(digits), *start = decimal(end, (int64_t)len);
	char *at = head;

	at = stpcpy(at, column);
	*at++ = ' ';
	*at++ = type;
	at = mempcpy(at, start, (size_t)(end - start));
	*at++ = ':';
	feed(chain, head, (size_t)(at - head));
	feed(chain, value, len);
	feed(chain, "\n", 1);
}

void chain_text(struct chain *chain, const char *column, const char *text)
{
	if (text)
		add(chain, column, 't', text, strlen(text));
}

void chain_int(struct chain *chain, const char *column, int64_t value)
{
	char digits[24];
	char *end = digits + sizeof(digits), *start = decimal(end, value);

	add(chain, column, 'i', start, (size_t)(end - start));
}

void chain_end(struct chain *chain, unsigned char ret_hash[CHAIN_HASH_LEN])
{
	sha256_digest(&chain->sha256, CHAIN_HASH_LEN, ret_hash);
}

void chain_hex(const unsigned char hash[CHAIN_HASH_LEN], char ret_hex[CHAIN_HEX_LEN])
{
	(void)sodium_bin2hex(ret_hex, CHAIN_HEX_LEN, hash, CHAIN_HASH_LEN);
}
