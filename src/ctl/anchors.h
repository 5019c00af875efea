/* Checkpoints kept outside the file: SEQ:HASH. */
#pragma once

#include "base/error.h"
#include "store/chain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct anchor {
	int64_t seq;
	char hash[CHAIN_HEX_LEN];
};

struct anchors {
	struct anchor *anchors; /* owned */
	size_t n, cap;
	size_t at;          /* those before it were met */
	struct error fault; /* the first that the audit does not agree with; "" = none */
};

/* Frees. Idempotent. */
void anchors_deinit(struct anchors *anchors);

/* Adds one, written SEQ:HASH. Fails where it is none. */
int anchors_add(struct anchors *anchors, const char *text, struct error *err);

/* Adds those of a file: one a line, alone or among other words (lines of the journal);
 * blank lines and those that begin with # are passed over. Fails where a line has none.
 */
int anchors_read(struct anchors *anchors, const char *path, struct error *err);

/* Whether there is nothing in the file yet, or no file. */
bool anchors_none_yet(const char *path);

/* Appends a line to the file, synced: the time wall_ms, then SEQ:HASH. A file that is not
 * there is made, for everybody to read. */
int anchors_append(const char *path, int64_t wall_ms, int64_t seq, const char *hash,
	struct error *err);

/* Puts them in order; before anchors_meet(). */
void anchors_sort(struct anchors *anchors);

/* Holds the row against those of its seq; rows come in order. What differs is in fault.
 */
void anchors_meet(struct anchors *anchors, int64_t seq, const char *hash);

/* Those that were not met lie beyond the last row, seq: the audit was cut off. */
void anchors_end(struct anchors *anchors, int64_t seq);
