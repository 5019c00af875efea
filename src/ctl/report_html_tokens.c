/* report tokens and report outstanding as HTML. */
#include "ctl/report_html_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- outstanding, counted ---- */

#define BUCKETS_MAX 8

/* The counts of one kind. */
struct bucket_kind {
	struct html_share shares[BUCKETS_MAX];
	char names[BUCKETS_MAX][64];
	int n;
};

struct buckets {
	struct bucket_kind expires, age;
	int64_t unnamed; /* not even known to exist */
};

static void add_bucket(struct bucket_kind *kind, const struct report_buckets *bucket)
{
	if (kind->n == BUCKETS_MAX)
		return;
	(void)snprintf(kind->names[kind->n], sizeof(kind->names[0]), "%s",
		bucket->bucket ? bucket->bucket : "");
	kind->shares[kind->n] =
		(struct html_share){kind->names[kind->n], bucket->tokens, HTML_DOUBT};
	kind->n++;
}

static int on_bucket(void *userdata, const void *row, struct error *err)
{
	struct buckets *buckets = userdata;
	const struct report_buckets *bucket = row;
	const char *kind = bucket->kind ? bucket->kind : "";

	(void)err;
	if (!strcmp(kind, "expires"))
		add_bucket(&buckets->expires, bucket);
	else if (!strcmp(kind, "age"))
		add_bucket(&buckets->age, bucket);
	else
		buckets->unnamed += bucket->tokens;
	return 0;
}

static void put_unnamed(struct report_page *page, int64_t n)
{
	AUTO(buf) struct buf text = BUF_NULL;

	html_put_count(&text, n);
	buf_printf(&text,
		" more may be live that nobody holds: %s of unknown effect may have made "
		"one. report unknown lists %s.",
		n == 1 ? "a create" : "creates", n == 1 ? "it" : "them");
	html_note(&page->html, HTML_DOUBT, buf_str(&text));
}

int report_html_shares(struct report_page *page, struct error *err)
{
	static const char empty[] = "No token may be live.";
	struct buckets buckets = {0};

	if (report_html_walk(page, READER_REPORT_BUCKETS, on_bucket, &buckets, err) < 0)
		return -1;
	html_shares(&page->html,
		&(struct html_shares){"Tokens that may be live, by when they expire",
			"expires", "tokens", buckets.expires.shares, buckets.expires.n,
			empty});
	html_shares(
		&page->html, &(struct html_shares){"The same, by how old they are", "age",
				     "tokens", buckets.age.shares, buckets.age.n, empty});
	if (buckets.unnamed)
		put_unnamed(page, buckets.unnamed);
	return 0;
}

/* ---- outstanding, one by one ---- */

static int on_count(void *userdata, const void *row, struct error *err)
{
	(void)row;
	(void)err;
	++*(int64_t *)userdata;
	return 0;
}

int report_html_outstanding(struct report_page *page, struct error *err)
{
	static const struct html_column columns[] = {
		{"Entry", HTML_ID, offsetof(struct report_outstanding, entry), NULL},
		{"Token", HTML_CODE,
			offsetof(struct report_outstanding, sign_in_token_id), NULL},
		{"User", HTML_CODE, offsetof(struct report_outstanding, user_id), NULL},
		{"Created (UTC)", HTML_TIME,
			offsetof(struct report_outstanding, created_at), NULL},
		{"Expires (UTC)", HTML_TIME,
			offsetof(struct report_outstanding, expires_at), NULL},
		{"Left", HTML_AGE, offsetof(struct report_outstanding, left_s), NULL},
		{HTML_STATED, HTML_TEXT,
			offsetof(struct report_outstanding, requested_by), NULL},
		{"Reason", HTML_PROSE, offsetof(struct report_outstanding, reason), NULL},
		{"Reference", HTML_TEXT, offsetof(struct report_outstanding, reference),
			NULL},
		{"Batch", HTML_TEXT, offsetof(struct report_outstanding, batch), NULL},
		{"Job", HTML_ID, offsetof(struct report_outstanding, create_job_id),
			NULL},
		{"Revoke job", HTML_ID,
			offsetof(struct report_outstanding, revoke_job_id), NULL},
		{"Its state", HTML_WORD,
			offsetof(struct report_outstanding, revoke_state), NULL},
	};
	static const struct html_table table = {
		"Tokens that may be live, the first to expire on top", columns,
		ARRAY_LEN(columns), "No token of the period may be live."};
	int64_t n = 0;

	if (report_html_walk(page, READER_REPORT_OUTSTANDING, on_count, &n, err) < 0)
		return -1;
	html_section(&page->html, "At a glance", false);
	html_cards(&page->html,
		&(struct html_card){"Tokens that may be live", n, NULL,
			"made in the period", n ? HTML_DOUBT : HTML_PLAIN},
		1);
	html_section(&page->html, "By expiry and age", false);
	if (report_html_shares(page, err) < 0)
		return -1;
	html_section(&page->html, "One by one", true);
	return report_html_table(page, READER_REPORT_OUTSTANDING, &table, n, err);
}

/* ---- the register ---- */

enum life { LIVE, USED, REVOKED, EXPIRED, LIFE__MAX };

/* The register, counted. */
struct lives {
	int64_t n[LIFE__MAX];
	struct report_html_days days;
};

static enum life life_of(const struct report_tokens *token)
{
	switch (token->life ? *token->life : '\0') {
	case 'm':
		return LIVE;
	case 'u':
		return USED;
	case 'r':
		return REVOKED;
	default:
		return EXPIRED;
	}
}

static int on_life(void *userdata, const void *row, struct error *err)
{
	struct lives *lives = userdata;
	const struct report_tokens *token = row;
	enum life life = life_of(token);
	int64_t *values = report_html_day(
		&lives->days, token->created_at ? token->created_at : token->status_at);

	(void)err;
	lives->n[life]++;
	if (values)
		values[life]++;
	return 0;
}

static const struct html_series life_series[LIFE__MAX] = {
	[LIVE] = {"may be live", HTML_DOUBT},
	[USED] = {"used", HTML_FIRST},
	[REVOKED] = {"revoked", HTML_GOOD},
	[EXPIRED] = {"expired, use not known", HTML_CALM},
};

static int64_t put_lives(struct report_page *page, const struct lives *lives)
{
	static const char *const names[LIFE__MAX] = {
		"May be live", "Used", "Revoked", "Expired, use not known"};
	struct html_card cards[LIFE__MAX + 1];
	int64_t n = 0;

	for (int life = 0; life < LIFE__MAX; life++) {
		n += lives->n[life];
		cards[life + 1] = (struct html_card){
			names[life], lives->n[life], NULL, NULL, life_series[life].tone};
	}
	cards[0] =
		(struct html_card){"Tokens in the register", n, NULL, NULL, HTML_PLAIN};
	html_section(&page->html, "At a glance", false);
	html_cards(&page->html, cards, ARRAY_LEN(cards));
	return n;
}

static int put_register(struct report_page *page, int64_t n, struct error *err)
{
	static const struct html_column columns[] = {
		{"Entry", HTML_ID, offsetof(struct report_tokens, entry), NULL},
		{"Token", HTML_CODE, offsetof(struct report_tokens, sign_in_token_id),
			NULL},
		{"Life", HTML_WORD, offsetof(struct report_tokens, life),
			report_html_life},
		{"User", HTML_CODE, offsetof(struct report_tokens, user_id), NULL},
		{"Created (UTC)", HTML_TIME, offsetof(struct report_tokens, created_at),
			NULL},
		{"Expires (UTC)", HTML_TIME, offsetof(struct report_tokens, expires_at),
			NULL},
		{HTML_STATED, HTML_TEXT, offsetof(struct report_tokens, requested_by),
			NULL},
		{"Reason", HTML_PROSE, offsetof(struct report_tokens, reason), NULL},
		{"Reference", HTML_TEXT, offsetof(struct report_tokens, reference), NULL},
		{"Batch", HTML_TEXT, offsetof(struct report_tokens, batch), NULL},
		{"Job", HTML_ID, offsetof(struct report_tokens, create_job_id), NULL},
		{"Revoke job", HTML_ID, offsetof(struct report_tokens, revoke_job_id),
			NULL},
		{"Revoke requested by (as stated)", HTML_TEXT,
			offsetof(struct report_tokens, revoke_requested_by), NULL},
		{"Reason of the revoke", HTML_PROSE,
			offsetof(struct report_tokens, revoke_reason), NULL},
	};
	static const struct html_table table = {
		"Every token, in the order in which it was heard of", columns,
		ARRAY_LEN(columns), "No token was made in the period."};

	html_section(&page->html, "Register", true);
	return report_html_table(page, READER_REPORT_TOKENS, &table, n, err);
}

int report_html_tokens(struct report_page *page, struct error *err)
{
	struct lives lives = {.days = {.days = {.title = "Tokens made, by their life now",
					       .series = life_series,
					       .n_series = LIFE__MAX,
					       .empty = "No token was made."}}};
	int rc = report_html_walk(page, READER_REPORT_TOKENS, on_life, &lives, err);

	if (rc == 0) {
		int64_t n = put_lives(page, &lives);

		report_html_spread(&lives.days, page->ask);
		html_section(&page->html, "Day by day", false);
		html_bars(&page->html, &lives.days.days);
		rc = put_register(page, n, err);
	}
	report_html_days_deinit(&lives.days);
	return rc;
}
