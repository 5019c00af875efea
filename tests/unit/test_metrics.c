/* metrics.prom as a text. The e2e test holds its figures against status.json. */
#include "base/mem.h"
#include "daemon/metrics.h"
#include "daemon/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct config config = {.rate_window_ms = 10000};

static char *text_of(const struct engine_status *engine, const char *instance)
{
	const struct status status = {.config = &config,
		.engine = engine,
		.instance = instance,
		.now = {.mono_ms = 20500},
		.requests_per_window = 1000,
		.db_bytes = {1, 20, 300},
		.wal_audit_bytes = 4096};

	return metrics_text(&status);
}

static void expect(const char *text, const char *line)
{
	AUTO(free_ptr) char *whole = xasprintf("\n%s\n", line);

	if (!strstr(text, whole))
		fail_msg("not there: %s", line);
}

static void figures(void **state)
{
	struct counters counters = {0};
	struct engine_status engine = {.counters = &counters};
	AUTO(free_ptr) char *text = NULL;

	(void)state;
	counters_add(&counters,
		&(struct counters_attempt){JOB_CREATE, EFFECT_APPLIED, 200, 25});
	counters_add(&counters,
		&(struct counters_attempt){JOB_CREATE, EFFECT_UNKNOWN, 0, 31000});
	engine.window_used = 250;
	engine.unread_since_ms = 20000;
	engine.held[HOLD_OUTAGE] = true;
	engine.paused[JOB_REVOKE] = true;
	engine.ruling.reason = GATE_HELD;
	engine.tally[JOB_ACTION__MAX][JOB_REJECTED] = 7;
	text = text_of(&engine, NULL);
	expect(text, "clerk_tokend_jobs{action=\"unreadable\",state=\"rejected\"} 7");
	expect(text,
		"clerk_tokend_attempts_total{action=\"create\",outcome=\"unknown\"} 1");
	expect(text, "clerk_tokend_http_responses_total{code=\"200\"} 1");
	expect(text, "clerk_tokend_request_duration_seconds_bucket{le=\"0.01\"} 0");
	expect(text, "clerk_tokend_request_duration_seconds_bucket{le=\"0.025\"} 1");
	expect(text, "clerk_tokend_request_duration_seconds_bucket{le=\"30\"} 1");
	expect(text, "clerk_tokend_request_duration_seconds_bucket{le=\"+Inf\"} 2");
	expect(text, "clerk_tokend_request_duration_seconds_sum 31.025");
	expect(text, "clerk_tokend_gate_open 0");
	expect(text, "clerk_tokend_held{reason=\"outage\"} 1");
	expect(text, "clerk_tokend_held{reason=\"disk\"} 0");
	expect(text, "clerk_tokend_paused 1");
	expect(text, "clerk_tokend_window_used_ratio 0.25");
	expect(text, "clerk_tokend_queue_lag_seconds 0.5");
	expect(text, "clerk_tokend_database_bytes{file=\"tokens.db\"} 300");
	expect(text, "clerk_tokend_wal_bytes{file=\"audit.db\"} 4096");
}

/* Several daemons on one host hand their files to one node_exporter, which takes no two
 * samples of the same name and labels. */
static void an_instance_labels_every_sample(void **state)
{
	const struct counters counters = {0};
	const struct engine_status engine = {.counters = &counters};
	AUTO(free_ptr) char *text = text_of(&engine, "e\"u\\\n");
	int n = 0;

	(void)state;
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;) {
		if (*line == '#')
			continue;
		n++;
		if (!strstr(line, "{tokend=\"e\\\"u\\\\\\n\""))
			fail_msg("no label: %s", line);
	}
	assert_true(n > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures),
		cmocka_unit_test(an_instance_labels_every_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
