#include "ctl/eta.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MS    50 /* a usual answer of Clerk's */
#define SECONDS_MAX  (INT64_C(100) * 365 * 86400)
#define REQUESTS_MAX INT64_C(1000000000000000)

static int64_t at_least(int64_t value, int64_t least)
{
	return value < least ? least : value;
}

int64_t eta_windows(int64_t n, int64_t budget)
{
	if (n <= 0)
		return 0;
	budget = at_least(budget, 1);
	return (n - 1) / budget + 1;
}

/* How long n requests take that the window lets go at once. */
static int64_t burst_ms(const struct eta *eta, int64_t n)
{
	int64_t concurrency = at_least(eta->concurrency, 1);

	return (n * ANSWER_MS + concurrency - 1) / concurrency;
}

int64_t eta_ms(const struct eta *eta)
{
	int64_t budget = at_least(eta->budget, 1), n = eta->n;
	int64_t room = at_least(budget - at_least(eta->used, 0), 0);
	int64_t windows, last, waits = 0;

	if (n <= 0)
		return 0;
	if (n > REQUESTS_MAX)
		return INT64_MAX;
	if (n <= room)
		return burst_ms(eta, n);
	/* Some go now, the others when the first slot comes free, at most a window later.
	 */
	n -= room;
	if (eta->used > 0)
		waits = eta->opens_ms > 0 ? eta->opens_ms : eta->window_ms;
	else
		waits = eta->window_ms;
	windows = eta_windows(n, budget);
	last = n - (windows - 1) * budget;
	if (windows > INT64_MAX / 2 / at_least(eta->window_ms, 1))
		return INT64_MAX;
	return waits + (windows - 1) * eta->window_ms + burst_ms(eta, last);
}

void eta_count(int64_t n, char ret_text[ETA_TEXT_LEN])
{
	char digits[ETA_TEXT_LEN];
	const char *from = digits;
	size_t left;

	(void)snprintf(digits, sizeof(digits), "%" PRId64, n);
	if (*from == '-')
		*ret_text++ = *from++;
	for (left = strlen(from); left; left--) {
		*ret_text++ = *from++;
		if (left > 1 && left % 3 == 1)
			*ret_text++ = ',';
	}
	*ret_text = '\0';
}

void eta_span(int64_t ms, char ret_text[ETA_TEXT_LEN])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	int64_t s = ms <= 0 ? 0 : (ms - 1) / 1000 + 1;
	int unit = 0;

	if (s > SECONDS_MAX) {
		(void)snprintf(ret_text, ETA_TEXT_LEN, "years");
		return;
	}
	while (unit < 3 && s < units[unit].seconds)
		unit++;
	if (unit < 3 && s % units[unit].seconds >= units[unit + 1].seconds)
		(void)snprintf(ret_text, ETA_TEXT_LEN, "%" PRId64 " %s %" PRId64 " %s",
			s / units[unit].seconds, units[unit].name,
			s % units[unit].seconds / units[unit + 1].seconds,
			units[unit + 1].name);
	else
		(void)snprintf(ret_text, ETA_TEXT_LEN, "%" PRId64 " %s",
			s / units[unit].seconds, units[unit].name);
}
