/* A job's history and a batch's progress in plain words. */
#include "base/mem.h"
#include "ctl/progress.h"
#include "ctl/story.h"
#include "ctl/text.h"
#include "ctl/waits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(text) ((char *)(uintptr_t)(text))

#define EVENT_OF(...)                                                                    \
	(struct reader_event)                                                            \
	{                                                                                \
		__VA_ARGS__                                                              \
	}

/* 0 stands for what is not known. */
static void tells_of(
	struct reader_event event, const struct reader_command *by, const char *want)
{
	int64_t *const numbers[] = {&event.command_id, &event.attempt, &event.http_status,
		&event.duration_ms};
	AUTO(buf) struct buf text = BUF_NULL;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (*numbers[i] == 0)
			*numbers[i] = READER_NONE;
	story_event(&text, &event, by);
	assert_string_equal(buf_str(&text), want);
}

static void tells(struct reader_event event, const char *want)
{
	tells_of(event, NULL, want);
}

static void events(void **state)
{
	(void)state;
	tells(EVENT_OF(.event = TEXT("sent"), .attempt = 1), "");
	tells(EVENT_OF(.event = TEXT("nonsense")), "");
	tells(EVENT_OF(.event = NULL), "");
	tells(EVENT_OF(.event = TEXT("accepted")), "taken from the queue");
	tells(EVENT_OF(.event = TEXT("rejected"), .error_message = TEXT("why: not")),
		"rejected: why: not");
	tells(EVENT_OF(.event = TEXT("answered"), .attempt = 2, .http_status = 404,
		      .error_code = TEXT("resource_not_found"),
		      .error_message = TEXT("no such user"), .duration_ms = 35,
		      .effect = TEXT("none")),
		"attempt 2 was answered 404 resource_not_found (no such user) after 35 "
		"ms: "
		"nothing was done at Clerk's");
	tells(EVENT_OF(.event = TEXT("answered"), .attempt = 1, .http_status = 200,
		      .duration_ms = 12000, .effect = TEXT("applied")),
		"attempt 1 was answered 200 after 12 s: Clerk did it");
	tells(EVENT_OF(.event = TEXT("unanswered"), .attempt = 1,
		      .error_code = TEXT("timeout"), .effect = TEXT("unknown"),
		      .next_attempt_at = TEXT("2026-01-02 03:04:05.000")),
		"attempt 1 had no usable answer: timeout: whether Clerk did it is not "
		"known; "
		"again at 2026-01-02 03:04:05.000 UTC");
	tells(EVENT_OF(.event = TEXT("interrupted"), .attempt = 3,
		      .error_code = TEXT("interrupted"), .effect = TEXT("unknown")),
		"attempt 3 was on its way when the daemon ended, and nobody heard the "
		"answer: "
		"whether Clerk did it is not known");
	/* The event's own requester and reason are the job's. */
	tells_of(EVENT_OF(.event = TEXT("cancelled"), .command_id = 12,
			 .requested_by = TEXT("bob"), .reason = TEXT("a mailing")),
		&(struct reader_command){
			.requested_by = TEXT("ana"), .reason = TEXT("wrong list")},
		"cancelled by command 12 of ana: wrong list");
	tells(EVENT_OF(.event = TEXT("cancelled"), .command_id = -4000000000001),
		"cancelled by the daemon: max_failures of its batch was reached");
	tells(EVENT_OF(.event = TEXT("retried"), .command_id = 13),
		"queued again by command 13");
}

static void ends(struct reader_job job, bool by_daemon, const char *want)
{
	AUTO(buf) struct buf text = BUF_NULL;

	job.id = 7;
	job.finished_at = TEXT("2026-01-02 03:04:05.000");
	story_end(&text, &job, by_daemon);
	assert_string_equal(buf_str(&text), want);
}

static void endings(void **state)
{
	(void)state;
	ends((struct reader_job){.action = TEXT("create"),
		     .state = TEXT("succeeded"),
		     .result = TEXT("created"),
		     .sign_in_token_id = TEXT("sit_1")},
		false,
		"Job 7 succeeded at 2026-01-02 03:04:05.000 UTC: Clerk made the token "
		"(sit_1).");
	ends((struct reader_job){.action = TEXT("revoke"),
		     .state = TEXT("failed"),
		     .result = TEXT("already_used")},
		false,
		"Job 7 failed at 2026-01-02 03:04:05.000 UTC: somebody signed in with "
		"it; "
		"the session lives on. Revoking the token does not end that session: end "
		"the user's sessions in Clerk.");
	ends((struct reader_job){.action = TEXT("create"),
		     .state = TEXT("failed"),
		     .result = TEXT("gave_up"),
		     .error_code = TEXT("timeout"),
		     .error_message = TEXT("30 s")},
		false,
		"Job 7 failed at 2026-01-02 03:04:05.000 UTC: too many attempts or too "
		"old; "
		"the last error is kept: timeout (30 s). Once the cause is gone, "
		"`clerk-tokenctl retry 7` starts anew.");
	ends((struct reader_job){.action = TEXT("create"),
		     .state = TEXT("cancelled"),
		     .result = TEXT("cancelled")},
		true,
		"Job 7 was cancelled at 2026-01-02 03:04:05.000 UTC: max_failures of its "
		"batch was reached. `clerk-tokenctl retry 7` queues it again.");
	ends((struct reader_job){.state = TEXT("rejected"),
		     .result = TEXT("invalid"),
		     .error_message = TEXT("user_id: is missing")},
		false,
		"Job 7 was rejected at 2026-01-02 03:04:05.000 UTC: the row or the "
		"request "
		"does not hold: user_id: is missing. No request was made; put it right "
		"and "
		"submit it again.");
	/* A later version's words are no reason to fall. */
	ends((struct reader_job){.state = TEXT("dissolved"), .result = TEXT("gone")},
		false, "Job 7 dissolved at 2026-01-02 03:04:05.000 UTC.");
}

static void unknown_effects(void **state)
{
	struct reader_job job = {.action = TEXT("create"), .unknown_attempts = 0};
	AUTO(buf) struct buf text = BUF_NULL;

	(void)state;
	story_unknown(&text, &job, "abc");
	assert_string_equal(buf_str(&text), "");
	job.unknown_attempts = 2;
	story_unknown(&text, &job, "abc");
	assert_string_equal(buf_str(&text),
		"2 attempts have an unknown effect: tokens may exist that nobody can "
		"use, "
		"because the secret never arrived; it counts as pending at Clerk's until "
		"it "
		"expires. Clerk's dashboard finds it by trace id abc.");
	buf_clear(&text);
	job.action = TEXT("revoke");
	job.unknown_attempts = 1;
	story_unknown(&text, &job, NULL);
	assert_string_equal(buf_str(&text), "1 attempt has an unknown effect: the token "
					    "may have been revoked by it; a "
					    "revoke can be repeated without harm.");
}

static void stops(void **state)
{
	const struct reader_stop hold = {
		.kind = "outage", .since = "T", .reason = "why", .ends = "a probe"};
	const struct reader_stop queue = {
		.kind = "queue", .since = "T", .reason = "why", .ends = "it is right"};
	const struct reader_stop creates = {.since = "T",
		.action = "create",
		.command_id = 3,
		.by = "ana",
		.why = "lunch",
		.ends = "U"};
	const struct reader_stop batch = {
		.since = "T", .batch = "b", .command_id = 4, .by = ""};
	AUTO(buf) struct buf text = BUF_NULL;

	(void)state;
	waits_say_stop(&text, &hold);
	buf_putc(&text, '|');
	waits_say_stop(&text, &queue);
	buf_putc(&text, '|');
	waits_say_stop(&text, &creates);
	buf_putc(&text, '|');
	waits_say_stop(&text, &batch);
	assert_string_equal(buf_str(&text),
		"sending is held since T UTC (outage): why; ends with: a probe|"
		"taking from the queue is held since T UTC (queue): why; ends with: it "
		"is "
		"right|"
		"creates are paused since T UTC by ana (command 3): lunch; until U UTC|"
		"batch b is paused since T UTC by nobody named (command 4); until "
		"resumed");
	assert_true(waits_concerns(&hold, "create", NULL));
	assert_false(waits_concerns(&queue, "create", NULL));
	assert_true(waits_concerns(&creates, "create", "b"));
	assert_false(waits_concerns(&creates, "revoke", "b"));
	assert_true(waits_concerns(&batch, "revoke", "b"));
	assert_false(waits_concerns(&batch, "revoke", "c"));
	assert_false(waits_concerns(&batch, "revoke", NULL));
}

static void rates(void **state)
{
	struct progress_rate rate = {0};

	(void)state;
	assert_true(progress_per_second(&rate, 5, 3) < 0);
	progress_note(&rate, 1000, 10);
	assert_true(progress_per_second(&rate, 1999, 20) < 0);
	assert_true(progress_per_second(&rate, 3000, 30) == 10);
	/* Only the last ten seconds count. */
	for (int i = 1; i <= 1000; i++)
		progress_note(&rate, 1000 + i * 250, 10 + i);
	assert_true(progress_per_second(&rate, 1000 + 250 * 1000, 1010) == 4);
	/* Jobs that were retried are not over any more. */
	assert_true(progress_per_second(&rate, 1000 + 250 * 1000, 3) == 0);
}

static const struct progress half = {.name = "mailing",
	.bar = {.total = 10000, .done = 4512, .failed = 20},
	.failed = 12,
	.left = 5488,
	.per_second = 49.2,
	.left_ms = 110000};

static void lines(void **state)
{
	AUTO(buf) struct buf line = BUF_NULL;
	struct progress waits = half;

	(void)state;
	progress_top(&line, &half, 79);
	assert_string_equal(buf_str(&line),
		"mailing [####################x..........................]  "
		"45%  4,512 of 10,000");
	buf_clear(&line);
	progress_bottom(&line, &half, 79);
	assert_string_equal(
		buf_str(&line), "5,488 left, about 1 min 50 s, 12 failed, 49/s");
	buf_clear(&line);
	progress_plain(&line, &half);
	assert_string_equal(buf_str(&line),
		"4,512 of 10,000 done, 5,488 left, 12 failed, "
		"49/s, about 1 min 50 s to go\n");
	buf_clear(&line);
	progress_top(&line, &half, 39);
	assert_string_equal(buf_str(&line), "mailing [##x....]  45%  4,512 of 10,000");
	buf_clear(&line);
	progress_bottom(&line, &half, 39);
	assert_string_equal(buf_str(&line), "5,488 left, about 1 min 50 s, 12 failed");
	/* What it waits for matters more than how fast it was. */
	waits.waits = "sending is held since long";
	buf_clear(&line);
	buf_puts(&line, "what stands in front\n");
	progress_bottom(&line, &waits, 30);
	assert_string_equal(
		buf_str(&line), "what stands in front\n5,488 left, sending is held si");
	buf_clear(&line);
	progress_plain(&line, &waits);
	assert_string_equal(buf_str(&line),
		"4,512 of 10,000 done, 5,488 left, 12 failed, "
		"49/s; sending is held since long\n");
}

static void lines_of_any_width(void **state)
{
	struct progress huge = half, waits = half;

	(void)state;
	huge.bar = (struct bar){.total = INT64_MAX, .done = INT64_MAX - 1, .failed = 1};
	huge.failed = huge.left = huge.left_ms = INT64_MAX;
	huge.name = "a name as long as a name may be, and then some more of it, größer";
	waits.waits = "größer als sonst üblich, und ein wenig länger als das hier";
	for (int columns = 1; columns <= 200; columns++) {
		const struct progress *all[] = {&half, &huge, &waits};

		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			AUTO(buf) struct buf top = BUF_NULL;
			AUTO(buf) struct buf bottom = BUF_NULL;

			progress_top(&top, all[i], columns);
			progress_bottom(&bottom, all[i], columns);
			if (text_width(buf_str(&top), top.len) > columns ||
				text_width(buf_str(&bottom), bottom.len) > columns)
				fail_msg("%d columns: %s|%s", columns, buf_str(&top),
					buf_str(&bottom));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),
		cmocka_unit_test(endings),
		cmocka_unit_test(unknown_effects),
		cmocka_unit_test(stops),
		cmocka_unit_test(rates),
		cmocka_unit_test(lines),
		cmocka_unit_test(lines_of_any_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
