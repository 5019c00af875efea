#include "ctl/care.h"

#include "ctl/pace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void care_say_cost(const struct ctl *ctl, const char *noun, int64_t n, bool urgent)
{
	AUTO(pace) struct pace pace;
	char count[ETA_TEXT_LEN], windows[ETA_TEXT_LEN], span[ETA_TEXT_LEN];
	struct eta eta;
	int64_t n_windows;

	pace_read(ctl, &pace);
	eta = pace_eta(&pace, n, urgent);
	/* What it costs, whatever else is sent meanwhile. */
	eta.used = eta.opens_ms = 0;
	n_windows = eta_windows(n, eta.budget);
	eta_count(n, count);
	eta_count(n_windows, windows);
	eta_span(eta_ms(&eta), span);
	ctl_say("%s %s%s: %s window%s, about %s", count, noun, n == 1 ? "" : "s", windows,
		n_windows == 1 ? "" : "s", span);
}

/* One line from the terminal: y or yes. */
static bool ask_terminal(void)
{
	char line[16] = "";

	(void)fputs("clerk-tokenctl: go on? (y/N) ", stderr);
	(void)fflush(stderr);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	return !strcmp(line, "y\n") || !strcmp(line, "Y\n") || !strcmp(line, "yes\n");
}

int care_ask(const struct ctl *ctl, const struct care *care, bool *ret_go)
{
	const char *expect = args_get(ctl->args, OPT_EXPECT);
	int64_t expected = 0;

	*ret_go = false;
	if (expect && ctl_number("--expect", expect, 0, INT64_MAX, &expected))
		return CTL_USAGE;
	ctl_say("%s", care->what);
	if (care->n_requests)
		care_say_cost(ctl, care->noun, care->n_requests, care->urgent);
	if (args_has(ctl->args, OPT_DRY_RUN))
		return CTL_OK;
	if (care->by_yes && args_has(ctl->args, OPT_YES)) {
		*ret_go = true;
		return CTL_OK;
	}
	if (expect && expected != care->n)
		return ctl_fail(CTL_NO,
			"that is %" PRId64 ", not %" PRId64 ": nothing was done", care->n,
			expected);
	if (care->by_yes && !isatty(STDIN_FILENO))
		return ctl_fail(CTL_USAGE, "to do it without a terminal, say --yes");
	if (!expect && !isatty(STDIN_FILENO))
		return ctl_fail(CTL_USAGE,
			"to do it without a terminal, say --expect %" PRId64, care->n);
	if (!expect && !ask_terminal())
		return ctl_fail(CTL_NO, "nothing was done");
	*ret_go = true;
	return CTL_OK;
}
