#include "ctl/when.h"

#include "base/parse.h"

#include <string.h>

static const int64_t day_ms = 86400000;

/* "+2h", "-2h", "now". */
static bool parse_relative(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	int64_t span;

	if (!strcmp(text, "now")) {
		*ret_ms = now_ms;
		return true;
	}
	if ((*text != '+' && *text != '-') || !parse_duration(text + 1, &span))
		return false;
	*ret_ms = *text == '+' ? now_ms + span : now_ms - span;
	return true;
}

int when_parse(const char *what, const char *text, int64_t now_ms, int64_t *ret_ms,
	struct error *err)
{
	if (parse_relative(text, now_ms, ret_ms) || clock_parse(text, ret_ms))
		return 0;
	return error_set(err,
		"%s: \"%.100s\" is no time; UTC is wanted, YYYY-MM-DD HH:MM[:SS], or +2h",
		what, text);
}

int when_parse_bound(const char *what, const char *text, int64_t now_ms, bool is_end,
	int64_t *ret_ms, struct error *err)
{
	bool is_date;

	if (parse_relative(text, now_ms, ret_ms))
		return 0;
	if (!clock_parse_or_date(text, ret_ms, &is_date))
		return error_set(err,
			"%s: \"%.100s\" is no time; UTC is wanted, YYYY-MM-DD "
			"[HH:MM[:SS]], "
			"or "
			"-2h",
			what, text);
	if (is_date && is_end)
		*ret_ms += day_ms;
	return 0;
}

int when_parse_duration(
	const char *what, const char *text, int64_t *ret_ms, struct error *err)
{
	if (parse_duration(text, ret_ms))
		return 0;
	return error_set(err,
		"%s: \"%.100s\" is no duration; a number and ms, s, min, h or d is "
		"wanted, "
		"like "
		"90s or 1h 30min",
		what, text);
}
