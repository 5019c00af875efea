#include "ctl/pace.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define REQUESTS_LIVE 1000 /* Clerk's limit for a production instance … */
#define REQUESTS_TEST 100  /* … and for a development one */

/* The most that the configuration allows: a file that says more is not believed. */
#define REQUESTS_MAX    1000000
#define WINDOW_MAX_MS   3600000
#define CONCURRENCY_MAX 1024

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

void pace_deinit(struct pace *pace)
{
	free(pace->text);
	pace->text = NULL;
}

/* How many requests a window has room for, by the configuration, else by the kind of the
 * last key. */
static int64_t requests_per_window(const struct ctl *ctl)
{
	struct reader_progress progress = {0};
	struct error err = ERROR_NULL;

	if (ctl->config->rate_requests > 0)
		return ctl->config->rate_requests;
	if (ctl->reader)
		(void)reader_progress(ctl->reader, &progress, &err);
	return strcmp(progress.key_kind, "live") ? REQUESTS_TEST : REQUESTS_LIVE;
}

static int64_t share_of(int64_t requests, double share)
{
	int64_t budget = (int64_t)((double)requests * share + 1e-9);

	return budget < 1 ? 1 : budget;
}

static void by_configuration(const struct ctl *ctl, struct pace *pace)
{
	int64_t requests = requests_per_window(ctl);
	double share = ctl->config->rate_share, urgent = ctl->config->rate_urgent_share;

	pace->budget = share_of(requests, share);
	pace->urgent_budget = share_of(requests, urgent > share ? urgent : share);
	pace->window_ms = ctl->config->rate_window_ms;
	pace->concurrency = ctl->config->concurrency;
}

static int64_t number(
	const json_t *object, const char *name, int64_t max, int64_t fallback)
{
	int64_t value = json_integer_value(json_object_get(object, name));

	return value > 0 && value <= max ? value : fallback;
}

/* A time of the file; 0 = none. */
static int64_t time_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	int64_t ms;

	return text && clock_parse(text, &ms) ? ms : 0;
}

static int64_t from_now(int64_t wall_ms, int64_t now_ms)
{
	return wall_ms > now_ms ? wall_ms - now_ms : 0;
}

/* What the daemon says stands for a while: it writes only when something changes. */
static void by_daemon(const json_t *status, struct pace *pace)
{
	const json_t *rate = json_object_get(status, "rate");
	const json_t *gate = json_object_get(status, "gate");
	const char *reason = json_string_value(json_object_get(gate, "reason"));
	const char *text = json_string_value(json_object_get(gate, "text"));
	int64_t now = clock_now().wall_ms, until = time_of(gate, "until");

	pace->budget = number(rate, "budget", REQUESTS_MAX, pace->budget);
	pace->urgent_budget =
		number(rate, "urgent_budget", REQUESTS_MAX, pace->urgent_budget);
	pace->window_ms = number(rate, "window_ms", WINDOW_MAX_MS, pace->window_ms);
	pace->concurrency =
		number(status, "concurrency", CONCURRENCY_MAX, pace->concurrency);
	if (now - time_of(status, "updated_at") < pace->window_ms)
		pace->used = number(rate, "used", REQUESTS_MAX, 0);
	pace->opens_ms = from_now(time_of(gate, "normal_until"), now);
	if (reason && !strcmp(reason, "rate"))
		pace->urgent_opens_ms = from_now(until, now);
	if (reason && !strcmp(reason, "retry_after") && until > now)
		pace->quiet_until_ms = until;
	pace->text = text ? xstrdup(text) : NULL;
}

void pace_read(const struct ctl *ctl, struct pace *ret_pace)
{
	AUTO(json) json_t *status = NULL;
	struct error err = ERROR_NULL;
	int64_t pid;

	*ret_pace =
		(struct pace){.alive = alive_check(ctl->config->state_directory, &pid)};
	by_configuration(ctl, ret_pace);
	if (ret_pace->alive != ALIVE_NO &&
		alive_find_status(ctl, pid, &status, &err) == 0)
		by_daemon(status, ret_pace);
}

struct eta pace_eta(const struct pace *pace, int64_t n, bool urgent)
{
	return (struct eta){.n = n,
		.budget = urgent ? pace->urgent_budget : pace->budget,
		.window_ms = pace->window_ms,
		.used = pace->used,
		.opens_ms = urgent ? pace->urgent_opens_ms : pace->opens_ms,
		.concurrency = pace->concurrency};
}
