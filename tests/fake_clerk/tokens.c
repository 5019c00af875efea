#include "tokens.h"

#include "mem.h"
#include "rng.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_LEN 342 /* 256 bytes as base64url */
#define CANARY_AT     16

const char *token_status_word(enum token_status status)
{
	static const char *const words[TOKEN__MAX] = {
		[TOKEN_PENDING] = "pending",
		[TOKEN_ACCEPTED] = "accepted",
		[TOKEN_REVOKED] = "revoked",
	};
	return words[status];
}

/* Clerk's ids are KSUIDs: a big-endian number of 160 bits, its first 32 the second of
 * creation since KSUID_EPOCH, the rest random, in base 62. So they rise with time, which
 * is what an index over them feels. (The sample id of Clerk's documentation decodes to
 * the very second that its token's `exp` implies, and so do the samples of other
 * objects.) */
#define KSUID_EPOCH 1400000000
#define KSUID_WORDS 5

void token_new_id(struct rng *rng, int64_t now_s, char id[TOKEN_ID_SIZE])
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz";
	uint64_t high = rng_next(rng), low = rng_next(rng);
	uint32_t number[KSUID_WORDS] = {(uint32_t)(now_s - KSUID_EPOCH),
		(uint32_t)(high >> 32), (uint32_t)high, (uint32_t)(low >> 32),
		(uint32_t)low};

	memcpy(id, "sit_", 4);
	id[TOKEN_ID_SIZE - 1] = '\0';
	for (size_t at = TOKEN_ID_SIZE - 2; at >= 4; at--) {
		uint64_t rest = 0;
		for (int i = 0; i < KSUID_WORDS; i++) {
			rest = rest << 32 | number[i];
			number[i] = (uint32_t)(rest / 62);
			rest %= 62;
		}
		id[at] = digits[rest];
	}
}

/* FNV-1a. */
static uint64_t hash(const char *id)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);
	for (; *id; id++)
		value = (value ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
	return value;
}

/* The slot that holds id, or the free one where it belongs. */
static size_t slot_of(const struct tokens *tokens, const char *id)
{
	size_t mask = tokens->n_slots - 1;
	size_t slot = hash(id) & mask;
	while (tokens->slots[slot] &&
		strcmp(tokens->list[tokens->slots[slot] - 1].id, id) != 0)
		slot = (slot + 1) & mask;
	return slot;
}

static void grow(struct tokens *tokens)
{
	if (tokens->n == tokens->cap) {
		tokens->cap = tokens->cap ? tokens->cap * 2 : 256;
		tokens->list =
			mem_resize(tokens->list, tokens->cap * sizeof(tokens->list[0]));
	}
	if ((tokens->n + 1) * 2 <= tokens->n_slots)
		return;
	free(tokens->slots);
	tokens->n_slots = tokens->n_slots ? tokens->n_slots * 2 : 1024;
	tokens->slots = mem_zero(tokens->n_slots * sizeof(tokens->slots[0]));
	for (size_t i = 0; i < tokens->n; i++)
		tokens->slots[slot_of(tokens, tokens->list[i].id)] = (uint32_t)i + 1;
}

struct token *tokens_add(struct tokens *tokens, const struct token *token)
{
	grow(tokens);
	size_t slot = slot_of(tokens, token->id);
	if (tokens->slots[slot])
		return NULL;
	struct token *kept = &tokens->list[tokens->n++];
	*kept = *token;
	kept->user_id = mem_copy(token->user_id);
	tokens->slots[slot] = (uint32_t)tokens->n;
	return kept;
}

struct token *tokens_find(const struct tokens *tokens, const char *id)
{
	if (!tokens->n)
		return NULL;
	uint32_t index = tokens->slots[slot_of(tokens, id)];
	return index ? &tokens->list[index - 1] : NULL;
}

void tokens_clear(struct tokens *tokens)
{
	for (size_t i = 0; i < tokens->n; i++)
		free(tokens->list[i].user_id);
	free(tokens->list);
	free(tokens->slots);
	*tokens = (struct tokens){0};
}

static void add_base64url(struct text *out, const char *bytes, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";
	char *to = text_room(out, len / 3 * 4 + 4);
	size_t written = 0;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i < 3 ? len - i : 3;
		uint32_t group = 0;
		for (size_t j = 0; j < 3; j++)
			group = group << 8 |
				(j < left ? (unsigned char)bytes[i + j] : 0u);
		for (size_t j = 0; j < left + 1; j++)
			to[written++] = alphabet[group >> (18 - 6 * j) & 63];
	}
	text_added(out, written);
}

void token_secret(const struct token *token, const char *canary, struct text *out)
{
	static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
	add_base64url(out, header, sizeof(header) - 1);
	text_add(out, ".", 1);

	char payload[256];
	int len = snprintf(payload, sizeof(payload),
		"{\"exp\":%lld,\"iid\":\"ins_2fakeInstanceOfTheFakeClerk\","
		"\"sid\":\"%s\",\"st\":\"sign_in_token\"}",
		(long long)token->exp, token->id);
	add_base64url(out, payload, (size_t)len);
	text_add(out, ".", 1);

	struct rng rng;
	rng_seed(&rng, hash(token->id));
	char *signature = text_room(out, SIGNATURE_LEN);
	rng_base64url(&rng, signature, SIGNATURE_LEN);
	if (canary)
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): amid a text */
		memcpy(signature + CANARY_AT, canary, strlen(canary));
	text_added(out, SIGNATURE_LEN);
}
