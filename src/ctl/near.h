/* "Did you mean": the word of a list that a mistyped one is nearest to. */
#pragma once

#include <stddef.h>

/* Remembers the nearest of the words it is shown. Begin with {.word = "…"}. */
struct near {
	const char *word; /* borrowed: what was typed */
	const char
		*best; /* borrowed: the nearest so far that is near enough; NULL = none */
	int distance;  /* of best */
};

/* Holds one more word against it. The word must outlive *near. */
void near_try(struct near *near, const char *candidate);

/* How many letters must be added, removed, changed or swapped with their neighbour to
 * make one of the other, whether large or small; at most 99, which also means "too long
 * to tell". */
int near_distance(const char *a, const char *b);
