#include "ctl/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define NEAR_LEN_MAX 40 /* longer words are not compared */
#define NEAR_FAR     99

static int min3(int a, int b, int c)
{
	int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* How many letters both begin with. */
static size_t shared_start(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && same(a[n], b[n]))
		n++;
	return n;
}

/* Optimal string alignment, three rows of the usual table. */
int near_distance(const char *a, const char *b)
{
	int table[3][NEAR_LEN_MAX + 1];
	size_t a_len = strnlen(a, NEAR_LEN_MAX + 1), b_len = strnlen(b, NEAR_LEN_MAX + 1);

	if (a_len > NEAR_LEN_MAX || b_len > NEAR_LEN_MAX)
		return NEAR_FAR;
	for (size_t j = 0; j <= b_len; j++)
		table[0][j] = (int)j;
	for (size_t i = 1; i <= a_len; i++) {
		int *row = table[i % 3];
		const int *last = table[(i + 2) % 3], *second_last = table[(i + 1) % 3];

		row[0] = (int)i;
		for (size_t j = 1; j <= b_len; j++) {
			int differs = !same(a[i - 1], b[j - 1]);

			row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differs);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
				same(a[i - 2], b[j - 1]) &&
				second_last[j - 2] + 1 < row[j])
				row[j] = second_last[j - 2] + 1;
		}
	}
	return table[a_len % 3][b_len];
}

void near_try(struct near *near, const char *candidate)
{
	int distance = near_distance(near->word, candidate);
	int len = (int)strnlen(near->word, NEAR_LEN_MAX), allowed = len / 3 + 1;
	int start = (int)shared_start(near->word, candidate);

	/* What begins like it is near too: `tok` means `token`, `success` succeeded. */
	if (start > 1 && start == len)
		distance = 1;
	else if (start > 2 && start * 2 >= len && distance > allowed)
		distance = allowed < 3 ? allowed : 3;
	if (distance > (allowed < 3 ? allowed : 3))
		return;
	if (near->best && (distance > near->distance ||
				  (distance == near->distance &&
					  strlen(candidate) >= strlen(near->best))))
		return;
	near->best = candidate;
	near->distance = distance;
}
