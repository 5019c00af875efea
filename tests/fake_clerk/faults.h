#pragma once

#include "reply.h"

#include <stdbool.h>
#include <stddef.h>

struct rng;

/* The faults there are, as listed in faults.def. */
enum fault_kind {
#define FAULT(name, value, def, acts, transport, help) FAULT_##name,
#include "faults.def"
#undef FAULT
	FAULT__MAX,
};

/* A fault that may happen at random. */
struct fault_chance {
	enum fault_kind kind;
	int value;
	double probability;
};

/* The random faults. Zeroed there are none. */
struct fault_chances {
	struct fault_chance *list;
	size_t n;
};

/* Reads "kind" or "kind=N". Returns false for an unknown kind or a wrong value; *ret_kind
 * and *ret_value are then untouched. */
bool fault_parse(const char *text, enum fault_kind *ret_kind, int *ret_value);

/* Returns the name of a kind. */
const char *fault_name(enum fault_kind kind);

/* Appends "kind" or "kind=N". */
void fault_print(enum fault_kind kind, int value, struct text *out);

/* Returns the line of help of a kind. */
const char *fault_help(enum fault_kind kind);

/* Returns whether the request does its work although it meets this fault. */
bool fault_acts(enum fault_kind kind, int value);

/* Returns how the answer goes out under this fault. */
enum transport fault_transport(enum fault_kind kind);

/* Returns whether the fault writes to the socket itself, which TLS does not allow. */
bool fault_needs_plain(enum fault_kind kind);

/* Adds a random fault. Returns false when it is unknown, or the probabilities would not
 * be between 0 and 1 together. */
bool fault_chances_add(
	struct fault_chances *chances, const char *fault, double probability);

/* Draws which fault the next request meets: an element of chances, or NULL. */
const struct fault_chance *fault_chances_draw(
	const struct fault_chances *chances, struct rng *rng);

/* Removes all random faults and frees their memory. */
void fault_chances_clear(struct fault_chances *chances);
