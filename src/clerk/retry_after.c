#include "clerk/retry_after.h"

#include "clerk/http_date.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static int64_t clamp(int64_t ms)
{
	if (ms <= 0)
		return -1;
	return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **text, size_t *len)
{
	while (*len && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len && is_blank((*text)[*len - 1]))
		(*len)--;
}

/* By hand: strtol takes signs and blanks, and both it and CURLINFO_RETRY_AFTER turn
 * twenty digits into something small. */
static int64_t read_seconds(const char *text, size_t len)
{
	int64_t seconds = 0;

	trim(&text, &len);
	if (!len)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		if (seconds <= RETRY_AFTER_MAX_MS)
			seconds = seconds * 10 + (text[i] - '0');
	}
	return clamp(seconds * 1000);
}

static int64_t read_list(const char *text, size_t len)
{
	int64_t longest = -1;

	for (;;) {
		const char *comma = memchr(text, ',', len);
		size_t n = comma ? (size_t)(comma - text) : len;
		int64_t ms = read_seconds(text, n);

		longest = ms > longest ? ms : longest;
		if (!comma)
			return longest;
		text += n + 1;
		len -= n + 1;
	}
}

static int64_t read_date(const char *text, size_t len, int64_t wall_ms)
{
	int64_t at_ms = http_date_ms(text, len);

	return at_ms < 0 ? -1 : clamp(at_ms - wall_ms);
}

static int64_t read_value(const char *text, size_t len, int64_t wall_ms)
{
	trim(&text, &len);
	if (len && isalpha((unsigned char)*text))
		return read_date(text, len, wall_ms);
	return read_list(text, len);
}

int64_t retry_after_read(const char *text, int64_t wall_ms)
{
	int64_t longest = -1;

	while (text) {
		const char *end = strchr(text, '\n');
		size_t len = end ? (size_t)(end - text) : strlen(text);
		int64_t ms = read_value(text, len, wall_ms);

		longest = ms > longest ? ms : longest;
		text = end ? end + 1 : NULL;
	}
	return longest;
}
