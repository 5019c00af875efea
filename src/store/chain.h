/*
 * The hash chain of the audit (doc/audit-chain.md): each row's hash is the SHA-256 of the
 * previous row's hash and an encoding of this row's columns that names each one that is
 * not NULL.
 */
#pragma once

#include <nettle/sha2.h>
#include <stdint.h>

#define CHAIN_HASH_LEN SHA256_DIGEST_SIZE
#define CHAIN_HEX_LEN  (2 * CHAIN_HASH_LEN + 1) /* with the NUL */

/* One row while it is being hashed. Embedded; nothing to release. */
struct chain {
	struct sha256_ctx sha256;
};

/* The hash that stands before row 1. */
void chain_genesis(unsigned char ret_hash[CHAIN_HASH_LEN]);

/* Begins a row behind the row whose hash is previous. */
void chain_begin(struct chain *chain, const unsigned char previous[CHAIN_HASH_LEN]);

/* Adds a column that is not NULL; a NULL one is left out. In the order of audit's
 * columns. */
void chain_text(struct chain *chain, const char *column, const char *text);
void chain_int(struct chain *chain, const char *column, int64_t value);

/* Ends the row. */
void chain_end(struct chain *chain, unsigned char ret_hash[CHAIN_HASH_LEN]);

/* A hash as lower-case hex. */
void chain_hex(const unsigned char hash[CHAIN_HASH_LEN], char ret_hex[CHAIN_HEX_LEN]);
