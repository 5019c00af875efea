/* report unknown as HTML. */
#include "ctl/report_html_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* The attempts, counted. */
struct attempts {
	int64_t n, creates, revokes, open;
	const char *now;                 /* borrowed */
	char live_until[CLOCK_TEXT_LEN]; /* "" = no token may be live */
};

static int on_attempt(void *userdata, const void *row, struct error *err)
{
	struct attempts *attempts = userdata;
	const struct report_unknown *attempt = row;
	bool is_create = attempt->action && !strcmp(attempt->action, "create");
	const char *until = attempt->may_be_live_until;

	(void)err;
	attempts->n++;
	attempts->creates += is_create;
	attempts->revokes += !is_create;
	if (until && strcmp(until, attempts->now) > 0) {
		attempts->open++;
		if (strcmp(until, attempts->live_until) > 0)
			(void)snprintf(attempts->live_until, sizeof(attempts->live_until),
				"%s", until);
	}
	return 0;
}

static void put_cards(struct report_page *page, const struct attempts *attempts)
{
	AUTO(free_ptr)
	char *until = xasprintf("the last until %.16s UTC", attempts->live_until);
	const struct html_card cards[] = {
		{"Requests of unknown effect", attempts->n, NULL, NULL,
			attempts->n ? HTML_DOUBT : HTML_PLAIN},
		{"Creates", attempts->creates, NULL, "each may have made a token",
			HTML_PLAIN},
		{"Revokes", attempts->revokes, NULL, "were or will be sent again",
			HTML_PLAIN},
		{"Creates whose token may be live", attempts->open, NULL,
			attempts->open ? until : NULL,
			attempts->open ? HTML_DOUBT : HTML_PLAIN},
	};

	html_section(&page->html, "At a glance", false);
	html_cards(&page->html, cards, ARRAY_LEN(cards));
	if (attempts->n)
		html_note(&page->html, HTML_PLAIN,
			"Clerk's dashboard and logs know what happened: look there for "
			"the "
			"user between the two times, or for the trace id. Nobody holds "
			"the "
			"secret of a token that was made without an answer; it cannot be "
			"used, "
			"and it expires.");
}

int report_html_unknown(struct report_page *page, struct error *err)
{
	static const struct html_column columns[] = {
		{"Row", HTML_ID, offsetof(struct report_unknown, seq), NULL},
		{"Sent (UTC)", HTML_TIME, offsetof(struct report_unknown, sent_at), NULL},
		{"Given up (UTC)", HTML_TIME, offsetof(struct report_unknown, at), NULL},
		{"Action", HTML_WORD, offsetof(struct report_unknown, action), NULL},
		{"User", HTML_CODE, offsetof(struct report_unknown, user_id), NULL},
		{"Token to revoke", HTML_CODE,
			offsetof(struct report_unknown, sign_in_token_id), NULL},
		{"Job", HTML_ID, offsetof(struct report_unknown, job_id), NULL},
		{"Attempt", HTML_ID, offsetof(struct report_unknown, attempt), NULL},
		{"Trace id", HTML_CODE, offsetof(struct report_unknown, trace_id), NULL},
		{"HTTP", HTML_ID, offsetof(struct report_unknown, http_status), NULL},
		{"What was seen", HTML_PROSE,
			offsetof(struct report_unknown, error_message), NULL},
		{HTML_STATED, HTML_TEXT, offsetof(struct report_unknown, requested_by),
			NULL},
		{"Reason", HTML_PROSE, offsetof(struct report_unknown, reason), NULL},
		{"Job now", HTML_WORD, offsetof(struct report_unknown, job_state), NULL},
		{"Its token", HTML_CODE, offsetof(struct report_unknown, made_token_id),
			NULL},
		{"May be live until (UTC)", HTML_TIME,
			offsetof(struct report_unknown, may_be_live_until), NULL},
	};
	static const struct html_table table = {"Each attempt, oldest first", columns,
		ARRAY_LEN(columns), "No request of the period has an unknown effect."};
	char now[CLOCK_TEXT_LEN];
	struct attempts attempts = {.now = now};

	clock_format(page->now_ms, now);
	if (report_html_walk(page, READER_REPORT_UNKNOWN, on_attempt, &attempts, err) < 0)
		return -1;
	put_cards(page, &attempts);
	html_section(&page->html, "One by one", true);
	return report_html_table(page, READER_REPORT_UNKNOWN, &table, attempts.n, err);
}
