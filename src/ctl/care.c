#include "ctl/care.h"

#include "base/parse.h"
#include "ctl/alive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REQUESTS_LIVE 1000 /* Clerk's limit for a production instance … */
#define REQUESTS_TEST 100  /* … and for a development one */

/* How many requests a window has room for, as the daemon says, else by the configuration,
 * else by the kind of the last key. */
static int64_t requests_per_window(const struct ctl *ctl)
{
	struct reader_progress progress = {0};
	struct error err = ERROR_NULL;
	json_t *status = NULL;
	int64_t requests = 0;

	if (alive_status(ctl->config->runtime_directory, &status, &err) == 0)
		requests = json_integer_value(
			json_object_get(json_object_get(status, "rate"), "requests"));
	json_decref(status);
	if (requests <= 0)
		requests = ctl->config->rate_requests;
	if (requests > 0)
		return requests;
	if (ctl->reader)
		(void)reader_progress(ctl->reader, &progress, &err);
	return strcmp(progress.key_kind, "live") ? REQUESTS_TEST : REQUESTS_LIVE;
}

static void say_cost(const struct ctl *ctl, const struct care *care)
{
	double share =
		care->urgent ? ctl->config->rate_urgent_share : ctl->config->rate_share;
	int64_t budget = (int64_t)((double)requests_per_window(ctl) * share);
	int64_t windows;
	char window[32], span[32] = "";

	if (budget < 1)
		budget = 1;
	windows = (care->n_requests + budget - 1) / budget;
	parse_format_duration(ctl->config->rate_window_ms, window);
	if (windows > 1)
		parse_format_duration((windows - 1) * ctl->config->rate_window_ms, span);
	ctl_say("that is %" PRId64 " request%s: %" PRId64 " rate window%s of %s%s%s",
		care->n_requests, care->n_requests == 1 ? "" : "s", windows,
		windows == 1 ? "" : "s", window, windows > 1 ? ", at least " : "", span);
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
	int64_t expected;

	*ret_go = false;
	if (expect && ctl_number("--expect", expect, 0, INT64_MAX, &expected))
		return CTL_USAGE;
	ctl_say("%s", care->what);
	if (care->n_requests)
		say_cost(ctl, care);
	if (args_has(ctl->args, OPT_DRY_RUN))
		return CTL_OK;
	if (expect && expected != care->n)
		return ctl_fail(CTL_NO,
			"that is %" PRId64 ", not %" PRId64 ": nothing was done", care->n,
			expected);
	if (!expect && !isatty(STDIN_FILENO))
		return ctl_fail(CTL_USAGE,
			"to do it without a terminal, say --expect %" PRId64, care->n);
	if (!expect && !ask_terminal())
		return ctl_fail(CTL_NO, "nothing was done");
	*ret_go = true;
	return CTL_OK;
}
